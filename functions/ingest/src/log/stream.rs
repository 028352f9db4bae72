//! Decompresses objects. Gzip and Zstandard are detected by the first bytes of an object, not by its key.

use super::members::{MAGIC_BYTES, Members, is_compressed};
use std::io::{self, Cursor};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt, BufReader, ReadBuf};

const BUFFER: usize = 256 << 10;

/// The decompressed log in an object.
pub struct Decompressed {
    pub log: Box<dyn AsyncBufRead + Send + Unpin>,
    /// The state of the connection that the object is read from.
    pub transport: Transport,
    pub compressed: bool,
}

/// Detects the compression of `object`, which must be at its start.
pub async fn decompressed<R>(object: R) -> io::Result<Decompressed>
where
    R: AsyncBufRead + Send + Unpin + 'static,
{
    let transport = Transport::default();
    let mut object = watched(object, &transport);
    // The first bytes may arrive one by one.
    let mut head = Vec::with_capacity(MAGIC_BYTES);
    (&mut object).take(MAGIC_BYTES as u64).read_to_end(&mut head).await?;
    let compressed = is_compressed(&head);
    let object = Cursor::new(head).chain(object);
    let log: Box<dyn AsyncBufRead + Send + Unpin> = match compressed {
        true => Box::new(BufReader::with_capacity(BUFFER, Members::new(object))),
        false => Box::new(object),
    };
    Ok(Decompressed { log, transport, compressed })
}

/// A plain-text log; `object` may start at a later position.
pub(crate) fn plain<R>(object: R) -> Decompressed
where
    R: AsyncBufRead + Send + Unpin + 'static,
{
    let transport = Transport::default();
    Decompressed { log: Box::new(watched(object, &transport)), transport, compressed: false }
}

/// Distinguishes a lost connection, where a retry helps, from corrupt content.
#[derive(Debug, Clone, Default)]
pub struct Transport(Arc<Mutex<Option<String>>>);

impl Transport {
    /// The error of the connection, if it was lost.
    pub fn failure(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn record(&self, error: &io::Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }
}

fn watched<R: AsyncRead + Unpin>(object: R, transport: &Transport) -> BufReader<Watched<R>> {
    BufReader::with_capacity(BUFFER, Watched { object, transport: transport.clone() })
}

/// Records the errors of a connection in its [`Transport`].
struct Watched<R> {
    object: R,
    transport: Transport,
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.object).poll_read(cx, buf);
        if let Poll::Ready(Err(e)) = &read {
            self.transport.record(e);
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::GzEncoder;
    use std::io::Write;

    /// A reader that returns one byte per read.
    struct ByteByByte(Cursor<Vec<u8>>);

    impl AsyncRead for ByteByByte {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let mut one = [0];
            let mut byte = ReadBuf::new(&mut one);
            let read = Pin::new(&mut self.0).poll_read(cx, &mut byte);
            buf.put_slice(byte.filled());
            read
        }
    }

    #[tokio::test]
    async fn compression_is_detected_from_single_byte_reads() {
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"log").unwrap();
        for (object, expected) in [(gzip.finish().unwrap(), "log"), (b"{}".to_vec(), "{}"), (vec![], "")] {
            let mut log = decompressed(BufReader::new(ByteByByte(Cursor::new(object)))).await.unwrap().log;
            let mut text = String::new();
            log.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, expected);
        }
    }
}

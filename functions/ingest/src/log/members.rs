//! Decompresses the members of an object, one after another: `cat a.gz b.gz` and many log shippers write several, and
//! tapes and block devices pad them with zero bytes.

use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Bytes that [`is_compressed`] needs.
pub const MAGIC_BYTES: usize = 4;

/// Whether an object that starts with `head` is compressed with gzip or Zstandard.
pub fn is_compressed(head: &[u8]) -> bool {
    // A Zstandard file may start with a skippable frame, as pzstd writes it.
    head.starts_with(GZIP) || head.starts_with(ZSTD) || matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// Decompresses all members of `object`.
pub struct Members<R>(Member<R>);

enum Member<R> {
    /// At the start of a member, in padding, or at the end.
    Between(R),
    Gzip(GzipDecoder<R>),
    Zstd(ZstdDecoder<R>),
    /// Only while the state changes.
    Moved,
}

impl<R: AsyncBufRead + Unpin> Members<R> {
    pub fn new(object: R) -> Self {
        Self(Member::Between(object))
    }

    /// Skips padding. Returns the first byte of the next member; `None` at the end of the object.
    fn poll_start(object: &mut R, cx: &mut Context<'_>) -> Poll<io::Result<Option<u8>>> {
        loop {
            let bytes = ready!(Pin::new(&mut *object).poll_fill_buf(cx))?;
            let padding = bytes.iter().take_while(|byte| **byte == 0).count();
            let first = bytes.get(padding).copied();
            if first.is_some() || padding == 0 {
                Pin::new(&mut *object).consume(padding);
                return Poll::Ready(Ok(first));
            }
            Pin::new(&mut *object).consume(padding);
        }
    }
}

impl<R: AsyncBufRead + Unpin> AsyncRead for Members<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let filled = buf.filled().len();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            let mut first = None;
            match &mut self.0 {
                Member::Between(object) => match ready!(Self::poll_start(object, cx))? {
                    Some(byte) => first = Some(byte),
                    None => return Poll::Ready(Ok(())),
                },
                Member::Gzip(decoder) => ready!(Pin::new(decoder).poll_read(cx, buf))?,
                Member::Zstd(decoder) => ready!(Pin::new(decoder).poll_read(cx, buf))?,
                Member::Moved => return Poll::Ready(Ok(())),
            }
            if buf.filled().len() > filled {
                return Poll::Ready(Ok(()));
            }
            self.0 = match (std::mem::replace(&mut self.0, Member::Moved), first) {
                (Member::Between(object), Some(0x1f)) => Member::Gzip(GzipDecoder::new(object)),
                (Member::Between(object), Some(0x28 | 0x50..=0x5f)) => Member::Zstd(ZstdDecoder::new(object)),
                (Member::Between(_), _) => {
                    let why = "data after the last compressed member is not compressed";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
                }
                (Member::Gzip(decoder), _) => Member::Between(decoder.into_inner()),
                (Member::Zstd(decoder), _) => Member::Between(decoder.into_inner()),
                (Member::Moved, _) => Member::Moved,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::GzEncoder;
    use std::io::Write;
    use tokio::io::{AsyncReadExt, BufReader};

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    async fn read(object: &[u8], buffer: usize) -> (String, Option<String>) {
        let mut text = Vec::new();
        let read = Members::new(BufReader::with_capacity(buffer, object)).read_to_end(&mut text).await;
        (String::from_utf8(text).unwrap(), read.err().map(|e| e.to_string()))
    }

    #[tokio::test]
    async fn padding_between_and_after_members_is_skipped() {
        let padded = [gzip("a"), vec![0; 700], gzip(""), gzip("b"), vec![0; 512]].concat();
        for buffer in [1, 7, 1 << 16] {
            assert_eq!(read(&padded, buffer).await, ("ab".into(), None));
            assert_eq!(read(&gzip("a"), buffer).await, ("a".into(), None));
        }
    }

    #[tokio::test]
    async fn other_data_after_a_member_is_an_error() {
        let (text, error) = read(&[gzip("a"), b"plain".to_vec()].concat(), 64).await;
        assert_eq!((text.as_str(), error.unwrap().contains("not compressed")), ("a", true));
        let whole = gzip("text");
        assert!(read(&whole[..whole.len() - 1], 64).await.1.is_some());
    }
}

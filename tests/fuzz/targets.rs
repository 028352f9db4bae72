//! What must hold for any bytes. The fuzz targets and the ordinary test `fuzz_corpus` share this file.

#![allow(dead_code)] // each fuzz target uses one of them

use churn_common::calendar::Timestamp;
use churn_common::event::Line;
use churn_common::session::{Added, SliceBuilder, decode, encode};
use futures::FutureExt;
use ingest::log::lines::{End, Lines};
use ingest::log::stream::{Decompressed, Transport, decompressed};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader, ReadBuf};

/// Any line is what `serde_json` says it is; an event becomes a slice that is stored and read back.
pub fn event_line(line: &[u8]) {
    let latest = Timestamp::from_millis(2_000_000_000_000);
    let parsed = Line::parse(line, latest);
    assert_eq!(parsed, Line::parse_with_serde_json(line, latest));
    if let Line::Event(event) = parsed {
        let mut slices = SliceBuilder::default();
        assert_eq!(slices.add(&event), Added::New);
        assert_eq!(slices.add(&event), Added::Duplicate);
        let days = slices.finish();
        assert_eq!((days.len(), &days[0].user, days[0].slices[0].events()), (1, &event.user, 1));
        let stored = encode(&days[0].slices).expect("a slice can be stored");
        assert_eq!(decode(days[0].day, &stored).as_ref(), Ok(&days[0].slices));
    }
}

/// Any object is read in bounded memory, and each of its bytes is of one line. The first bytes of the input say how it is
/// read: in chunks of what length, with what limit on lines, and whether the connection breaks at the end.
pub fn log_reader(input: &[u8]) {
    let [chunk, limit, object @ ..] = input else { return };
    let (breaks, limit) = (*limit >= 128, 1 + usize::from(*limit % 128));
    let open = || {
        let source = Source { left: object.to_vec(), chunk: 1 + usize::from(*chunk), breaks };
        decompressed(BufReader::new(source)).now_or_never().expect("bytes in memory are there")
    };
    let (Ok(Decompressed { log, transport, .. }), Ok(whole)) = (open(), open()) else {
        assert!(breaks, "only a transport keeps an object from being opened");
        return;
    };
    let (text, error) = text_of(whole.log);
    if !object.starts_with(&[0x1f, 0x8b]) && !object.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        assert_eq!((&text[..], error.is_some()), (object, breaks), "a plain object is its own log");
    }

    let mut lines = Lines::new(log, limit);
    let (mut number, mut offset) = (0, 0);
    let mut rest = &text[..];
    while let Some(line) = lines.next().now_or_never().expect("bytes in memory are there") {
        number += 1;
        assert_eq!((line.number, line.offset), (number, offset));
        let length = rest.iter().position(|byte| *byte == b'\n');
        let expected = &rest[..length.unwrap_or(rest.len())];
        let kept = &expected[..expected.len().min(limit)];
        let kept = if number == 1 { kept.strip_prefix(b"\xef\xbb\xbf").unwrap_or(kept) } else { kept };
        assert_eq!(line.bytes, kept);
        match (length, &error) {
            (None, Some(why)) => assert_eq!(line.end, End::Truncated(why.clone())),
            _ => assert_eq!(line.end, if expected.len() > limit { End::TooLong } else { End::Complete }),
        }
        let taken = length.map_or(rest.len(), |length| length + 1);
        assert!(taken > 0, "a line has a byte, if only its end");
        rest = &rest[taken..];
        offset += taken as u64;
        assert_eq!(lines.offset(), offset);
    }
    assert!(rest.is_empty(), "{} bytes are of no line", rest.len());
    assert_eq!(lines.read_error(), error.as_deref());
    check_transport(&transport, breaks, error.as_deref());
}

/// A broken connection is distinguished from broken contents.
fn check_transport(transport: &Transport, breaks: bool, error: Option<&str>) {
    match transport.failure() {
        Some(why) => assert!(breaks && error == Some(&why)),
        // What lies behind the end of the compressed log is not read.
        None => assert!(!breaks || error != Some(Source::WHY)),
    }
}

/// The text of a log, and the read error that ended it.
fn text_of(mut log: impl AsyncBufRead + Unpin) -> (Vec<u8>, Option<String>) {
    let mut text = Vec::new();
    loop {
        match log.fill_buf().now_or_never().expect("bytes in memory are there") {
            Ok([]) => return (text, None),
            Ok(bytes) => {
                text.extend_from_slice(bytes);
                let n = bytes.len();
                log.consume(n);
            }
            Err(e) => return (text, Some(e.to_string())),
        }
    }
}

/// An object that arrives in chunks; the connection may break at its end.
struct Source {
    left: Vec<u8>,
    chunk: usize,
    breaks: bool,
}

impl Source {
    const WHY: &str = "the connection is gone";
}

impl AsyncRead for Source {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.left.is_empty() && self.breaks {
            return Poll::Ready(Err(io::Error::other(Self::WHY)));
        }
        let n = self.chunk.min(self.left.len()).min(buf.remaining());
        buf.put_slice(&self.left[..n]);
        self.left.drain(..n);
        Poll::Ready(Ok(()))
    }
}

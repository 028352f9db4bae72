//! Properties that hold for any bytes. The fuzz targets and the ordinary test `fuzz_corpus` share this file.

#![allow(dead_code)] // each fuzz target uses one function

use churn_common::calendar::Timestamp;
use churn_common::event::{Line, TimeRange};
use churn_common::session::{Added, SliceBuilder, decode, encode};
use futures::FutureExt;
use ingest::log::lines::{End, Lines};
use ingest::log::members::is_compressed;
use ingest::log::stream::{Decompressed, Transport, decompressed};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader, ReadBuf};

/// The parser agrees with `serde_json` on any line, and a slice of an event can be encoded and decoded.
pub fn event_line(line: &[u8]) {
    let times = TimeRange::new(TimeRange::DEFAULT_MIN_DATE, Timestamp::from_millis(2_000_000_000_000), 0);
    let parsed = Line::parse(line, times);
    assert_eq!(parsed, Line::parse_with_serde_json(line, times));
    if let Line::Event(event) = parsed {
        let mut slices = SliceBuilder::default();
        assert_eq!(slices.add(&event), Added::New);
        assert_eq!(slices.add(&event), Added::Duplicate);
        let days = slices.finish();
        assert_eq!((days.len(), &days[0].user, days[0].slices[0].events()), (1, &event.user, 1));
        let stored = encode(&days[0].slices).expect("a slice can be encoded");
        assert_eq!(decode(days[0].day, &stored).as_ref(), Ok(&days[0].slices));
    }
}

/// Any object is read in bounded memory, and each of its bytes belongs to one line. The first two bytes of the input are
/// parameters: the length of the reads, the limit on lines, and whether the connection is lost at the end.
pub fn log_reader(input: &[u8]) {
    let [read_length, limit, object @ ..] = input else { return };
    let (is_lost, limit) = (*limit >= 128, 1 + usize::from(*limit % 128));
    let open = || {
        let source = Source { left: object.to_vec(), read_length: 1 + usize::from(*read_length), is_lost };
        decompressed(BufReader::new(source)).now_or_never().expect("bytes in memory are ready")
    };
    let (Ok(Decompressed { log, transport, .. }), Ok(whole)) = (open(), open()) else {
        assert!(is_lost, "only a lost connection makes opening fail");
        return;
    };
    let (text, error) = text_of(whole.log);
    if !is_compressed(object) {
        assert_eq!((&text[..], error.is_some()), (object, is_lost), "a plain-text object is its own log");
    }

    let mut lines = Lines::new(log, limit);
    let (mut number, mut offset) = (0, 0);
    let mut rest = &text[..];
    while let Some(line) = lines.next().now_or_never().expect("bytes in memory are ready") {
        number += 1;
        assert_eq!((line.number, line.offset), (number, offset));
        let length = rest.iter().position(|byte| *byte == b'\n');
        let expected = &rest[..length.unwrap_or(rest.len())];
        let kept = &expected[..expected.len().min(limit)];
        let kept = kept.strip_prefix(b"\xef\xbb\xbf").unwrap_or(kept);
        assert_eq!(line.bytes, kept);
        match (length, &error) {
            (None, Some(why)) => assert_eq!(line.end, End::Truncated(why.clone())),
            _ => assert_eq!(line.end, if expected.len() > limit { End::TooLong } else { End::Complete }),
        }
        let taken = length.map_or(rest.len(), |length| length + 1);
        assert!(taken > 0, "a line has at least one byte");
        rest = &rest[taken..];
        offset += taken as u64;
        assert_eq!(lines.offset(), offset);
    }
    assert!(rest.is_empty(), "{} bytes belong to no line", rest.len());
    assert_eq!(lines.read_error(), error.as_deref());
    check_transport(&transport, is_lost, error.as_deref());
}

/// A lost connection is distinguished from corrupt content.
fn check_transport(transport: &Transport, is_lost: bool, error: Option<&str>) {
    match transport.failure() {
        Some(why) => assert!(is_lost && error == Some(&why)),
        // The connection may be lost after the end of the compressed log, where nothing is read.
        None => assert!(!is_lost || error != Some(Source::WHY)),
    }
}

/// The content of a log, and the read error that ended it.
fn text_of(mut log: impl AsyncBufRead + Unpin) -> (Vec<u8>, Option<String>) {
    let mut text = Vec::new();
    loop {
        match log.fill_buf().now_or_never().expect("bytes in memory are ready") {
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

/// An object on a connection that may be lost at its end.
struct Source {
    left: Vec<u8>,
    read_length: usize,
    is_lost: bool,
}

impl Source {
    const WHY: &str = "the connection is lost";
}

impl AsyncRead for Source {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.left.is_empty() && self.is_lost {
            return Poll::Ready(Err(io::Error::other(Self::WHY)));
        }
        let n = self.read_length.min(self.left.len()).min(buf.remaining());
        buf.put_slice(&self.left[..n]);
        self.left.drain(..n);
        Poll::Ready(Ok(()))
    }
}

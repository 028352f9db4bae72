//! The lines of a log, or its JSON values, numbered and read in bounded memory.

use super::values::{ValueScanner, is_separator};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The byte order mark that some tools write before UTF-8.
const BOM: &[u8] = &[0xef, 0xbb, 0xbf];

/// Most bytes of one read.
const READ_BYTES: usize = 256 << 10;

/// What separates the events of a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Layout {
    /// Each line is an event.
    #[default]
    Lines,
    /// Each JSON value is an event: in an array, or with or without white space between values.
    Values,
}

/// One line of a log, or one value in [`Layout::Values`].
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// From 1.
    pub number: u64,
    /// Where the line starts in the decompressed log, in bytes.
    pub offset: u64,
    /// The line without its line feed, cut at the limit.
    pub bytes: &'a [u8],
    pub end: End,
}

#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// By a line feed or the end of the log.
    Complete,
    /// The line is longer than the limit.
    TooLong,
    /// By a read error.
    Truncated(String),
}

/// Reads lines of at most `limit` bytes.
#[derive(Debug)]
pub struct Lines<R> {
    log: R,
    limit: usize,
    layout: Layout,
    /// `buffer[begin..end]` holds the bytes that were not returned as a line yet.
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
    number: u64,
    offset: u64,
    read_error: Option<String>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Reads `log` from its start, with `limit` bytes plus 256 KiB of memory.
    pub fn new(log: R, limit: usize) -> Self {
        Self::resumed(log, limit, Layout::Lines, 0, 0)
    }

    /// Continues a log after its first `number` lines: `log` starts at byte `offset`.
    pub(crate) fn resumed(log: R, limit: usize, layout: Layout, offset: u64, number: u64) -> Self {
        Self { log, limit, layout, buffer: Vec::new(), begin: 0, end: 0, number, offset, read_error: None }
    }

    /// Skips the first `offset` bytes of the log, which hold `number` lines.
    pub(crate) async fn skip(&mut self, offset: u64, number: u64) -> io::Result<()> {
        debug_assert_eq!((self.offset, self.begin), (0, 0));
        let buffered = self.end.min(usize::try_from(offset).unwrap_or(usize::MAX));
        self.begin = buffered;
        let unread = offset - buffered as u64;
        tokio::io::copy(&mut (&mut self.log).take(unread), &mut tokio::io::sink()).await?;
        (self.offset, self.number) = (offset, number);
        Ok(())
    }

    /// The first `length` bytes of the log, or all of it if it is shorter. Nothing must have been read before.
    pub(crate) async fn head(&mut self, length: usize) -> &[u8] {
        debug_assert_eq!((self.offset, self.begin), (0, 0));
        while self.end < length && self.fill().await {}
        self.buffer.get(..self.end.min(length)).unwrap_or_default()
    }

    /// Sets what separates the events.
    pub fn set_layout(&mut self, layout: Layout) {
        self.layout = layout;
    }

    /// Lines read so far.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Bytes of the decompressed log read so far, line feeds included.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The read error that ended the log.
    pub fn read_error(&self) -> Option<&str> {
        self.read_error.as_deref()
    }

    /// The next line; `None` at the end of the log or at a read error between two lines.
    pub async fn next(&mut self) -> Option<Line<'_>> {
        if self.layout == Layout::Values {
            self.skip_separators().await;
        }
        let mut value = ValueScanner::default();
        // Bytes of the line that were searched for its end. Those beyond the limit are dropped.
        let (mut kept, mut dropped) = (0, 0);
        let ended = loop {
            let unsearched = &self.buffer[self.begin + kept..self.end];
            let end = match self.layout {
                Layout::Lines => memchr::memchr(b'\n', unsearched),
                Layout::Values => value.end(unsearched),
            };
            if let Some(at) = end {
                kept += at;
                break true;
            }
            kept += unsearched.len();
            if kept > self.limit {
                dropped += (kept - self.limit) as u64;
                kept = self.limit;
                self.end = self.begin + kept;
            }
            if !self.fill().await {
                break false;
            }
        };
        let length = kept as u64 + dropped;
        if length == 0 && !ended {
            return None;
        }
        self.number += 1;
        let (number, offset) = (self.number, self.offset);
        let line = &self.buffer[self.begin..self.begin + kept.min(self.limit)];
        let line_feed = usize::from(ended && self.layout == Layout::Lines);
        self.begin += kept + line_feed;
        self.offset += length + line_feed as u64;
        let end = match &self.read_error {
            Some(why) if !ended => End::Truncated(why.clone()),
            _ if length > self.limit as u64 => End::TooLong,
            _ => End::Complete,
        };
        // At the start of the log, and where files with such a mark were joined.
        let bytes = line.strip_prefix(BOM).unwrap_or(line);
        Some(Line { number, offset, bytes, end })
    }

    /// Reads up to the next value.
    async fn skip_separators(&mut self) {
        loop {
            let unread = &self.buffer[self.begin..self.end];
            let skipped = unread.iter().take_while(|byte| is_separator(**byte)).count();
            let is_at_value = skipped < unread.len();
            self.begin += skipped;
            self.offset += skipped as u64;
            if is_at_value || !self.fill().await {
                return;
            }
        }
    }

    /// Reads more of the log into the buffer; `false` if there is no more.
    async fn fill(&mut self) -> bool {
        if self.read_error.is_some() {
            return false;
        }
        // The bytes in the buffer belong to one line and are within the limit.
        let line = self.begin..self.end;
        (self.begin, self.end) = (0, line.len());
        if self.buffer.len() < self.end + READ_BYTES {
            let mut larger = vec![0; self.end + READ_BYTES];
            larger[..self.end].copy_from_slice(&self.buffer[line]);
            self.buffer = larger;
        } else if line.start > 0 {
            self.buffer.copy_within(line, 0);
        }
        loop {
            match self.log.read(&mut self.buffer[self.end..]).await {
                Ok(read) => {
                    self.end += read;
                    return read > 0;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    self.read_error = Some(e.to_string());
                    return false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::io::ReadBuf;

    /// A reader of these bytes: at most so many per read, and an error at the end, if one is given.
    struct SlowReader<'a>(&'a [u8], usize, Option<&'static str>);

    impl AsyncRead for SlowReader<'_> {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let (chunk, rest) = self.0.split_at(self.1.min(self.0.len()).min(buf.remaining()));
            buf.put_slice(chunk);
            self.0 = rest;
            match self.2 {
                Some(why) if chunk.is_empty() => Poll::Ready(Err(io::Error::other(why))),
                _ => Poll::Ready(Ok(())),
            }
        }
    }

    /// Numbers, offsets, texts and ends of all lines, with reads of `chunk` bytes.
    async fn read(log: &[u8], limit: usize, chunk: usize) -> Vec<(u64, u64, String, End)> {
        read_until(log, limit, chunk, None).await
    }

    async fn read_until(
        log: &[u8],
        limit: usize,
        chunk: usize,
        why: Option<&'static str>,
    ) -> Vec<(u64, u64, String, End)> {
        read_layout(Layout::Lines, log, limit, chunk, why).await
    }

    async fn read_layout(
        layout: Layout,
        log: &[u8],
        limit: usize,
        chunk: usize,
        why: Option<&'static str>,
    ) -> Vec<(u64, u64, String, End)> {
        let mut lines = Lines::new(SlowReader(log, chunk, why), limit);
        lines.set_layout(layout);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await {
            all.push((line.number, line.offset, String::from_utf8_lossy(line.bytes).into_owned(), line.end));
        }
        assert_eq!((lines.offset(), lines.read_error()), (log.len() as u64, why));
        assert!(lines.buffer.capacity() <= limit + READ_BYTES);
        all
    }

    #[tokio::test]
    async fn lines_end_at_a_feed_or_at_the_end() {
        for chunk in [1, 2, 3, 100] {
            let got = read(b"\xef\xbb\xbfab\n\ncd", 10, chunk).await;
            let expected = [
                (1, 0, "ab".into(), End::Complete),
                (2, 6, "".into(), End::Complete),
                (3, 7, "cd".into(), End::Complete),
            ];
            assert_eq!(got, expected, "{chunk}");
            assert_eq!(read(b"", 10, chunk).await, []);
            assert_eq!(read(b"\n", 10, chunk).await, [(1, 0, "".into(), End::Complete)]);
        }
    }

    #[tokio::test]
    async fn long_line_is_cut_and_the_next_is_complete() {
        for chunk in [1, 3, 4, 100] {
            let got = read(b"abcdef\ngh\n", 4, chunk).await;
            assert_eq!(got, [(1, 0, "abcd".into(), End::TooLong), (2, 7, "gh".into(), End::Complete)], "{chunk}");
            assert_eq!(read(b"abcd\n", 4, chunk).await[0].3, End::Complete);
            assert_eq!(read(b"abcdef", 4, chunk).await, [(1, 0, "abcd".into(), End::TooLong)]);
        }
        let log = [vec![b'x'; 3 * READ_BYTES], b"\nend".to_vec()].concat();
        let got = read(&log, 1000, usize::MAX).await;
        assert_eq!((got[0].2.len(), &got[0].3), (1000, &End::TooLong));
        assert_eq!(got[1], (2, 3 * READ_BYTES as u64 + 1, "end".into(), End::Complete));
    }

    #[tokio::test]
    async fn truncated_log_returns_the_lines_before_the_error() {
        for chunk in [1, 3, 100] {
            let got = read_until(b"ab\ncd", 10, chunk, Some("gone")).await;
            let expected = [(1, 0, "ab".into(), End::Complete), (2, 3, "cd".into(), End::Truncated("gone".into()))];
            assert_eq!(got, expected, "{chunk}");
            assert_eq!(read_until(b"ab\n", 10, chunk, Some("gone")).await, expected[..1]);
            let cut = (1, 0, "ab".into(), End::Truncated("gone".into()));
            assert_eq!(read_until(b"abcd", 2, chunk, Some("gone")).await, [cut]);
        }
    }

    #[tokio::test]
    async fn skipped_lines_keep_numbers_and_offsets() {
        for head in [0, 1, 5, 100] {
            let mut lines = Lines::new(SlowReader(b"ab\ncd\nef", 2, None), 10);
            assert_eq!(lines.head(head).await, &b"ab\ncd\nef"[..head.min(8)]);
            lines.skip(3, 1).await.unwrap();
            let line = lines.next().await.unwrap();
            assert_eq!((line.number, line.offset, line.bytes), (2, 3, &b"cd"[..]));
        }
    }

    #[tokio::test]
    async fn byte_order_mark_of_each_line_is_skipped() {
        let got = read(b"\xef\xbb\xbfab\n\xef\xbb\xbfcd\n", 10, 3).await;
        assert_eq!(got.iter().map(|line| line.2.as_str()).collect::<Vec<_>>(), ["ab", "cd"]);
    }

    #[tokio::test]
    async fn values_are_read_in_bounded_memory() {
        let log = b"[{\"a\":1},\n {\"b\":\"0123456789\"},{\"c\":2}]\n";
        for chunk in [1, 2, 3, 100] {
            let expected = [
                (1, 1, r#"{"a":1}"#.into(), End::Complete),
                (2, 11, r#"{"b":"01"#.into(), End::TooLong),
                (3, 30, r#"{"c":2}"#.into(), End::Complete),
            ];
            assert_eq!(read_layout(Layout::Values, log, 8, chunk, None).await, expected, "{chunk}");
            let cut = read_layout(Layout::Values, &log[..15], 8, chunk, Some("gone")).await;
            assert_eq!(cut[1].3, End::Truncated("gone".into()));
        }
        // Each value starts a new line, wherever a chunk ends.
        for offset in [8, 9, 10, 11] {
            let rest = &log[offset as usize..];
            let mut lines = Lines::resumed(rest, 30, Layout::Values, offset, 1);
            let line = lines.next().await.unwrap();
            assert_eq!((line.number, line.offset, line.bytes.len()), (2, 11, 18));
        }
    }
}

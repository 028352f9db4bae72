//! Lines of a log, read in bounded memory and numbered.

use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// Byte order mark that some tools put in front of UTF-8.
const BOM: &[u8] = &[0xef, 0xbb, 0xbf];

/// One line of a log.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// From 1.
    pub number: u64,
    /// Where it begins in the decompressed log, in bytes.
    pub offset: u64,
    /// Its bytes without the line feed, cut at the bound.
    pub bytes: &'a [u8],
    /// How it ends.
    pub end: End,
}

/// How a line ends.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// With a line feed, or with the log.
    Whole,
    /// It is longer than the bound.
    TooLong,
    /// The log breaks off within it.
    CutOff(String),
}

/// Reads lines of at most `limit` bytes.
#[derive(Debug)]
pub struct Lines<R> {
    log: R,
    limit: usize,
    line: Vec<u8>,
    number: u64,
    offset: u64,
    broken: Option<String>,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// The lines of what follows the first `offset` bytes of a log, which are `number` lines.
    pub fn new(log: R, limit: usize, offset: u64, number: u64) -> Self {
        Self { log, limit, line: Vec::new(), number, offset, broken: None }
    }

    /// Lines read so far.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Bytes of the decompressed log read so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What the log broke off with, once it did.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// The next line; `None` at the end of the log, or where it breaks off between two lines.
    pub async fn next(&mut self) -> Option<Line<'_>> {
        if self.broken.is_some() {
            return None;
        }
        self.line.clear();
        let (number, offset) = (self.number + 1, self.offset);
        let (mut length, mut ended) = (0u64, false);
        while !ended {
            let available = match self.log.fill_buf().await {
                Ok(available) => available,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => {
                    self.broken = Some(e.to_string());
                    break;
                }
            };
            if available.is_empty() {
                break;
            }
            let (taken, text) = match memchr::memchr(b'\n', available) {
                Some(at) => {
                    ended = true;
                    (at + 1, available.get(..at).unwrap_or_default())
                }
                None => (available.len(), available),
            };
            let room = self.limit.saturating_sub(self.line.len()).min(text.len());
            self.line.extend_from_slice(text.get(..room).unwrap_or_default());
            length += text.len() as u64;
            self.offset += taken as u64;
            self.log.consume(taken);
        }
        if length == 0 && !ended {
            return None;
        }
        self.number = number;
        let end = match &self.broken {
            Some(why) => End::CutOff(why.clone()),
            None if length > self.limit as u64 => End::TooLong,
            None => End::Whole,
        };
        let bytes = if number == 1 { self.line.strip_prefix(BOM).unwrap_or(&self.line) } else { &self.line };
        Some(Line { number, offset, bytes, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::BufReader;

    /// Numbers, offsets and texts of all lines, read through a buffer of `buffer` bytes.
    async fn read(log: &[u8], limit: usize, buffer: usize) -> Vec<(u64, u64, String, End)> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, log), limit, 0, 0);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await {
            all.push((line.number, line.offset, String::from_utf8_lossy(line.bytes).into_owned(), line.end));
        }
        assert_eq!(lines.offset(), log.len() as u64);
        all
    }

    #[tokio::test]
    async fn lines_end_with_a_feed_or_with_the_log() {
        for buffer in [1, 2, 3, 100] {
            let got = read(b"\xef\xbb\xbfab\n\ncd", 10, buffer).await;
            let expected =
                [(1, 0, "ab".into(), End::Whole), (2, 6, "".into(), End::Whole), (3, 7, "cd".into(), End::Whole)];
            assert_eq!(got, expected, "{buffer}");
            assert_eq!(read(b"", 10, buffer).await, []);
            assert_eq!(read(b"\n", 10, buffer).await, [(1, 0, "".into(), End::Whole)]);
        }
    }

    #[tokio::test]
    async fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let got = read(b"abcdef\ngh\n", 4, 3).await;
        assert_eq!(got, [(1, 0, "abcd".into(), End::TooLong), (2, 7, "gh".into(), End::Whole)]);
        assert_eq!(read(b"abcd\n", 4, 3).await[0].3, End::Whole);
    }
}

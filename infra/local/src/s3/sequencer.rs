//! Sequencers: increasing numbers that order the events of a key, also across restarts and clock changes.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Numbers reserved by one write of the file.
const BLOCK: u64 = 100_000;

/// Assigns sequencers. Numbers below the bound in the file may have been assigned by an earlier process.
#[derive(Debug)]
pub struct Sequencer {
    path: PathBuf,
    next: u64,
    bound: u64,
}

impl Sequencer {
    /// Continues the sequence in the file `path`, or starts it if the file is missing or damaged. `used` is the greatest
    /// sequencer of an object.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(path: &Path, used: Option<&str>) -> io::Result<Self> {
        let bound = match std::fs::read(path) {
            Ok(text) => number(&text).unwrap_or_else(|| {
                tracing::warn!(path = %path.display(), "damaged file of the sequencer, expected a number");
                0
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        let after_used =
            used.and_then(|used| u64::from_str_radix(used, 16).ok()).map_or(0, |used| used.saturating_add(1));
        // The clock keeps the order even if this folder is deleted but the ledger is not. Seconds are in the upper half, as in
        // the sequencers of S3, so that events of both sort in order.
        let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let clock = clock.as_secs() << 32 | u64::from(clock.subsec_nanos()) << 2;
        let next = bound.max(clock).max(after_used);
        Ok(Self { path: path.to_owned(), next, bound: next })
    }

    /// The next number in S3's form: upper-case hexadecimal digits of fixed width, which sort as text.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn next(&mut self) -> io::Result<String> {
        if self.next >= self.bound {
            let bound = self.next + BLOCK;
            let temporary = self.path.with_extension("tmp");
            std::fs::write(&temporary, bound.to_string())?;
            std::fs::rename(&temporary, &self.path)?;
            self.bound = bound;
        }
        self.next += 1;
        Ok(format!("{:018X}", self.next - 1))
    }
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequencers_increase_across_restarts_and_clock_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sequencer");
        let future = u64::MAX / 4;
        std::fs::write(&path, future.to_string()).unwrap();
        let first = Sequencer::open(&path, None).unwrap().next().unwrap();
        let mut reopened = Sequencer::open(&path, None).unwrap();
        let (second, third) = (reopened.next().unwrap(), reopened.next().unwrap());
        assert!(first >= format!("{future:018X}"));
        assert!(first < second && second < third, "{first} {second} {third}");
        assert_eq!(first.len(), third.len());
    }

    #[test]
    fn damaged_file_does_not_repeat_used_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sequencer");
        let used = format!("{:018X}", u64::MAX / 4);
        for damaged in [&b""[..], b"invalid", b"12\xff"] {
            std::fs::write(&path, damaged).unwrap();
            assert!(Sequencer::open(&path, Some(&used)).unwrap().next().unwrap() > used);
        }
    }
}

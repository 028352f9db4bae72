//! Numbers that only ever grow, also over restarts and whatever the clock does: they order the events of a key.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Numbers reserved at once, so that the file is written once per so many events.
const BLOCK: u64 = 100_000;

/// Hands out sequencers. Everything below the bound kept in its file may have been handed out before.
#[derive(Debug)]
pub struct Sequencer {
    path: PathBuf,
    next: u64,
    bound: u64,
}

impl Sequencer {
    /// Opens, or starts, the sequence kept in the file `path`.
    ///
    /// # Errors
    /// The file can't be read, or doesn't hold a number.
    pub fn open(path: &Path) -> io::Result<Self> {
        let bound = match std::fs::read_to_string(path) {
            Ok(text) => text.trim().parse().map_err(|error| {
                io::Error::new(io::ErrorKind::InvalidData, format!("{} is not a number: {error}", path.display()))
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        // Starting from the clock keeps the order even for whoever deletes this folder but not the ledger.
        // Seconds in the upper half, as in S3's own sequencers, so that events of either kind stay in order.
        let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let clock = clock.as_secs() << 32 | u64::from(clock.subsec_nanos()) << 2;
        let next = bound.max(clock);
        Ok(Self { path: path.to_owned(), next, bound: next })
    }

    /// The next number as S3 writes it: upper-case hex of fixed width, so that text order is number order.
    ///
    /// # Errors
    /// The reservation can't be written.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_over_restarts_even_if_the_clock_steps_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sequencer");
        let future = u64::MAX / 4;
        std::fs::write(&path, future.to_string()).unwrap();
        let first = Sequencer::open(&path).unwrap().next().unwrap();
        let mut reopened = Sequencer::open(&path).unwrap();
        let (second, third) = (reopened.next().unwrap(), reopened.next().unwrap());
        assert!(first >= format!("{future:018X}"));
        assert!(first < second && second < third, "{first} {second} {third}");
        assert_eq!(first.len(), third.len());
    }

    #[test]
    fn refuses_a_damaged_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sequencer");
        std::fs::write(&path, "soup").unwrap();
        assert!(Sequencer::open(&path).unwrap_err().to_string().contains("is not a number"));
    }
}

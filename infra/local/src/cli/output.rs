//! Standard output of the commands. A command ends quietly if the reader of the pipe has ended, as in `churn … | head`.

use std::io::{self, ErrorKind, Write};

/// The output of a command, which may be a pipe.
#[derive(Debug)]
pub struct Output<W>(W);

/// Standard output. Not `println!`, which panics if the reader has ended.
pub fn stdout() -> Output<io::Stdout> {
    Output::new(io::stdout())
}

impl<W: Write> Output<W> {
    pub fn new(out: W) -> Self {
        Self(out)
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(mark)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(mark)
    }
}

/// Distinguishes the output of a command from other connections, such as one to S3.
#[derive(Debug, thiserror::Error)]
#[error("the reader of the output has ended")]
struct ReaderEnded;

fn mark(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::BrokenPipe => io::Error::new(ErrorKind::BrokenPipe, ReaderEnded),
        _ => error,
    }
}

/// Whether a command failed only because the reader of its output has ended.
pub fn reader_has_ended(error: &anyhow::Error) -> bool {
    let is_marked = |error: &io::Error| error.get_ref().is_some_and(|inner| inner.is::<ReaderEnded>());
    error.chain().filter_map(|cause| cause.downcast_ref()).any(is_marked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn only_the_pipe_of_standard_output_ends_quietly() {
        let of_stdout: anyhow::Result<()> = Err(mark(ErrorKind::BrokenPipe.into())).context("cannot print");
        assert!(reader_has_ended(&of_stdout.unwrap_err()));
        for other in [io::Error::from(ErrorKind::BrokenPipe), mark(ErrorKind::StorageFull.into())] {
            assert!(!reader_has_ended(&other.into()));
        }
    }
}

//! Standard output as the log of a function.

use std::io::{self, Write};

/// Writes to standard output, and drops what cannot be written, as on a full disk. A function must not fail because of its log:
/// `tracing-subscriber` reports an error of its writer on standard error, and panics if that fails as well.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stdout().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stdout().flush();
        Ok(())
    }
}

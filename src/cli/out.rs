//! Standard output whose reader may leave early: what it does not read changes no exit code.

use std::io::{ErrorKind, Result, StdoutLock, Write};

/// Standard output, colours left out where they do not belong.
pub(super) struct Out(anstream::AutoStream<StdoutLock<'static>>);

/// Standard output.
pub(super) fn out() -> Out {
    Out(anstream::stdout().lock())
}

/// A reader that has seen enough closes the pipe: `outcrop diff A B --fail-on high | head` gates all the same.
fn or_gone<T>(done: Result<T>, gone: T) -> Result<T> {
    match done {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(gone),
        done => done,
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        or_gone(self.0.write(bytes), bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        or_gone(self.0.flush(), ())
    }
}

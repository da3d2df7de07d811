//! Reading files that others name: a pipe, a device or a folder is refused, because reading it may never end.

use std::io;
use std::path::Path;

/// A path as it is written in results, with `/` between its parts everywhere: a baseline of one system holds on another.
pub fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    if cfg!(windows) {
        text.replace('\\', "/")
    } else {
        text
    }
}

/// The bytes of a regular file, links followed.
///
/// # Errors
/// When it cannot be read, or is a pipe, a device, a socket or a folder.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    is_regular(path)?;
    std::fs::read(path)
}

/// The text of a regular file, links followed.
///
/// # Errors
/// When it cannot be read, is no UTF-8, or is a pipe, a device, a socket or a folder.
pub fn read_text(path: &Path) -> io::Result<String> {
    is_regular(path)?;
    std::fs::read_to_string(path)
}

/// Is it a regular file, links followed?
///
/// # Errors
/// When it is not there, or is a pipe, a device, a socket or a folder.
pub fn is_regular(path: &Path) -> io::Result<()> {
    if std::fs::metadata(path)?.is_file() {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file but a pipe, a device or a folder",
        ))
    }
}

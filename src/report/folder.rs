//! A folder of findings: made anew, whole or not at all, and for its owner alone.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Writes files into a folder that does not exist yet. A part of them proves nothing, so a failure takes the folder away again.
///
/// # Errors
/// When the folder exists, or cannot be written; the message says so without the path.
pub fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    let mut made = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut made, 0o700);
    made.create(folder).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => io::Error::new(
            io::ErrorKind::AlreadyExists,
            "it exists already; choose another --out",
        ),
        kind => io::Error::new(kind, format!("cannot make the folder: {error}")),
    })?;
    made.recursive(true);
    for (name, bytes) in files {
        let path = folder.join(name);
        let written = path
            .parent()
            .map_or(Ok(()), |parent| made.create(parent))
            .and_then(|()| private(&path, bytes));
        if let Err(error) = written {
            let _ = fs::remove_dir_all(folder);
            return Err(io::Error::new(error.kind(), format!("{name}: {error}")));
        }
    }
    Ok(())
}

/// Writes a new file that its owner alone reads.
fn private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}

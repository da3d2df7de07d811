//! Run files that lie in Amazon S3: `s3://BUCKET/KEY`, where a path is expected.
//!
//! They are copied into a folder of this process, which is gone when it ends.

use super::Usage;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Paths on this machine, and the folder of those that were copied.
pub(super) struct Local {
    pub paths: Vec<PathBuf>,
    _folder: Option<TempDir>,
}

impl Local {
    /// The one path.
    pub fn path(&self) -> &Path {
        self.paths.first().map_or(Path::new(""), PathBuf::as_path)
    }
}

/// Is this an address in Amazon S3?
fn is_remote(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.starts_with("s3://"))
}

/// Copies what lies in Amazon S3; other paths stay as they are.
///
/// # Errors
/// When an object cannot be read.
pub(super) fn local(paths: &[PathBuf]) -> anyhow::Result<Local> {
    if !paths.iter().any(|path| is_remote(path)) {
        return Ok(Local {
            paths: paths.to_vec(),
            _folder: None,
        });
    }
    let folder = tempfile::Builder::new().prefix("outcrop-").tempdir()?;
    let mut all = Vec::new();
    for (number, path) in paths.iter().enumerate() {
        if is_remote(path) {
            let copy = folder.path().join(format!("{number}.outcrop"));
            get(path, None, &copy)?;
            all.push(copy);
        } else {
            all.push(path.clone());
        }
    }
    Ok(Local {
        paths: all,
        _folder: Some(folder),
    })
}

/// Lets a command write its run on this machine, and keeps it in Amazon S3 where `--out` says so. An interrupted run stays here, so
/// that the name is free for whoever tries again. Where `is_there` says of an object under the name that it is what is asked for,
/// nothing is done.
///
/// # Errors
/// Those of the command; when the object exists or cannot be written.
pub(super) fn kept(
    out: Option<&Path>,
    profile: Option<&str>,
    quiet: bool,
    is_there: impl FnOnce(&Path) -> bool,
    run: impl FnOnce(Option<PathBuf>) -> anyhow::Result<u8>,
) -> anyhow::Result<u8> {
    let Some(out) = out.filter(|out| is_remote(out)) else {
        return run(out.map(Path::to_owned));
    };
    check(out)?;
    let folder = tempfile::Builder::new().prefix("outcrop-").tempdir()?;
    // What would be refused at the end is refused before an hour is spent on it.
    let earlier = folder.path().join("earlier.outcrop");
    if get(out, profile, &earlier).is_ok() {
        if !is_there(&earlier) {
            anyhow::bail!(
                "{} exists already; choose another name for --out",
                out.display()
            );
        }
        if !quiet {
            anstream::eprintln!("{} holds this shard already", out.display());
        }
        return Ok(0);
    }
    let copy = folder.path().join("run.outcrop");
    let code = run(Some(copy.clone()))?;
    if code == 130 {
        let copy = folder.keep().join("run.outcrop");
        anstream::eprintln!(
            "the scan was interrupted; what it read is kept as `{}`, and {} is free",
            copy.display(),
            out.display()
        );
        return Ok(code);
    }
    if let Err(error) = put(out, profile, &copy) {
        // What took an hour to read is not thrown away because a name was taken.
        let copy = folder.keep().join("run.outcrop");
        return Err(error.context(format!("the run is kept as `{}` instead", copy.display())));
    }
    if !quiet {
        anstream::eprintln!("the run is kept as {}", out.display());
    }
    Ok(code)
}

#[cfg(feature = "live")]
fn object(path: &Path) -> anyhow::Result<crate::sources::live::Object> {
    let text = path.to_string_lossy();
    crate::sources::live::Object::parse(&text).ok_or_else(|| {
        Usage(format!(
            "`{text}` is not an object of Amazon S3; write s3://BUCKET/KEY"
        ))
        .into()
    })
}

#[cfg(feature = "live")]
fn check(path: &Path) -> anyhow::Result<()> {
    object(path).map(drop)
}

#[cfg(feature = "live")]
fn get(path: &Path, profile: Option<&str>, copy: &Path) -> anyhow::Result<()> {
    Ok(runtime()?.block_on(object(path)?.get(profile, copy))?)
}

#[cfg(feature = "live")]
fn put(path: &Path, profile: Option<&str>, copy: &Path) -> anyhow::Result<()> {
    Ok(runtime()?.block_on(object(path)?.put(profile, copy))?)
}

#[cfg(feature = "live")]
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

#[cfg(not(feature = "live"))]
fn check(path: &Path) -> anyhow::Result<()> {
    Err(Usage(format!(
        "`{}`: this build has no AWS SDK; name a file, or take the full program",
        path.display()
    ))
    .into())
}

#[cfg(not(feature = "live"))]
fn get(path: &Path, _: Option<&str>, _: &Path) -> anyhow::Result<()> {
    check(path)
}

#[cfg(not(feature = "live"))]
fn put(path: &Path, _: Option<&str>, _: &Path) -> anyhow::Result<()> {
    check(path)
}

//! Run files and inventory folders, opened to ask questions of.

use crate::inventory::{Store, World};
use crate::sources::fixture;
use crate::subjects;
use std::path::Path;

/// A run file, or a folder of rows in memory.
pub(super) fn store(path: &Path) -> anyhow::Result<Store> {
    if !path.is_dir() {
        return Ok(Store::open(path, &subjects::tables())?);
    }
    let mut store = Store::memory(&subjects::tables())?;
    let run = fixture::load_folder(path, &mut store)?;
    store.write_run(&run)?;
    Ok(store)
}

/// The rows of either.
pub(super) fn world(path: &Path) -> anyhow::Result<World> {
    Ok(World::load(&store(path)?)?)
}

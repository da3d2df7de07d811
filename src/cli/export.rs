//! `outcrop export`: a run for Athena, Spark and DuckDB.

use super::Global;
use crate::export;
use crate::inventory::Store;
use crate::subjects;
use std::path::PathBuf;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// A judged run, or `s3://BUCKET/KEY`.
    run: PathBuf,
    /// Folder to write into: `TABLE/run_id=ID/account_id=ID/region=REGION/part-0.parquet`. Further runs may be exported into it.
    #[arg(long, value_name = "DIR", required = true)]
    parquet: PathBuf,
}

impl Export {
    pub fn run(&self, global: &Global) -> anyhow::Result<u8> {
        let run = super::remote::local(std::slice::from_ref(&self.run))?;
        let store = Store::open(run.path(), &subjects::tables())?;
        let written = export::parquet(&store, &self.parquet)?;
        if !global.quiet {
            anstream::eprintln!(
                "{} rows of {} tables in {} files",
                written.rows,
                written.tables,
                written.files
            );
        }
        Ok(0)
    }
}

//! `outcrop merge`: the runs of shards as one run, judged.

use super::judging::Judging;
use super::{Global, Usage};
use crate::judge;
use std::path::PathBuf;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Merge {
    /// Run files: all shards of one scan, or scans of different accounts.
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Join what there is: what a missing or interrupted shard would have read is unknown.
    #[arg(long)]
    allow_missing: bool,
    #[command(flatten)]
    judging: Judging,
}

impl Merge {
    pub fn run(&self, global: &Global) -> anyhow::Result<u8> {
        let Some(out) = &self.judging.out else {
            return Err(Usage("merge writes a run; say where with --out RUN".to_owned()).into());
        };
        let mut judge = self.judging.load()?;
        let outcome = self.judging.whole(|| {
            let mut store = self.judging.store()?;
            let mut run = judge::merge::merge(&self.runs, self.allow_missing, &mut store)?;
            judge.observing(&store, &mut run)?;
            judge.complete(&mut run)?;
            judge.judge(&mut store, &run)
        })?;
        self.judging.output.finish(&outcome, Some(out), global)
    }
}

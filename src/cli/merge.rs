//! `outcrop merge`: the runs of shards as one run, judged.

use super::judging::Judging;
use super::{Global, Usage, remote};
use crate::judge;
use std::path::PathBuf;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Merge {
    /// Run files, or `s3://BUCKET/KEY`: all shards of one scan, or scans of different accounts.
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
        remote::kept(
            Some(out),
            None,
            global.quiet,
            |_| false,
            |out| {
                let judging = Judging {
                    out,
                    ..self.judging.clone()
                };
                let mut judge = judging.load()?;
                let runs = remote::local(&self.runs)?;
                let outcome = judging.whole(|| {
                    let mut store = judging.store()?;
                    let mut run = judge::merge::merge(&runs.paths, self.allow_missing, &mut store)?;
                    judge.observing(&store, &mut run)?;
                    judge.complete(&mut run)?;
                    judge.judge(&mut store, &run)
                })?;
                // Where it is found afterwards, not the copy on this machine.
                judging
                    .output
                    .finish(outcome, self.judging.out.as_deref(), global)
            },
        )
    }
}

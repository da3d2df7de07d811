//! `outcrop scan`: find the accounts, assume the audit role in each, collect, judge, report.

use super::judging::Judging;
use super::{Global, Usage, remote};
use crate::inventory::{Status, Store};
use crate::judge::Judge;
use crate::model::{Arn, Asked, RunInfo, Shard};
use crate::report::safe::cut;
use crate::services::pulse::Pulse;
use crate::sources::live::{self, Base, Progress, Request};
use crate::subjects;
use anyhow::Context as _;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Arguments.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Scan {
    /// Profile of the shared configuration.
    #[arg(long, env = "AWS_PROFILE")]
    profile: Option<String>,
    /// Region; repeatable. Without it every enabled one.
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    region: Vec<String>,
    /// Every active account of the organisation.
    #[arg(long)]
    org: bool,
    /// Account; repeatable. Without it, and without --org, the account of the credentials.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    account: Vec<String>,
    /// File with one account id a line; `#` begins a comment.
    #[arg(long, value_name = "FILE", conflicts_with = "account")]
    accounts: Option<PathBuf>,
    /// Name or ARN of the role to assume in each account [default: OutcropAudit].
    #[arg(long)]
    role: Option<String>,
    /// External id that the role asks for.
    #[arg(
        long,
        value_name = "ID",
        env = "OUTCROP_EXTERNAL_ID",
        hide_env_values = true
    )]
    external_id: Option<String>,
    /// Session name, as CloudTrail will show it.
    #[arg(long, default_value = "outcrop")]
    session_name: String,
    /// Leave an account out; repeatable.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    exclude_account: Vec<String>,
    /// Only accounts of this organisational unit and those below; repeatable, with --org.
    #[arg(long, value_name = "OU", value_delimiter = ',', requires = "org")]
    ou: Vec<String>,
    /// Ask CloudTrail's event history what was called, so far back: 24h, 7d; at most 90d.
    #[arg(long, value_name = "WINDOW", value_parser = window, num_args = 0..=1, default_missing_value = "7d")]
    observe: Option<Duration>,
    /// Take one share of the accounts and Regions: I/N, from 1/N to N/N, or `auto`, which reads the number from Kubernetes or AWS Batch
    /// (auto/N where they do not tell how many there are). `outcrop merge` joins and judges the shares.
    #[arg(long, value_name = "I/N|auto", value_parser = shard)]
    shard: Option<Shard>,
    /// Go on with a scan that was interrupted or killed: what it read whole is not read again. Accounts, Regions, role and share are
    /// those of the run.
    #[arg(long, value_name = "RUN")]
    resume: Option<PathBuf>,
    /// Calls in flight at once, over all accounts.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    max_concurrency: u16,
    #[command(flatten)]
    judging: Judging,
}

/// Reads a window such as `24h` or `7d`.
fn window(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{text}` is no window; write hours or days, such as 24h or 7d, at most 90d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: u64 = text[..text.len() - unit.len_utf8()]
        .parse()
        .map_err(|_| wrong())?;
    let hours = match unit {
        'h' => number,
        'd' => number.checked_mul(24).ok_or_else(wrong)?,
        _ => return Err(wrong()),
    };
    if (1..=90 * 24).contains(&hours) {
        Ok(Duration::from_secs(hours * 3600))
    } else {
        Err(wrong())
    }
}

/// What was not given is as it was.
fn fill(given: &mut Vec<String>, before: Vec<String>) {
    if given.is_empty() {
        *given = before;
    }
}

fn shard(text: &str) -> Result<Shard, String> {
    Shard::parse(text, |name| {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    })
}

struct Bars {
    pulse: Arc<Pulse>,
    /// Accounts that are done, of those that began, and the pulse.
    all: ProgressBar,
    bars: MultiProgress,
    shown: bool,
    quiet: bool,
    known: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Bars {
    fn new(shown: bool, quiet: bool) -> Self {
        let pulse: Arc<Pulse> = Arc::default();
        let bars = MultiProgress::with_draw_target(if shown {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        });
        let said = Arc::clone(&pulse);
        let style = ProgressStyle::with_template("{pos} of {len} accounts, {pulse} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key(
                "pulse",
                move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
                    let _ = out.write_str(&cut(&said.words(), 200));
                },
            );
        let all = bars.add(ProgressBar::new(0).with_style(style));
        if shown {
            all.enable_steady_tick(Duration::from_millis(500));
        }
        Self {
            pulse,
            all,
            bars,
            shown,
            quiet,
            known: Mutex::default(),
        }
    }
}

impl Progress for Bars {
    fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    fn account(&self, account: &str, readings: usize) {
        if self.shown && readings > 0 {
            let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = self.bars.add(
                ProgressBar::new(readings as u64)
                    .with_style(style)
                    .with_prefix(account.to_owned()),
            );
            self.all.inc_length(1);
            if let Ok(mut known) = self.known.lock() {
                known.insert(account.to_owned(), bar);
            }
        }
    }

    fn step(&self, account: &str) {
        if let Ok(known) = self.known.lock()
            && let Some(bar) = known.get(account)
        {
            bar.inc(1);
        }
    }

    fn done(&self, account: &str, flaw: Option<&str>) {
        if let Ok(mut known) = self.known.lock()
            && let Some(bar) = known.remove(account)
        {
            bar.finish_and_clear();
            self.all.inc(1);
        }
        if let Some(flaw) = flaw
            && !self.quiet
        {
            let line = format!("account {account} could not be entered: {}", cut(flaw, 600));
            if self.shown {
                let _ = self.bars.println(&line);
            } else {
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        }
    }
}

/// Waits until somebody wants the scan to stop.
#[cfg(unix)]
async fn asked_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut hang_up) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    );
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}

/// Waits until somebody wants the scan to stop.
#[cfg(not(unix))]
async fn asked_to_stop() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// The audit role where no other is named.
const ROLE: &str = "OutcropAudit";

impl Scan {
    fn request(&self) -> anyhow::Result<Request> {
        let mut accounts = self.account.clone();
        if let Some(file) = &self.accounts {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read `{}`", file.display()))?;
            for (number, line) in text.lines().enumerate() {
                let id = line.split('#').next().unwrap_or_default().trim();
                if id.is_empty() {
                    continue;
                }
                if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
                    anyhow::bail!(
                        "{}: line {}: `{id}` is not an account id; write twelve digits",
                        file.display(),
                        number + 1
                    );
                }
                accounts.push(id.to_owned());
            }
        }
        let role = self.role.clone().unwrap_or_else(|| ROLE.to_owned());
        if role.starts_with("arn:") && (self.org || accounts.len() > 1) {
            return Err(Usage("--role takes a name when several accounts are scanned; an ARN names one account's role".to_owned()).into());
        }
        let name = |c: char| c.is_ascii_alphanumeric() || "=,.@_+-".contains(c);
        if !(2..=64).contains(&self.session_name.len()) || !self.session_name.chars().all(name) {
            return Err(Usage(format!(
                "`{}` is not a session name: 2 to 64 letters, digits and =,.@_+-",
                self.session_name
            ))
            .into());
        }
        Ok(Request {
            profile: self.profile.clone(),
            regions: self.region.clone(),
            org: self.org,
            accounts,
            excluded: self.exclude_account.clone(),
            units: self.ou.clone(),
            role,
            external_id: self.external_id.clone(),
            session_name: self.session_name.clone(),
            observe: self.observe,
            max_concurrency: usize::from(self.max_concurrency),
            wanted: Default::default(),
            deadline: Duration::from_secs(1800),
            shard: self.shard,
        })
    }

    /// A share is not judged, so nothing can be reported of it; it has to be kept.
    fn check_shard(&self, shard: Option<Shard>) -> anyhow::Result<()> {
        if shard.is_none() {
            return Ok(());
        }
        if self.judging.out.is_none() && self.resume.is_none() {
            return Err(Usage("--shard: say where the share is kept with --out RUN; `outcrop merge` joins the shares".to_owned()).into());
        }
        if !self.judging.output.format.is_empty() {
            return Err(Usage("--shard: a share is not judged, so there is nothing to report yet; give --format to `outcrop merge`".to_owned()).into());
        }
        Ok(())
    }

    /// The run that is to go on, and the request that it was begun with. Flags that are given must say the same.
    fn earlier(&self, path: &Path, request: &mut Request) -> anyhow::Result<RunInfo> {
        let shown = path.display();
        if let Some(out) = self.judging.out.as_deref().filter(|out| *out != path) {
            return Err(Usage(format!(
                "--resume {shown} goes on in that file; leave out --out {}",
                out.display()
            ))
            .into());
        }
        let mut run = Store::open(path, &subjects::tables())?
            .run()
            .with_context(|| {
                format!("`{shown}` ended before it knew its accounts; remove it and scan again")
            })?;
        let Some(asked) = run.asked.clone() else {
            anyhow::bail!(
                "`{shown}` is not a scan that can go on; it was read from disk, or by an older release"
            );
        };
        if run.version != env!("CARGO_PKG_VERSION") {
            anyhow::bail!(
                "`{shown}` was begun by release {}; go on with it, or scan again",
                run.version
            );
        }
        let Asked {
            regions,
            org,
            accounts,
            excluded,
            units,
            role,
            observe,
            shard,
            ..
        } = asked.clone();
        fill(&mut request.regions, regions);
        fill(&mut request.accounts, accounts);
        fill(&mut request.excluded, excluded);
        fill(&mut request.units, units);
        request.org |= org;
        if self.role.is_none() {
            request.role = role;
        }
        request.observe = request.observe.or(observe.map(Duration::from_secs));
        if request.shard.is_some() && request.shard != shard {
            return Err(Usage(format!(
                "--shard: `{shown}` is {}; leave the flag out",
                shard.map_or_else(
                    || "a whole scan".to_owned(),
                    |shard| format!("shard {shard}")
                )
            ))
            .into());
        }
        request.shard = shard;
        if let Some(flag) = request.asked(String::new()).difference(&asked) {
            return Err(Usage(format!(
                "--resume {shown}: the scan was begun with another {flag}; give the same, or scan again"
            ))
            .into());
        }
        (run.complete, run.collected) = (false, false);
        Ok(run)
    }

    /// Readings that the selected rules need.
    fn wanted(judge: &Judge) -> BTreeSet<(&'static str, &'static str)> {
        if judge
            .library
            .rules
            .iter()
            .any(|loaded| loaded.rule.from.is_some())
        {
            // A query of a rule's own may read any table; nothing is left out then.
            return crate::services::tables()
                .flat_map(|table| table.reads.iter().map(|read| (table.name, read.group)))
                .collect();
        }
        subjects::needs::readings(judge.library.needs(&[]))
    }

    pub fn run(&self, global: &Global) -> anyhow::Result<u8> {
        let (out, profile) = (self.judging.out.as_deref(), self.profile.as_deref());
        let is_there = |copy: &Path| self.is_there(copy);
        remote::kept(out, profile, global.quiet, is_there, |out| {
            let mut scan = self.clone();
            scan.judging.out = out;
            scan.scanned(
                self.resume.as_deref().or(self.judging.out.as_deref()),
                global,
            )
        })
    }

    /// Is this the share that is asked for, read whole within hours? Whoever starts a process again may do so after it ended well.
    fn is_there(&self, copy: &Path) -> bool {
        let read = || {
            let run = Store::open(copy, &subjects::tables()).ok()?.run().ok()?;
            let asked = run.asked?;
            let mut judge = self.judging.load().ok()?;
            drop(judge.library.for_source(crate::model::Source::Live));
            let mut request = self.request().ok()?;
            request.wanted = Self::wanted(&judge);
            let same = asked.difference(&request.asked(String::new())).is_none();
            let age = jiff::Timestamp::now()
                .duration_since(run.started_at.parse().ok()?)
                .as_hours();
            Some(run.collected && asked.shard == self.shard && same && age < 12)
        };
        self.shard.is_some() && read() == Some(true)
    }

    /// Scans. `kept` is where the run is found afterwards.
    fn scanned(&self, kept: Option<&Path>, global: &Global) -> anyhow::Result<u8> {
        self.check_shard(self.shard)?;
        let mut judge = self.judging.load()?;
        drop(judge.library.for_source(crate::model::Source::Live));
        let mut request = self.request()?;
        request.wanted = Self::wanted(&judge);
        let earlier = self
            .resume
            .as_deref()
            .map(|path| self.earlier(path, &mut request))
            .transpose()?;
        self.check_shard(request.shard)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let base = runtime.block_on(Base::find(&request))?;
        if let Some(run) = &earlier {
            let before = Arn::parse(&run.caller_arn).map(|arn| arn.account.to_owned());
            if run.partition != base.partition || before.as_deref() != Some(&base.account) {
                anyhow::bail!(
                    "the scan was begun by {} and these credentials are of account {}; go on with credentials of the same account",
                    run.caller_arn,
                    base.account
                );
            }
            runtime.block_on(live::still_open(&request, &base, run))?;
        }
        let shown = std::io::stderr().is_terminal() && !global.no_progress && !global.quiet;
        let bars = Bars::new(shown, global.quiet);
        let stop = Arc::new(AtomicBool::new(false));
        let watch = Arc::clone(&stop);
        runtime.spawn(async move {
            // Pipelines, Kubernetes and AWS Batch stop a job by SIGTERM.
            while asked_to_stop().await.is_ok() {
                if watch.swap(true, Ordering::Relaxed) {
                    std::process::exit(130);
                }
                let _ = writeln!(
                    std::io::stderr(),
                    "stopping: calls in flight are finished and written; once more to stop at once"
                );
            }
        });
        // The file is made only after the identity is known, so that a wrong profile leaves nothing behind.
        let mut store = match &self.resume {
            Some(path) => Store::go_on(path, &subjects::tables())?,
            None => self.judging.store()?,
        };
        let goes_on = earlier.is_some();
        let collected = runtime.block_on(live::collect(
            &request, &base, &mut store, earlier, &bars, &stop,
        ));
        let mut run = match collected {
            Ok(run) => run,
            Err(error) => {
                drop(store);
                if let Some(path) = self.judging.out.as_ref().filter(|_| !goes_on) {
                    let _ = std::fs::remove_file(path);
                }
                return Err(error.into());
            }
        };
        runtime.shutdown_background();
        bars.all.finish_and_clear();
        if !global.quiet {
            let _ = writeln!(std::io::stderr(), "{}", cut(&bars.pulse.summary(), 300));
        }
        if let Some(shard) = request.shard {
            let share = run
                .scopes()
                .filter(|(account, region)| shard.holds(account, region))
                .count();
            let read: BTreeSet<(String, String)> = store
                .coverage()?
                .into_iter()
                .filter(|line| line.status == Status::Complete && line.group == "list")
                .map(|line| (line.account_id, line.region))
                .collect();
            store.finish()?;
            if !global.quiet {
                let to = kept.map_or_else(String::new, |path| path.display().to_string());
                let next = if run.collected {
                    "when all shards are there: outcrop merge RUN... --out RUN".to_owned()
                } else {
                    "interrupted; a run on this machine goes on with: outcrop scan --resume RUN"
                        .to_owned()
                };
                let _ = writeln!(
                    std::io::stderr(),
                    "shard {shard}: {} of its {share} accounts and Regions could be read, into {to}; {next}",
                    read.len(),
                );
            }
            return Ok(match (run.collected, read.is_empty() && share > 0) {
                (false, _) => 130,
                // Nothing was let in: something is wrong with the role or the flags.
                (true, true) => 4,
                (true, false) => 0,
            });
        }
        judge.observing(&store, &mut run)?;
        judge.complete(&mut run)?;
        let outcome = judge.judge(&mut store, &run)?;
        let code = self.judging.output.finish(outcome, kept, global)?;
        Ok(if run.complete { code } else { 130 })
    }
}

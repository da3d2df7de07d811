//! The order of work: accounts side by side, bounded; in each, every collector in every Region.

use super::resume::Done;
use super::session::{AccountCredentials, Entry};
use super::{Base, Error, Plan, Request, accounts, begin, fingerprints};
use crate::inventory::{Coverage, Span, Status, Store};
use crate::model::{AccountInfo, GLOBAL, RunInfo};
use crate::secrets::Fingerprints;
use crate::services::collect::{Batch, Collector, NOT_NEEDED, Place};
use crate::services::failure::Failure;
use crate::services::pulse::Pulse;
use crate::services::{collectors, tables};
use aws_config::{Region, SdkConfig};
use futures_util::StreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Semaphore, mpsc};

/// Accounts that are worked on at once; each holds its clients and drops them at its end.
const ACCOUNTS_AT_ONCE: usize = 16;

/// Is told how far a scan is.
pub trait Progress: Send + Sync {
    /// How the scan goes.
    fn pulse(&self) -> &Arc<Pulse>;
    /// An account begins, with so many readings to do.
    fn account(&self, account: &str, readings: usize);
    /// One reading of it is done.
    fn step(&self, account: &str);
    /// It is done; with a word when it could not be entered.
    fn done(&self, account: &str, flaw: Option<&str>);
}

/// What an account job sends home.
enum Message {
    Batch(Batch),
    Entered {
        account: String,
        chain: Vec<String>,
        regions: Vec<String>,
        unscanned: Vec<String>,
    },
}

/// Are the accounts that a scan entered before still open to this one? What was read of them is read anew in part, so that the
/// earlier reading would be lost.
///
/// # Errors
/// When one of them cannot be entered.
pub async fn still_open(request: &Request, base: &Base, run: &RunInfo) -> Result<(), Error> {
    use aws_credential_types::provider::ProvideCredentials as _;
    let mut answers = futures_util::stream::iter(
        run.role_chains
            .keys()
            .filter(|account| **account != base.account)
            .map(|account| async move {
                let credentials = AccountCredentials::new(base, request, account);
                let answer = credentials.provide_credentials().await;
                answer.err().map(|error| {
                    let why = credentials
                        .failure()
                        .map_or_else(|| error.to_string(), |failure| failure.detail());
                    format!("account {account} was entered before and cannot be entered now ({why}); the run was left as it is")
                })
            }),
    )
    .buffer_unordered(ACCOUNTS_AT_ONCE);
    while let Some(answer) = answers.next().await {
        if let Some(why) = answer {
            return Err(Error::Setup(why));
        }
    }
    Ok(())
}

/// The accounts that a request names: those of the organisation, where it asks for it.
///
/// # Errors
/// When they cannot be listed.
pub async fn listed(request: &Request, base: &Base) -> Result<Vec<AccountInfo>, Error> {
    let (prints, flight) = (fingerprints()?, Semaphore::new(4));
    let pulse: Arc<Pulse> = Arc::default();
    let home = Entry::Base;
    let place = place(
        &base.config,
        base,
        &base.account,
        &base.region,
        request,
        &prints,
        &flight,
        &pulse,
        home.renew(),
    );
    Ok(accounts::plan(request, base, &place).await?.accounts)
}

struct Job<'j> {
    request: &'j Request,
    base: &'j Base,
    flight: &'j Semaphore,
    prints: &'j Fingerprints,
    progress: &'j dyn Progress,
    stop: &'j AtomicBool,
    regions: &'j [String],
    done: &'j Done,
}

/// Collects what the request asks for into the run file.
///
/// A file that holds a run is one that goes on: its accounts and Regions are kept, and what it read whole is not read again.
/// An interrupted scan gives the run as far as it came, marked incomplete.
///
/// # Errors
/// When the scan cannot begin, or the run file cannot be written.
pub async fn collect(
    request: &Request,
    base: &Base,
    store: &mut Store,
    earlier: Option<RunInfo>,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<RunInfo, Error> {
    let prints = fingerprints()?;
    let flight = Semaphore::new(request.max_concurrency);
    let home = Entry::Base;
    let place = place(
        &base.config,
        base,
        &base.account,
        &base.region,
        request,
        &prints,
        &flight,
        progress.pulse(),
        home.renew(),
    );
    let (mut run, done) = match earlier {
        Some(run) => (run, Done::of(store)?),
        None => {
            let plan = accounts::plan(request, base, &place).await?;
            let mut run = begin(base, &plan);
            run.regions = regions(request, base, &plan, &place).await?;
            (run, Done::default())
        }
    };
    run.asked = Some(request.asked(prints.key_id()));
    store.begin_run(&run)?;
    let job = Job {
        request,
        base,
        flight: &flight,
        prints: &prints,
        progress,
        stop,
        regions: &run.regions.clone(),
        done: &done,
    };
    let (send, mut receive) = mpsc::channel::<Message>(64);
    let accounts = run.accounts.clone();
    let work = async {
        let mut jobs = futures_util::stream::iter(
            accounts
                .iter()
                .map(|account| job.account(&account.id, send.clone())),
        )
        .buffer_unordered(ACCOUNTS_AT_ONCE);
        while jobs.next().await.is_some() {}
        drop(jobs);
        drop(send);
    };
    let write = async {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        while let Some(message) = receive.recv().await {
            match message {
                Message::Batch(batch) => store.commit(&batch.rows, &batch.coverage)?,
                Message::Entered {
                    account,
                    chain,
                    regions,
                    unscanned,
                } => {
                    if !unscanned.is_empty() {
                        run.unscanned_regions.insert(account.clone(), unscanned);
                    }
                    run.role_chains.insert(account, chain);
                    seen.extend(regions);
                    // Whoever goes on after this process knows it too.
                    store.begin_run(&run)?;
                }
            }
        }
        Ok::<BTreeSet<String>, Error>(seen)
    };
    let ((), seen) = tokio::join!(work, write);
    let seen = seen?;
    // A shard, or the rest of a scan, need not come to every Region.
    if request.shard.is_none()
        && done.is_empty()
        && let Some(wrong) = request
            .regions
            .iter()
            .find(|region| !seen.is_empty() && !seen.contains(*region))
    {
        run.notes.push(format!(
            "the Region {wrong} is enabled in no account that could be entered"
        ));
    }
    run.finished_at = crate::services::collect::now();
    run.collected = !stop.load(Ordering::Relaxed);
    run.complete = run.collected;
    run.notes.retain(|note| note != INTERRUPTED);
    if !run.complete {
        run.notes.push(INTERRUPTED.to_owned());
    }
    tracing::info!("{} to AWS", progress.pulse().summary());
    store.begin_run(&run)?;
    Ok(run)
}

const INTERRUPTED: &str = "the scan was interrupted; what it does not hold was not looked at";

/// The Regions of a scan, in order: those that were named, or those that are enabled in the account of the credentials.
async fn regions(
    request: &Request,
    base: &Base,
    plan: &Plan,
    place: &Place<'_>,
) -> Result<Vec<String>, Error> {
    let mut regions = match (&request.regions[..], accounts::regions(place).await) {
        ([], Ok(enabled)) => enabled,
        ([], Err(failure)) => {
            return Err(Error::Setup(format!(
                "which Regions are enabled cannot be read ({}); name them with --region",
                failure.detail()
            )));
        }
        (named, Ok(enabled)) => {
            let several = plan.accounts.len() > 1 || plan.accounts[0].id != base.account;
            if let Some(wrong) = named
                .iter()
                .find(|region| !(enabled.contains(region) || several && looks_like_region(region)))
            {
                return Err(Error::Setup(format!(
                    "the Region `{wrong}` does not exist or is not enabled; enabled are: {}",
                    enabled.join(", ")
                )));
            }
            named.to_vec()
        }
        (named, Err(_)) => named.to_vec(),
    };
    regions.sort();
    regions.dedup();
    Ok(regions)
}

fn looks_like_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() >= 3
        && parts.iter().all(|part| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
        && parts.last().is_some_and(|last| last.parse::<u8>().is_ok())
}

#[expect(
    clippy::too_many_arguments,
    reason = "it only fills the struct that exists to carry them"
)]
fn place<'p>(
    config: &'p SdkConfig,
    base: &'p Base,
    account: &'p str,
    region: &'p str,
    request: &'p Request,
    prints: &'p Fingerprints,
    flight: &'p Semaphore,
    pulse: &'p Arc<Pulse>,
    renew: &'p dyn crate::services::collect::Renew,
) -> Place<'p> {
    Place {
        config,
        account,
        region,
        partition: &base.partition,
        is_home: account == base.account,
        prints,
        wanted: &request.wanted,
        flight,
        pulse,
        observe: request.observe,
        overridden: base.overridden,
        renew,
    }
}

impl Job<'_> {
    fn needed(&self) -> Vec<&'static Collector> {
        collectors()
            .filter(|collector| {
                collector
                    .tables
                    .iter()
                    .any(|table| self.request.wanted.contains(&(*table, "list")))
            })
            .collect()
    }

    /// Does a Region of an account, or what belongs to none, fall to this process?
    fn takes(&self, account: &str, region: &str) -> bool {
        self.request
            .shard
            .is_none_or(|shard| shard.holds(account, region))
    }

    /// The Regions in which a collector is still to run for an account.
    fn left<'a>(&'a self, account: &str, collector: &Collector) -> Vec<&'a str> {
        let regions: Vec<&str> = match collector.span {
            Span::Global => vec![GLOBAL],
            Span::Regional => self.regions.iter().map(String::as_str).collect(),
        };
        regions
            .into_iter()
            .filter(|region| {
                self.takes(account, region) && !self.done.holds(account, region, collector)
            })
            .collect()
    }

    /// Everything of one account. Never fails: what goes wrong is coverage.
    async fn account(&self, account: &str, send: mpsc::Sender<Message>) {
        let left: Vec<(&Collector, &str)> = self
            .needed()
            .into_iter()
            .flat_map(|collector| {
                self.left(account, collector)
                    .into_iter()
                    .map(move |region| (collector, region))
            })
            .collect();
        let _ = send.send(Message::Batch(self.not_needed(account))).await;
        if left.is_empty() {
            return;
        }
        let entry = if account == self.base.account {
            Entry::Base
        } else {
            Entry::Role(Arc::new(AccountCredentials::new(
                self.base,
                self.request,
                account,
            )))
        };
        let config = entry.config(self.base);
        let here = place(
            &config,
            self.base,
            account,
            &self.base.region,
            self.request,
            self.prints,
            self.flight,
            self.progress.pulse(),
            entry.renew(),
        );
        if let Err(failure) = confirm(&here, &entry, account).await {
            let _ = send
                .send(Message::Batch(closed(account, &left, &failure)))
                .await;
            self.progress.account(account, 0);
            self.progress.done(account, Some(&failure.detail()));
            return;
        }
        // A list of Regions that cannot be read closes none: the Regions themselves will answer.
        let enabled = accounts::regions(&here).await.ok();
        let unscanned: Vec<String> = enabled
            .iter()
            .flatten()
            .filter(|region| !self.regions.contains(region))
            .cloned()
            .collect();
        let is_on = |region: &str| {
            enabled
                .as_ref()
                .is_none_or(|enabled| enabled.iter().any(|one| one == region))
        };
        let _ = send
            .send(Message::Entered {
                account: account.to_owned(),
                chain: entry.chain(self.base),
                regions: self
                    .regions
                    .iter()
                    .filter(|region| is_on(region))
                    .cloned()
                    .collect(),
                unscanned,
            })
            .await;
        let mut nothing = Batch::default();
        for (collector, region) in &left {
            if *region == GLOBAL || is_on(region) {
                continue;
            }
            for table in collector.tables {
                let mut line = Coverage::new(account, region, table, "list", Status::Unsupported);
                line.detail = "the Region is not enabled in this account".to_owned();
                nothing.coverage.push(line);
            }
        }
        let _ = send.send(Message::Batch(nothing)).await;
        let configs: BTreeMap<&str, SdkConfig> = self
            .regions
            .iter()
            .filter(|region| is_on(region))
            .map(|region| {
                (
                    region.as_str(),
                    config
                        .to_builder()
                        .region(Region::new(region.clone()))
                        .build(),
                )
            })
            .collect();
        let work: Vec<(Place<'_>, &Collector)> = left
            .iter()
            .filter_map(|(collector, region)| {
                let config = if *region == GLOBAL {
                    &config
                } else {
                    configs.get(region)?
                };
                Some((
                    place(
                        config,
                        self.base,
                        account,
                        region,
                        self.request,
                        self.prints,
                        self.flight,
                        self.progress.pulse(),
                        entry.renew(),
                    ),
                    *collector,
                ))
            })
            .collect();
        self.progress.account(account, work.len());
        let mut running = futures_util::stream::iter(
            work.iter()
                .map(|(place, collector)| self.reading(place, collector)),
        )
        .buffer_unordered(64);
        while let Some(batch) = running.next().await {
            let _ = send.send(Message::Batch(batch)).await;
            self.progress.step(account);
        }
        self.progress.done(account, None);
    }

    async fn reading<'p>(&self, place: &'p Place<'p>, collector: &Collector) -> Batch {
        let failed = |code: &str, message: &str| {
            let mut batch = Batch::default();
            for table in collector.tables {
                let mut line = place.line(table, "list", Status::Error);
                line.detail = format!("{code}: {message}");
                batch.coverage.push(line);
            }
            batch
        };
        if self.stop.load(Ordering::Relaxed) {
            return failed("Interrupted", "the scan was stopped before it came to this");
        }
        match tokio::time::timeout(self.request.deadline, (collector.run)(place)).await {
            Ok(batch) => batch,
            Err(_) => failed(
                "Deadline",
                &format!(
                    "it took longer than {} seconds",
                    self.request.deadline.as_secs()
                ),
            ),
        }
    }

    /// Tables that no selected rule needs: said, so that nobody takes them for empty.
    fn not_needed(&self, account: &str) -> Batch {
        let mut batch = Batch::default();
        for table in tables().filter(|table| !self.request.wanted.contains(&(table.name, "list"))) {
            let regions: Vec<&str> = match table.span {
                Span::Global => vec![GLOBAL],
                Span::Regional => self.regions.iter().map(String::as_str).collect(),
            };
            // A collector that fills several tables brings all of them.
            let comes_along = collectors().any(|collector| {
                collector.tables.contains(&table.name)
                    && collector
                        .tables
                        .iter()
                        .any(|other| self.request.wanted.contains(&(*other, "list")))
            });
            for region in regions
                .into_iter()
                .filter(|region| !comes_along && self.takes(account, region))
            {
                let mut line =
                    Coverage::new(account, region, table.name, "list", Status::NotCollected);
                line.operation = table
                    .read("list")
                    .map_or_else(String::new, |read| read.operation.to_owned());
                line.detail = NOT_NEEDED.to_owned();
                batch.coverage.push(line);
            }
        }
        batch
    }
}

/// Asks the account who we are in it, before anything else.
async fn confirm(place: &Place<'_>, entry: &Entry, account: &str) -> Result<(), Failure> {
    let client = crate::client!(aws_sdk_sts, place);
    let answer = place.call("sts:GetCallerIdentity", || client.get_caller_identity().send()).await.map_err(|failure| match entry {
        Entry::Role(credentials) => credentials.failure().map_or(failure, |inner| Failure {
            message: format!(
                "{} - the role {} could not be assumed: check its name (--role), its trust policy and the external id (--external-id)",
                inner.message,
                credentials.role_arn()
            ),
            ..inner
        }),
        Entry::Base => failure,
    })?;
    let found = answer.account().unwrap_or_default();
    if found == account {
        return Ok(());
    }
    Err(Failure {
        status: Status::Error,
        code: "WrongAccount".to_owned(),
        message: format!("the credentials lead into account {found}"),
    })
}

/// An account that could not be entered: every reading of it is a gap.
fn closed(account: &str, left: &[(&Collector, &str)], failure: &Failure) -> Batch {
    let mut batch = Batch::default();
    for (collector, region) in left {
        for table in collector.tables {
            let mut line = Coverage::new(account, region, table, "list", failure.status);
            line.operation = "sts:AssumeRole".to_owned();
            line.action = "sts:AssumeRole".to_owned();
            line.detail = failure.detail();
            batch.coverage.push(line);
        }
    }
    batch
}

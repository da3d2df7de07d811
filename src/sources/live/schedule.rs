//! The order of work: accounts side by side, bounded; in each, every collector in every Region.

use super::session::{AccountCredentials, Entry};
use super::{Base, Error, Request, accounts, begin};
use crate::inventory::{Coverage, Span, Status, Store};
use crate::model::{GLOBAL, RunInfo};
use crate::secrets::Fingerprints;
use crate::services::collect::{Batch, Collector, Place};
use crate::services::failure::Failure;
use crate::services::{collectors, tables};
use aws_config::{Region, SdkConfig};
use futures_util::StreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::{Semaphore, mpsc};

/// Accounts that are worked on at once; each holds its clients and drops them at its end.
const ACCOUNTS_AT_ONCE: usize = 16;

/// Is told how far a scan is.
pub trait Progress: Send + Sync {
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

struct Job<'j> {
    request: &'j Request,
    base: &'j Base,
    flight: &'j Semaphore,
    calls: &'j AtomicU64,
    prints: &'j Fingerprints,
    progress: &'j dyn Progress,
    stop: &'j AtomicBool,
    regions: &'j [String],
}

/// Collects what the request asks for into the run file.
///
/// An interrupted scan gives the run as far as it came, marked incomplete.
///
/// # Errors
/// When the scan cannot begin, or the run file cannot be written.
pub async fn collect(
    request: &Request,
    base: &Base,
    store: &mut Store,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<RunInfo, Error> {
    let prints = Fingerprints::random()
        .map_err(|error| Error::Setup(format!("the system gives no random bytes: {error}")))?;
    let flight = Semaphore::new(request.max_concurrency);
    let calls = AtomicU64::new(0);
    let home = Entry::Base;
    let place = place(
        &base.config,
        base,
        &base.account,
        &base.region,
        request,
        &prints,
        &flight,
        &calls,
        home.renew(),
    );
    let plan = accounts::plan(request, base, &place).await?;
    let regions = match (&request.regions[..], accounts::regions(&place).await) {
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
    let mut run = begin(base, &plan);
    run.regions = regions.clone();
    run.regions.sort();
    run.regions.dedup();
    store.begin_run(&run)?;
    let job = Job {
        request,
        base,
        flight: &flight,
        calls: &calls,
        prints: &prints,
        progress,
        stop,
        regions: &run.regions.clone(),
    };
    let (send, mut receive) = mpsc::channel::<Message>(64);
    let work = async {
        let mut jobs = futures_util::stream::iter(
            plan.accounts
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
                }
            }
        }
        Ok::<BTreeSet<String>, Error>(seen)
    };
    let ((), seen) = tokio::join!(work, write);
    let seen = seen?;
    if let Some(wrong) = request
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
    if !run.complete {
        run.notes
            .push("the scan was interrupted; what it does not hold was not looked at".to_owned());
    }
    tracing::info!(calls = calls.load(Ordering::Relaxed), "calls to AWS");
    store.begin_run(&run)?;
    Ok(run)
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
    calls: &'p AtomicU64,
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
        calls,
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

    /// Everything of one account. Never fails: what goes wrong is coverage.
    async fn account(&self, account: &str, send: mpsc::Sender<Message>) {
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
            self.calls,
            entry.renew(),
        );
        let needed = self.needed();
        let _ = send.send(Message::Batch(self.not_needed(account))).await;
        if let Err(failure) = confirm(&here, &entry, account).await {
            let _ = send
                .send(Message::Batch(closed(
                    account,
                    self.regions,
                    &needed,
                    &failure,
                )))
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
        let (open, off): (Vec<&String>, Vec<&String>) = self.regions.iter().partition(|region| {
            enabled
                .as_ref()
                .is_none_or(|enabled| enabled.contains(region))
        });
        let _ = send
            .send(Message::Entered {
                account: account.to_owned(),
                chain: entry.chain(self.base),
                regions: open.iter().map(|region| (*region).clone()).collect(),
                unscanned,
            })
            .await;
        let mut nothing = Batch::default();
        for region in off {
            for table in needed
                .iter()
                .filter(|collector| collector.span == Span::Regional)
                .flat_map(|collector| collector.tables)
            {
                let mut line = Coverage::new(account, region, table, "list", Status::Unsupported);
                line.detail = "the Region is not enabled in this account".to_owned();
                nothing.coverage.push(line);
            }
        }
        let _ = send.send(Message::Batch(nothing)).await;
        let configs: BTreeMap<&str, SdkConfig> = open
            .iter()
            .map(|region| {
                (
                    region.as_str(),
                    config
                        .to_builder()
                        .region(Region::new((*region).clone()))
                        .build(),
                )
            })
            .collect();
        let mut work: Vec<(Place<'_>, &Collector)> = Vec::new();
        for collector in &needed {
            match collector.span {
                Span::Global => work.push((
                    Place {
                        region: GLOBAL,
                        ..place(
                            &config,
                            self.base,
                            account,
                            GLOBAL,
                            self.request,
                            self.prints,
                            self.flight,
                            self.calls,
                            entry.renew(),
                        )
                    },
                    collector,
                )),
                Span::Regional => work.extend(configs.iter().map(|(region, config)| {
                    (
                        place(
                            config,
                            self.base,
                            account,
                            region,
                            self.request,
                            self.prints,
                            self.flight,
                            self.calls,
                            entry.renew(),
                        ),
                        *collector,
                    )
                })),
            }
        }
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
            for region in regions.into_iter().filter(|_| !comes_along) {
                let mut line =
                    Coverage::new(account, region, table.name, "list", Status::NotCollected);
                line.operation = table
                    .read("list")
                    .map_or_else(String::new, |read| read.operation.to_owned());
                line.detail = "no selected rule needs it".to_owned();
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
fn closed(account: &str, regions: &[String], needed: &[&Collector], failure: &Failure) -> Batch {
    let mut batch = Batch::default();
    for collector in needed {
        let scopes: Vec<&str> = match collector.span {
            Span::Global => vec![GLOBAL],
            Span::Regional => regions.iter().map(String::as_str).collect(),
        };
        for region in scopes {
            for table in collector.tables {
                let mut line = Coverage::new(account, region, table, "list", failure.status);
                line.operation = "sts:AssumeRole".to_owned();
                line.action = "sts:AssumeRole".to_owned();
                line.detail = failure.detail();
                batch.coverage.push(line);
            }
        }
    }
    batch
}

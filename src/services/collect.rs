//! Calling AWS without losing anything: pages to the end, every failure kept with its reason.
//!
//! Invariants: an error never becomes an empty list; a repeated page token or a cap leaves the list
//! `partial`, never quietly shorter; a refused call is not repeated.

use super::failure::{Failure, failure, is_expired};
use super::pulse::Pulse;
use super::tables;
use crate::inventory::{Coverage, NewRow, Span, Status};
use crate::secrets::Fingerprints;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use aws_types::request_id::RequestId;
use futures_util::StreamExt;
use std::collections::{BTreeSet, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Pages after which a list counts as endless.
const MOST_PAGES: u64 = 20_000;
/// Detail calls of one list in flight at once.
const DETAILS_AT_ONCE: usize = 16;
/// What is said of a reading that no selected rule needs.
pub const NOT_NEEDED: &str = "no selected rule needs it";
/// Request ids kept for one reading.
const MOST_IDS: usize = 20;

/// Forgets credentials that AWS calls expired, so that the next call gets fresh ones.
pub trait Renew: Send + Sync {
    /// Forgets them.
    fn renew(&self);
}

/// One account and Region, with all that a call needs.
pub struct Place<'a> {
    /// Configuration of the SDK for this account and Region.
    pub config: &'a SdkConfig,
    /// Account id.
    pub account: &'a str,
    /// Region, or `global`.
    pub region: &'a str,
    /// Partition.
    pub partition: &'a str,
    /// Is it the account that the scan was started in?
    pub is_home: bool,
    /// Key for fingerprints.
    pub prints: &'a Fingerprints,
    /// Readings (table, group) that the selected rules need.
    pub wanted: &'a BTreeSet<(&'static str, &'static str)>,
    /// Calls in flight, over all accounts.
    pub flight: &'a Semaphore,
    /// How the scan goes.
    pub pulse: &'a Arc<Pulse>,
    /// How far back CloudTrail is asked; `None` is not at all.
    pub observe: Option<std::time::Duration>,
    /// Is the endpoint overridden?
    pub overridden: bool,
    /// Forgets expired credentials.
    pub renew: &'a dyn Renew,
}

/// What a collector brings home.
#[derive(Debug, Default)]
pub struct Batch {
    /// Rows.
    pub rows: Vec<NewRow>,
    /// Their coverage.
    pub coverage: Vec<Coverage>,
}

/// A list read as far as it went.
#[derive(Debug)]
pub struct Listing<T> {
    /// Items.
    pub items: Vec<T>,
    /// What ended it early.
    pub failure: Option<Failure>,
    pages: u64,
    ids: Vec<String>,
    started: String,
    finished: String,
}

impl<T> Listing<T> {
    /// A list that was come by otherwise: what is asked of each of its items may follow.
    pub fn of(items: Vec<T>, failure: Option<Failure>) -> Self {
        Self {
            items,
            failure,
            pages: 0,
            ids: Vec::new(),
            started: now(),
            finished: now(),
        }
    }
}

/// A boxed future.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What fills some tables in one scope.
pub struct Collector {
    /// Tables.
    pub tables: &'static [&'static str],
    /// Its scope.
    pub span: Span,
    /// The calls.
    pub run: for<'a> fn(&'a Place<'a>) -> Boxed<'a, Batch>,
}

/// Now, as coverage writes it.
pub fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// A client of a service crate for a place, with a retry budget of the account's own.
#[macro_export]
macro_rules! client {
    ($service:ident, $place:expr) => {
        $service::Client::from_conf($crate::client_config!($service, $place).build())
    };
}

/// The configuration behind [`client!`].
#[macro_export]
macro_rules! client_config {
    ($service:ident, $place:expr) => {
        $service::config::Builder::from($place.config)
            .retry_classifier($crate::services::failure::HtmlIsFinal)
            .retry_classifier($crate::services::failure::Throttles(std::sync::Arc::clone(
                $place.pulse,
            )))
            .retry_partition($service::config::retry::RetryPartition::new(format!(
                "{}-{}-{}",
                $place.account,
                stringify!($service),
                $place.region
            )))
    };
}

impl Place<'_> {
    /// Is a reading needed?
    pub fn wants(&self, table: &'static str, group: &'static str) -> bool {
        self.wanted.contains(&(table, group))
    }

    /// A row of this place.
    pub fn row(&self, table: &'static str) -> NewRow {
        NewRow::new(table, self.account, self.region)
    }

    /// One call: waits for its turn, repeats it once with fresh credentials where the old ones ran out.
    ///
    /// # Errors
    /// What the call came to instead of an answer.
    pub async fn call<O, E, F>(&self, operation: &str, send: impl Fn() -> F) -> Result<O, Failure>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    {
        let Ok(_turn) = self.flight.acquire().await else {
            return Err(Failure {
                status: Status::Error,
                code: "Interrupted".to_owned(),
                message: "the scan was stopped".to_owned(),
            });
        };
        for fresh in [false, true] {
            let beat = self.pulse.begin(operation, self.account);
            let answer = send().await;
            drop(beat);
            match answer {
                Ok(answer) => return Ok(answer),
                Err(error) if !fresh && is_expired(error.code().unwrap_or_default()) => {
                    self.renew.renew()
                }
                Err(error) => {
                    let mut failure = failure(&error);
                    // The name servers answer (STS was reached by name), and know no such service in the Region: it is not offered there.
                    let unknown_name = failure.code == "NoConnection"
                        && failure.message.contains("Name or service not known");
                    if unknown_name && !self.overridden && operation.starts_with("bedrock") {
                        failure.status = Status::Unsupported;
                    }
                    tracing::info!(
                        account = self.account,
                        region = self.region,
                        operation,
                        code = failure.code.as_str(),
                        "call failed"
                    );
                    return Err(failure);
                }
            }
        }
        Err(Failure {
            status: Status::Error,
            code: "ExpiredToken".to_owned(),
            message: "the credentials ran out and could not be renewed".to_owned(),
        })
    }

    /// A list, page by page to its end.
    pub async fn pages<O, E, T, F>(
        &self,
        operation: &str,
        send: impl Fn(Option<String>) -> F,
        take: impl Fn(O) -> (Vec<T>, Option<String>),
    ) -> Listing<T>
    where
        O: RequestId,
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    {
        let mut listing = Listing {
            items: Vec::new(),
            failure: None,
            pages: 0,
            ids: Vec::new(),
            started: now(),
            finished: String::new(),
        };
        let mut token: Option<String> = None;
        let mut seen: HashSet<String> = HashSet::new();
        loop {
            let answer = match self.call(operation, || send(token.clone())).await {
                Ok(answer) => answer,
                Err(mut failure) => {
                    if listing.pages > 0 {
                        failure.message = format!(
                            "page {}: {} ({})",
                            listing.pages + 1,
                            failure.message,
                            failure.status.as_str()
                        );
                        failure.status = Status::Partial;
                    }
                    listing.failure = Some(failure);
                    break;
                }
            };
            listing.pages += 1;
            if listing.ids.len() < MOST_IDS {
                listing.ids.extend(answer.request_id().map(str::to_owned));
            }
            let (items, next) = take(answer);
            listing.items.extend(items);
            let Some(next) = next.filter(|next| !next.is_empty()) else {
                break;
            };
            let stop = if listing.pages >= MOST_PAGES {
                Some("TooManyPages")
            } else if seen.insert(next.clone()) {
                None
            } else {
                Some("RepeatedPageToken")
            };
            if let Some(code) = stop {
                listing.failure = Some(Failure {
                    status: Status::Partial,
                    code: code.to_owned(),
                    message: format!(
                        "after {} pages the list did not come to its end",
                        listing.pages
                    ),
                });
                break;
            }
            token = Some(next);
        }
        listing.finished = now();
        listing
    }

    /// A single answer as a list of one.
    pub async fn single<O, E, F>(&self, operation: &str, send: impl Fn() -> F) -> Listing<O>
    where
        O: RequestId,
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    {
        let started = now();
        let (items, failure, ids) = match self.call(operation, send).await {
            Ok(answer) => {
                let ids = answer.request_id().map(str::to_owned).into_iter().collect();
                (vec![answer], None, ids)
            }
            Err(failure) => (Vec::new(), Some(failure), Vec::new()),
        };
        Listing {
            pages: u64::from(failure.is_none()),
            items,
            failure,
            ids,
            started,
            finished: now(),
        }
    }

    /// The lists of every parent as one list, each item with its parent's place. A parent whose list failed, or a list of
    /// parents that did not come to its end, leaves the whole partial.
    pub async fn each<P, T, F>(
        &self,
        parents: &Listing<P>,
        name: impl Fn(&P) -> String,
        list: impl Fn(usize) -> F,
    ) -> Listing<(usize, T)>
    where
        F: Future<Output = Listing<T>>,
    {
        let lists: Vec<Listing<T>> = futures_util::stream::iter(0..parents.items.len())
            .map(&list)
            .buffered(DETAILS_AT_ONCE)
            .collect()
            .await;
        let mut whole = Listing {
            items: Vec::new(),
            failure: parents.failure.clone(),
            pages: 0,
            ids: Vec::new(),
            started: parents.started.clone(),
            finished: now(),
        };
        for (place, found) in lists.into_iter().enumerate() {
            whole.pages += found.pages;
            whole.ids.extend(found.ids);
            whole
                .items
                .extend(found.items.into_iter().map(|item| (place, item)));
            if let Some(failure) = found.failure {
                whole.failure = Some(Failure {
                    message: format!("{}: {}", name(&parents.items[place]), failure.message),
                    ..failure
                });
            }
        }
        whole.ids.truncate(MOST_IDS);
        if !whole.items.is_empty()
            && let Some(failure) = &mut whole.failure
        {
            failure.status = Status::Partial;
        }
        whole
    }

    /// Detail calls over rows, side by side, in order. What failed leaves its columns NULL and a gap.
    pub async fn details<T, F>(
        &self,
        batch: &mut Batch,
        table: &'static str,
        group: &'static str,
        items: &[T],
        key: impl Fn(&T) -> String,
        fetch: impl Fn(usize) -> F,
    ) -> Vec<Option<F::Ok>>
    where
        F: FailableFuture,
    {
        if !self.wants(table, group) {
            let mut line = self.line(table, group, Status::NotCollected);
            line.detail = NOT_NEEDED.to_owned();
            batch.coverage.push(line);
            return items.iter().map(|_| None).collect();
        }
        let mut summary = self.line(table, group, Status::Complete);
        let results: Vec<Result<F::Ok, Failure>> = futures_util::stream::iter(0..items.len())
            .map(|place| fetch(place).into_result())
            .buffered(DETAILS_AT_ONCE)
            .collect()
            .await;
        summary.pages = results.len() as u64;
        summary.rows = results.iter().filter(|result| result.is_ok()).count() as u64;
        summary.finished_at = now();
        batch.coverage.push(summary);
        results
            .into_iter()
            .zip(items)
            .map(|(result, item)| match result {
                Ok(found) => Some(found),
                Err(failure) => {
                    let mut line = self.line(table, group, failure.status);
                    line.parent = key(item);
                    line.detail = failure.detail();
                    batch.coverage.push(line);
                    None
                }
            })
            .collect()
    }

    /// A line of coverage of this place.
    pub fn line(&self, table: &'static str, group: &str, status: Status) -> Coverage {
        let mut line = Coverage::new(self.account, self.region, table, group, status);
        if let Some(read) = tables()
            .find(|known| known.name == table)
            .and_then(|known| known.read(group))
        {
            line.operation = read.operation.to_owned();
            line.action = read.actions().join(", ");
        }
        line.started_at = now();
        line.finished_at.clone_from(&line.started_at);
        line
    }
}

/// A future that ends in a result; lets [`Place::details`] name the answer's type.
pub trait FailableFuture: Future<Output = Result<Self::Ok, Failure>> + Sized {
    /// The answer.
    type Ok;
    /// Itself.
    fn into_result(self) -> impl Future<Output = Result<Self::Ok, Failure>>;
}

impl<T, F: Future<Output = Result<T, Failure>>> FailableFuture for F {
    type Ok = T;
    async fn into_result(self) -> Result<T, Failure> {
        self.await
    }
}

impl Batch {
    /// Notes how the list of a table went.
    pub fn listed<T>(&mut self, place: &Place<'_>, table: &'static str, listing: &Listing<T>) {
        let mut line = place.line(
            table,
            "list",
            listing
                .failure
                .as_ref()
                .map_or(Status::Complete, |failure| failure.status),
        );
        line.detail = listing
            .failure
            .as_ref()
            .map(Failure::detail)
            .unwrap_or_default();
        line.pages = listing.pages;
        line.rows = listing.items.len() as u64;
        line.request_ids.clone_from(&listing.ids);
        line.started_at.clone_from(&listing.started);
        line.finished_at.clone_from(&listing.finished);
        self.coverage.push(line);
    }

    /// Says that a part of a table's list failed: what is there is not all.
    pub fn part_failed(&mut self, table: &'static str, what: &str, failure: &Failure) {
        for line in self
            .coverage
            .iter_mut()
            .filter(|line| line.table == table && line.group == "list")
        {
            line.status = if line.rows == 0 {
                failure.status
            } else {
                Status::Partial
            };
            line.detail = format!("{what}: {}", failure.detail());
        }
    }

    /// Sets the count of rows where a list of another kind led to them.
    pub fn count(&mut self, table: &'static str) {
        let rows = self.rows.iter().filter(|row| row.table == table).count() as u64;
        for line in self
            .coverage
            .iter_mut()
            .filter(|line| line.table == table && line.group == "list")
        {
            line.rows = rows;
        }
    }
}

/// Tags as an object.
pub fn tags(pairs: impl IntoIterator<Item = (String, String)>) -> serde_json::Value {
    serde_json::Value::Object(
        pairs
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect(),
    )
}

/// A time of AWS's as RFC 3339 in UTC, to the second; empty where there is none.
pub fn when(time: Option<&aws_smithy_types::DateTime>) -> String {
    time.and_then(|time| jiff::Timestamp::from_second(time.secs()).ok())
        .map_or_else(String::new, |time| {
            time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
        })
}

/// Shares a semaphore between tasks.
pub type Flight = Arc<Semaphore>;

//! How a scan goes: calls made, calls that AWS throttled, and what is waited for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A call in flight: the operation, the account, and since when.
type Waiting = (String, String, Instant);

/// The counts of one scan, over all accounts.
#[derive(Debug, Default)]
pub struct Pulse {
    calls: AtomicU64,
    throttled: AtomicU64,
    waiting: Mutex<BTreeMap<u64, Waiting>>,
    slowest: Mutex<Option<(String, String, Duration)>>,
}

/// A call in flight, until it is dropped.
pub struct Beat<'p> {
    pulse: &'p Pulse,
    number: u64,
}

impl Pulse {
    /// A call begins. It may be sent several times.
    pub fn begin(&self, operation: &str, account: &str) -> Beat<'_> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut waiting) = self.waiting.lock() {
            let call = (operation.to_owned(), account.to_owned(), Instant::now());
            waiting.insert(number, call);
        }
        Beat {
            pulse: self,
            number,
        }
    }

    /// AWS asked for less.
    pub fn throttled(&self) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
    }

    /// `4512 calls, 3 throttled, waiting 12 s for iam:ListRoles in 111111111111`: what is waited for is said from some seconds on.
    pub fn words(&self) -> String {
        let mut said = self.counts();
        let oldest = self
            .waiting
            .lock()
            .ok()
            .and_then(|waiting| waiting.values().min_by_key(|(.., since)| *since).cloned());
        if let Some((operation, account, since)) = oldest {
            let seconds = since.elapsed().as_secs();
            if seconds >= 5 {
                said.push_str(&format!(
                    ", waiting {seconds} s for {operation} in {account}"
                ));
            }
        }
        said
    }

    fn counts(&self) -> String {
        let throttled = self.throttled.load(Ordering::Relaxed);
        let mut said = format!("{} calls", self.calls.load(Ordering::Relaxed));
        if throttled > 0 {
            said.push_str(&format!(", {throttled} throttled"));
        }
        said
    }

    /// The counts, and the call that took longest.
    pub fn summary(&self) -> String {
        let slowest = self.slowest.lock().ok().and_then(|slowest| slowest.clone());
        match slowest {
            Some((operation, account, took)) if took >= Duration::from_secs(5) => format!(
                "{}, the slowest {operation} in {account} with {} s",
                self.counts(),
                took.as_secs()
            ),
            _ => self.counts(),
        }
    }
}

impl Drop for Beat<'_> {
    fn drop(&mut self) {
        let ended = self
            .pulse
            .waiting
            .lock()
            .ok()
            .and_then(|mut waiting| waiting.remove(&self.number));
        if let (Some((operation, account, since)), Ok(mut slowest)) =
            (ended, self.pulse.slowest.lock())
        {
            let took = since.elapsed();
            if slowest.as_ref().is_none_or(|(.., known)| took > *known) {
                *slowest = Some((operation, account, took));
            }
        }
    }
}

impl fmt::Debug for Beat<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beat").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Pulse;

    #[test]
    fn calls_are_counted_and_ended() {
        let pulse = Pulse::default();
        let first = pulse.begin("iam:ListRoles", "111111111111");
        drop(pulse.begin("iam:ListUsers", "111111111111"));
        pulse.throttled();
        assert_eq!(pulse.words(), "2 calls, 1 throttled");
        assert_eq!(pulse.waiting.lock().expect("a lock").len(), 1);
        drop(first);
        assert_eq!(pulse.waiting.lock().expect("a lock").len(), 0);
        assert_eq!(pulse.summary(), "2 calls, 1 throttled");
    }
}

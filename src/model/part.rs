//! Runs in parts: what a scan was asked for, and which share of it one process took.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// One share of a scan: an account's Region, or what of it belongs to no Region, is in exactly one of them.
///
/// Which one follows from the names alone, so that processes that list the accounts at different times agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// From 1.
    pub index: u32,
    /// How many there are.
    pub count: u32,
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// The most shards that one scan can have.
const MOST: u32 = 10_000;

impl Shard {
    /// The shard with this number, from 1.
    ///
    /// # Errors
    /// When there is no such shard of so many.
    pub fn new(index: u32, count: u32) -> Result<Self, String> {
        if count == 0 || count > MOST {
            return Err(format!("{count} shards: there can be 1 to {MOST}"));
        }
        if index == 0 || index > count {
            return Err(format!(
                "there is no shard {index} of {count}: they are counted from 1 to {count}"
            ));
        }
        Ok(Self { index, count })
    }

    /// Can there be such a shard? What was read from a file may be anything.
    ///
    /// # Errors
    /// When there cannot.
    pub fn check(self) -> Result<Self, String> {
        Self::new(self.index, self.count)
    }

    /// The one to which an account's Region belongs; `global` is a Region here.
    pub fn of(account: &str, region: &str, count: u32) -> Self {
        let digest = Sha256::digest(format!("{account} {region}"));
        let number = digest
            .iter()
            .take(8)
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let index = u32::try_from(number % u64::from(count.max(1))).unwrap_or(0) + 1;
        Self { index, count }
    }

    /// Does an account's Region belong to it?
    pub fn holds(self, account: &str, region: &str) -> bool {
        Self::of(account, region, self.count) == self
    }

    /// Reads `I/N`, `auto` or `auto/N`.
    ///
    /// `auto` takes the number from `JOB_COMPLETION_INDEX` (Kubernetes: Indexed Jobs) or `AWS_BATCH_JOB_ARRAY_INDEX` (AWS Batch: array
    /// jobs), which count from 0, and how many there are from `AWS_BATCH_JOB_ARRAY_SIZE` or `OUTCROP_SHARDS`.
    /// <https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode>
    /// <https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html>
    ///
    /// # Errors
    /// When it is neither, or the environment does not tell.
    pub fn parse(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not a shard; write its number and how many there are, such as 1/4, or `auto` or `auto/4`"
            )
        };
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
        let (index, count) = match text.split_once('/') {
            None if text == "auto" => ("auto", None),
            Some((index, count)) => (index, Some(number(count)?)),
            None => return Err(wrong()),
        };
        if index != "auto" {
            return Self::new(number(index)?, count.unwrap_or(0));
        }
        let read = |name: &str| -> Result<Option<u32>, String> {
            variable(name)
                .map(|value| {
                    value
                        .trim()
                        .parse::<u32>()
                        .map_err(|_| format!("{name} is `{value}`, which is not a number"))
                })
                .transpose()
        };
        let index = match read("JOB_COMPLETION_INDEX")? {
            Some(index) => Some(index),
            None => read("AWS_BATCH_JOB_ARRAY_INDEX")?,
        }
        .ok_or("--shard auto reads JOB_COMPLETION_INDEX or AWS_BATCH_JOB_ARRAY_INDEX, and neither is set; write the shard as I/N")?;
        let count = match (count, read("AWS_BATCH_JOB_ARRAY_SIZE")?) {
            (Some(count), _) | (None, Some(count)) => Some(count),
            (None, None) => read("OUTCROP_SHARDS")?,
        }
        .ok_or("how many shards there are is not known; write --shard auto/N, or set OUTCROP_SHARDS to the `completions` of the job")?;
        Self::new(index.saturating_add(1), count)
    }
}

/// What a scan was asked for: a scan that goes on, and the parts of one scan, must have been asked for the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Regions by name; empty for every enabled one.
    pub regions: Vec<String>,
    /// Every account of the organisation.
    pub org: bool,
    /// Accounts by id.
    pub accounts: Vec<String>,
    /// Accounts left out.
    pub excluded: Vec<String>,
    /// Units of the organisation.
    pub units: Vec<String>,
    /// Name or ARN of the audit role.
    pub role: String,
    /// How far back CloudTrail is asked, in seconds; none is not at all.
    pub observe: Option<u64>,
    /// SHA-256 over the readings that the selected rules need, in hexadecimal.
    pub readings: String,
    /// Which share of the scan; none for all of it.
    pub shard: Option<Shard>,
    /// Tells apart the keys of the fingerprints of secrets, and nothing about them.
    pub fingerprints: String,
}

impl Asked {
    /// The first thing in which two differ, shard and fingerprints aside: its flag.
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        [
            (self.regions != other.regions, "--region"),
            (self.org != other.org, "--org"),
            (self.accounts != other.accounts, "--account"),
            (self.excluded != other.excluded, "--exclude-account"),
            (self.units != other.units, "--ou"),
            (self.role != other.role, "--role"),
            (self.observe != other.observe, "--observe"),
            (
                self.readings != other.readings,
                "--select, --skip or --rules",
            ),
        ]
        .into_iter()
        .find_map(|(differs, flag)| differs.then_some(flag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Shard, String> {
        Shard::parse(text, |name| {
            variables
                .iter()
                .find(|(other, _)| *other == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_shard_is_read_from_the_command_or_from_the_environment() {
        assert_eq!(read("2/4", &[]), Shard::new(2, 4));
        let kubernetes = [("JOB_COMPLETION_INDEX", "0")];
        assert_eq!(read("auto/4", &kubernetes), Shard::new(1, 4));
        let batch = [
            ("AWS_BATCH_JOB_ARRAY_INDEX", "3"),
            ("AWS_BATCH_JOB_ARRAY_SIZE", "4"),
        ];
        assert_eq!(read("auto", &batch), Shard::new(4, 4));
        assert_eq!(
            read(
                "auto",
                &[("JOB_COMPLETION_INDEX", "1"), ("OUTCROP_SHARDS", "2")]
            ),
            Shard::new(2, 2)
        );
        for (text, variables) in [
            ("0/4", &[][..]),
            ("5/4", &[]),
            ("1/0", &[]),
            ("1", &[]),
            ("a/b", &[]),
            ("", &[]),
            ("auto", &[]),
            ("auto", &kubernetes),
            ("auto/4", &[("JOB_COMPLETION_INDEX", "4")]),
            ("auto/4", &[("JOB_COMPLETION_INDEX", "x")]),
        ] {
            assert!(read(text, variables).is_err(), "{text} {variables:?}");
        }
    }

    #[test]
    fn every_unit_is_in_one_shard_and_shards_are_of_like_size() {
        let mut sizes = [0_u32; 4];
        for account in 0..300_u64 {
            let account = format!("{:012}", account * 7919);
            for region in ["global", "eu-west-1", "us-east-1"] {
                let held: Vec<u32> = (1..=4)
                    .filter(|index| {
                        Shard::new(*index, 4).is_ok_and(|one| one.holds(&account, region))
                    })
                    .collect();
                assert_eq!(held.len(), 1);
                sizes[held[0] as usize - 1] += 1;
            }
        }
        assert!(
            sizes.iter().all(|size| (180..=270).contains(size)),
            "{sizes:?}"
        );
    }
}

//! What changed since the run before, on its way to a topic, a bus, a lake or a webhook.

use super::{Receiver, Sending};
use crate::cli::{Global, Usage};
use crate::judge::diff::{Differences, compare};
use crate::model::{Outcome, Verdict, counted};
use crate::onward::changes;
use std::io::Write;

/// Bytes of the changes in a message to a topic, which takes 256 KB with everything around them.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const MOST_OF_A_MESSAGE: usize = 180_000;
/// The same for a webhook.
const MOST_OF_A_POST: usize = 4_000_000;

impl Sending {
    /// What changed, and the run before.
    fn differences(&self, outcome: &Outcome) -> anyhow::Result<(Differences, Option<Outcome>)> {
        let mut before: Option<Outcome> = None;
        for path in &self.previous {
            let one = super::earlier(path, outcome)?;
            if before
                .as_ref()
                .is_none_or(|last| last.run.judged_at() <= one.run.judged_at())
            {
                before = Some(one);
            }
        }
        let Some(before) = before else {
            if !self.everything {
                return Err(Usage(
                    "name the run before with --previous RUN, so that only what changed is sent; --everything sends every failure"
                        .to_owned(),
                )
                .into());
            }
            let mut nothing = outcome.clone();
            nothing.results.clear();
            let differences = changes::without_waived(compare(&nothing, outcome));
            return Ok((differences, None));
        };
        let differences = changes::without_waived(compare(&before, outcome));
        Ok((differences, Some(before)))
    }

    pub(super) fn to_others(
        &self,
        to: &Receiver,
        outcome: &Outcome,
        global: &Global,
    ) -> anyhow::Result<u8> {
        if matches!(to, Receiver::Lake(..)) && outcome.run.source.is_file() {
            return Err(Usage(format!(
                "a run of {} speaks of what does not exist yet; a lake takes findings about what does",
                outcome.run.source.as_str()
            ))
            .into());
        }
        let (differences, before) = self.differences(outcome)?;
        let all = changes::all(&differences);
        let mut out = crate::cli::out();
        writeln!(
            out,
            "{} for {}: {}",
            counted(all.len(), "change", "changes"),
            crate::report::safe::cut(&to.shown(), 300),
            changes::headline(&differences)
        )?;
        if all.is_empty() {
            writeln!(out, "nothing changed, so nothing is sent")?;
            return Ok(0);
        }
        if !self.yes {
            if !global.quiet {
                write!(out, "{}", changes::text(outcome, &differences))?;
                writeln!(out, "nothing was sent; --yes sends it")?;
            }
            return Ok(0);
        }
        let sent = self.carry(to, outcome, &differences, before.as_ref())?;
        writeln!(out, "sent: {sent}")?;
        Ok(0)
    }
}

#[cfg(not(feature = "live"))]
impl Sending {
    fn carry(
        &self,
        _: &Receiver,
        _: &Outcome,
        _: &Differences,
        _: Option<&Outcome>,
    ) -> anyhow::Result<String> {
        let _ = (Verdict::Pass, MOST_OF_A_MESSAGE, MOST_OF_A_POST);
        anyhow::bail!("this build has no AWS SDK; build with the feature `live`")
    }
}

#[cfg(feature = "live")]
impl Sending {
    fn carry(
        &self,
        to: &Receiver,
        outcome: &Outcome,
        differences: &Differences,
        earlier: Option<&Outcome>,
    ) -> anyhow::Result<String> {
        let before = earlier.map(|earlier| earlier.run.id.as_str());
        use crate::sources::live::outward;
        let profile = self.profile.as_deref();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        match to {
            Receiver::SecurityHub => Ok(String::new()),
            Receiver::Topic(arn) => {
                let document = changes::document(outcome, differences, before, MOST_OF_A_MESSAGE);
                let text = changes::text(outcome, differences);
                let subject = format!("Outcrop: {}", changes::headline(differences));
                let id = runtime.block_on(outward::publish(
                    profile,
                    arn,
                    &subject,
                    &text,
                    &document.to_string(),
                ))?;
                Ok(format!("message {id}"))
            }
            Receiver::Bus(bus) => {
                let events: Vec<outward::Event> = changes::all(differences)
                    .into_iter()
                    .map(|told| {
                        let mut detail = changes::one(told);
                        detail["schema"] = changes::SCHEMA.into();
                        detail["run"] = outcome.run.id.as_str().into();
                        detail["previous"] = before.into();
                        outward::Event {
                            kind: match told.kind {
                                "appeared" => "Outcrop Failure Appeared",
                                "fixed" => "Outcrop Failure Fixed",
                                "changed" => "Outcrop Failure Changed",
                                _ => "Outcrop Lost Sight",
                            },
                            resource: told.change.resource.clone(),
                            detail: detail.to_string(),
                        }
                    })
                    .collect();
                let taken = runtime.block_on(outward::put_events(profile, bus, &events))?;
                Ok(counted(taken, "event", "events"))
            }
            Receiver::Lake(bucket, prefix) => {
                let (files, findings) = lake(outcome, earlier, differences)?;
                let left = changes::all(differences).len().saturating_sub(findings);
                let count = files.len();
                runtime.block_on(async {
                    for (key, bytes) in files {
                        let key = [prefix.as_str(), key.as_str()]
                            .iter()
                            .filter(|part| !part.is_empty())
                            .copied()
                            .collect::<Vec<_>>()
                            .join("/");
                        outward::put_object(profile, bucket, &key, bytes).await?;
                    }
                    Ok::<_, crate::sources::live::Error>(())
                })?;
                let sent = format!(
                    "{} with {}",
                    counted(count, "object", "objects"),
                    counted(findings, "finding", "findings")
                );
                Ok(match left {
                    0 => sent,
                    left => format!(
                        "{sent}; {left} that the newer run does not judge were left as they are in the lake"
                    ),
                })
            }
            Receiver::Webhook(url) => {
                let document = changes::document(outcome, differences, before, MOST_OF_A_POST);
                let secret = std::env::var("OUTCROP_WEBHOOK_SECRET").ok();
                let status = runtime.block_on(outward::post(
                    url,
                    &to.shown(),
                    document.to_string().as_bytes(),
                    secret.as_deref(),
                ))?;
                Ok(format!("the answer was {status}"))
            }
        }
    }
}

/// Files by key.
#[cfg(feature = "live")]
type Files = std::collections::BTreeMap<String, Vec<u8>>;

/// The findings of what changed, in the form of a lake, and how many they are. What is gone from the newer run is closed with what
/// the run before said of it.
#[cfg(all(feature = "live", feature = "parquet"))]
fn lake(
    outcome: &Outcome,
    earlier: Option<&Outcome>,
    differences: &Differences,
) -> anyhow::Result<(Files, usize)> {
    use crate::report::ocsf::{Class, findings};
    let kinds: std::collections::BTreeMap<&str, &str> = changes::all(differences)
        .iter()
        .map(|told| (told.change.fingerprint.as_str(), told.kind))
        .collect();
    let mut changed = outcome.clone();
    changed
        .results
        .retain(|result| kinds.contains_key(result.fingerprint.as_str()));
    let gone: Vec<crate::model::Finding> = earlier
        .into_iter()
        .flat_map(|earlier| &earlier.results)
        .filter(|old| kinds.get(old.fingerprint.as_str()) == Some(&"fixed"))
        .filter(|old| {
            changed
                .results
                .iter()
                .all(|new| new.fingerprint != old.fingerprint)
        })
        .map(|old| crate::model::Finding {
            verdict: Verdict::NotApplicable,
            message: format!("it is gone; it was: {}", old.message),
            missing: Vec::new(),
            waiver: None,
            ..old.clone()
        })
        .collect();
    changed.results.extend(gone);
    let found: Vec<serde_json::Value> = findings(&changed, Class::Compliance)
        .zip(&changed.results)
        .map(|(mut finding, result)| {
            let (id, name) = match (kinds.get(result.fingerprint.as_str()), result.verdict) {
                (Some(&"appeared"), _) => (1, "Create"),
                (_, Verdict::Pass | Verdict::NotApplicable) => (3, "Close"),
                _ => (2, "Update"),
            };
            finding["activity_id"] = id.into();
            finding["activity_name"] = name.into();
            finding["type_uid"] = (2003 * 100 + id).into();
            finding["type_name"] = format!("Compliance Finding: {name}").into();
            finding
        })
        .collect();
    let files = crate::onward::lake::files(&outcome.run.id, &found)?;
    Ok((files, found.len()))
}

#[cfg(all(feature = "live", not(feature = "parquet")))]
fn lake(_: &Outcome, _: Option<&Outcome>, _: &Differences) -> anyhow::Result<(Files, usize)> {
    let _ = Verdict::Pass;
    anyhow::bail!("this build writes no Parquet; build with the feature `parquet`")
}

//! `outcrop fix`: concrete changes that close failures, each proved before it is shown.

use super::check::{Input, Keep};
use super::{Global, Usage, judging};
use crate::engine::Selection;
use crate::model::{Change, Outcome, Severity, Source, Verdict, changes};
use crate::remedy::{self, Access, CALLER, Form, Plan, Proof, Prover, Turned};
use crate::report::safe::cut;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Fix {
    #[command(flatten)]
    input: Input,
    /// Only these changes, by the ids that reports show, such as `private-dns-ed9d5d79`; repeatable. Without it every change is
    /// tried, those that close most of the worst first, each on top of those before it.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    cause: Vec<String>,
    /// How changes are written; by default as the input is: `terraform` for plans, `cloudformation` for templates, `cli` otherwise.
    #[arg(long, value_enum)]
    format: Option<Written>,
    /// Add the rules of a folder to the built-in ones.
    #[arg(long, value_name = "DIR")]
    rules: Vec<PathBuf>,
    /// Configuration; `outcrop.yaml` when present.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Written {
    /// Blocks of Terraform.
    Terraform,
    /// Resources of a CloudFormation template.
    Cloudformation,
    /// Commands of the AWS CLI.
    Cli,
    /// A patch of the template, or of the `.tf` files in `--source`, as `git apply` takes it.
    Patch,
    /// Everything, with its proof.
    Json,
}

/// A change as it was tried.
struct Tried<'c> {
    change: &'c Change,
    plan: Option<Plan>,
    proof: Option<Proof>,
    /// Why it is not shown; empty where it is.
    not_shown: String,
    /// Was it worked out, or was something missing for it? Another change may make that good.
    may_hold_later: bool,
}

impl Fix {
    /// 0 where every change that was named is shown, 4 where one could not be proved.
    pub fn run(&self, global: &Global) -> anyhow::Result<u8> {
        let mut judge = judging::read(
            &self.rules,
            self.config.as_deref(),
            None,
            &Selection::default(),
        )?;
        let judged = self.input.judged(&mut judge, Keep::Memory, global.quiet)?;
        let outcome = judged.outcome;
        let Some(store) = judged.store else {
            return Err(Usage(
                "--onto: a change is worked out on a run or on a file, not on both together"
                    .to_owned(),
            )
            .into());
        };
        let all = changes(&outcome);
        let wanted = self.wanted(&all)?;
        let written = self.format.unwrap_or(match outcome.run.source {
            Source::Terraform => Written::Terraform,
            Source::Cloudformation => Written::Cloudformation,
            Source::Pulumi => Written::Json,
            _ => Written::Cli,
        });
        let fits = match outcome.run.source {
            Source::Terraform => {
                matches!(written, Written::Terraform | Written::Patch | Written::Json)
            }
            Source::Cloudformation => {
                matches!(
                    written,
                    Written::Cloudformation | Written::Patch | Written::Json
                )
            }
            Source::Pulumi => written == Written::Json,
            _ => true,
        };
        if !fits {
            return Err(Usage(match outcome.run.source {
                Source::Pulumi => "changes are not written as Pulumi programs; --format json has what is to be changed and the proof, and `outcrop explain` the advice of each rule".to_owned(),
                _ => "a file is changed in its own language: terraform for plans, cloudformation for templates, or a patch".to_owned(),
            })
            .into());
        }
        let mut prover = Prover::new(&judge.library, &judge.config, &store)?;
        if judged.ways > 1 {
            let others = match judged.ways - 1 {
                1 => "one other way".to_owned(),
                more => format!("{more} other ways"),
            };
            prover.leave(format!(
                "{others} in which the conditions can turn out; give --parameters to try the one that is meant"
            ));
        }
        // What shuts others out comes after what they have to move first.
        let (last, first): (Vec<&Change>, Vec<&Change>) = wanted
            .into_iter()
            .partition(|change| remedy::of(&change.change).is_some_and(|remedy| remedy.last));
        let mut tried = first
            .into_iter()
            .chain(last)
            .map(|change| attempt(&mut prover, change))
            .collect::<anyhow::Result<Vec<_>>>()?;
        // What another change stood in the way of may hold after it: a control policy, once all callers have an endpoint.
        let mut order: Vec<usize> = (0..tried.len())
            .filter(|at| tried[*at].not_shown.is_empty())
            .collect();
        loop {
            let mut further = false;
            let one = tried.len() == 1;
            for (at, before) in tried.iter_mut().enumerate() {
                if !before.may_hold_later {
                    continue;
                }
                let again = attempt(&mut prover, before.change)?;
                if again.not_shown.is_empty() {
                    order.push(at);
                    further = true;
                }
                *before = again;
            }
            if !further || one {
                break;
            }
        }
        let left = (0..tried.len()).filter(|at| !order.contains(at));
        let order: Vec<usize> = order.iter().copied().chain(left).collect();
        let mut all_tried: Vec<Option<Tried<'_>>> = tried.into_iter().map(Some).collect();
        let tried: Vec<Tried<'_>> = order
            .into_iter()
            .filter_map(|at| all_tried[at].take())
            .collect();
        let mut out = crate::cli::out();
        let mut partly = false;
        match written {
            Written::Json => self.json(&tried, &outcome, prover.outcome(), &mut out)?,
            Written::Patch => {
                let shown: Vec<(&Tried<'_>, &Plan)> = tried
                    .iter()
                    .filter(|one| one.not_shown.is_empty())
                    .filter_map(|one| Some((one, one.plan.as_ref()?)))
                    .collect();
                let plans: Vec<&Plan> = shown.iter().map(|(_, plan)| *plan).collect();
                let patch = remedy::patch::of(&plans, outcome.run.source, self.input.source())?;
                out.write_all(patch.text.as_bytes())?;
                anstream::eprintln!(
                    "{} of {} proved changes are in the patch",
                    patch.whole.len(),
                    plans.len()
                );
                for at in &patch.whole {
                    let (one, plan) = shown[*at];
                    for line in one.proof.iter().flat_map(|proof| proved(one, proof, plan)) {
                        anstream::eprintln!("# {}", cut(&line, 1000));
                    }
                }
                for note in &patch.left {
                    anstream::eprintln!("not in the patch: {}", cut(note, 400));
                }
                if patch.whole.len() < plans.len() {
                    partly = true;
                }
            }
            Written::Terraform => print(&tried, Form::Terraform, &mut out)?,
            Written::Cloudformation => print(&tried, Form::Cloudformation, &mut out)?,
            Written::Cli => print(&tried, Form::Cli, &mut out)?,
        }
        if written != Written::Json {
            summary(&tried, &outcome, prover.outcome());
        }
        let named_and_left =
            !self.cause.is_empty() && tried.iter().any(|one| !one.not_shown.is_empty());
        Ok(if named_and_left || partly && !self.cause.is_empty() {
            4
        } else {
            0
        })
    }

    fn wanted<'c>(&self, all: &'c [Change]) -> anyhow::Result<Vec<&'c Change>> {
        if self.cause.is_empty() {
            return Ok(all.iter().collect());
        }
        self.cause
            .iter()
            .map(|id| {
                all.iter().find(|change| change.id == *id).ok_or_else(|| {
                    let known: Vec<&str> =
                        all.iter().take(12).map(|change| change.id.as_str()).collect();
                    Usage(format!(
                        "--cause {}: no failure of this input is closed by a change of this id; there are: {}{}",
                        cut(id, 100),
                        known.join(", "),
                        if all.len() > 12 { ", ..." } else { "" }
                    ))
                    .into()
                })
            })
            .collect()
    }

    fn json(
        &self,
        tried: &[Tried<'_>],
        before: &Outcome,
        after: &Outcome,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let fixes: Vec<_> = tried
            .iter()
            .map(|one| {
                let shown = one.plan.as_ref().filter(|_| one.not_shown.is_empty());
                // A file is changed in its own language alone.
                let text = |form| {
                    let fits = match before.run.source {
                        Source::Terraform => form == Form::Terraform,
                        Source::Cloudformation => form == Form::Cloudformation,
                        Source::Pulumi => false,
                        _ => true,
                    };
                    shown
                        .filter(|_| fits)
                        .map(|plan| plan.text(form, &mut BTreeSet::new()))
                };
                json!({
                    "id": one.change.id,
                    "change": one.change.change,
                    "sentence": one.change.sentence,
                    "account_id": one.change.account_id,
                    "proven": shown.is_some(),
                    "not_shown": one.not_shown,
                    "cli": text(Form::Cli),
                    "terraform": text(Form::Terraform),
                    "cloudformation": text(Form::Cloudformation),
                    "notes": shown.map(Plan::notes).unwrap_or_default(),
                    "proof": one.proof,
                })
            })
            .collect();
        let whole = json!({
            "schema": "outcrop/v1",
            "fixes": fixes,
            "failed_before": failed(before),
            "failed_after": failed(after),
        });
        serde_json::to_writer_pretty(&mut *out, &whole)?;
        writeln!(out)?;
        Ok(())
    }
}

/// Works a change out, tries it, and keeps it where it holds.
fn attempt<'c>(prover: &mut Prover<'_>, change: &'c Change) -> anyhow::Result<Tried<'c>> {
    let not_shown = |plan, proof, why: &str| Tried {
        change,
        plan,
        proof,
        not_shown: why.to_owned(),
        may_hold_later: false,
    };
    let later = |tried: Tried<'c>| Tried {
        may_hold_later: true,
        ..tried
    };
    let Some(remedy) = remedy::of(&change.change) else {
        return Ok(not_shown(
            None,
            None,
            "no change is worked out for this kind of failure; `outcrop rules show` has the rule's own advice",
        ));
    };
    if !remedy.none.is_empty() {
        return Ok(not_shown(None, None, remedy.none.trim()));
    }
    if !prover.met(change) {
        return Ok(not_shown(
            None,
            None,
            "it fails only where the conditions turn out otherwise than in the way that was tried; give --parameters for the one that is meant",
        ));
    }
    // What an earlier change closed needs nothing more.
    if !prover.is_open(change) {
        return Ok(not_shown(
            None,
            None,
            "nothing is left of it that a change could close: an earlier one does, or it is about calls of the past, which the next scan sees",
        ));
    }
    let Some(plan) = prover.plan(change)? else {
        return Ok(not_shown(None, None, "no change is worked out for it"));
    };
    if plan.rows.is_empty() {
        let why = if remedy.missing.is_empty() {
            "this run does not hold what the change would need"
        } else {
            remedy.missing.trim()
        };
        return Ok(later(not_shown(None, None, why)));
    }
    let (proof, store, after) = prover.prove(&plan, change)?;
    if !proof.holds() {
        let why = format!("it was worked out, and it does not hold: {}", flaw(&proof));
        return Ok(later(not_shown(Some(plan), Some(proof), &why)));
    }
    prover.keep(&plan, store, after);
    Ok(not_shown(Some(plan), Some(proof), ""))
}

fn few(all: &[Turned]) -> String {
    let shown: Vec<String> = all
        .iter()
        .take(3)
        .map(|one| format!("{} on {}: {}", one.rule, one.resource, one.message))
        .collect();
    let more = all.len().saturating_sub(3);
    if more > 0 {
        format!("{}; and {more} more", shown.join("; "))
    } else {
        shown.join("; ")
    }
}

/// Why a proof does not hold.
fn flaw(proof: &Proof) -> String {
    let mut flaws = Vec::new();
    if !proof.brings.is_empty() {
        flaws.push(format!("it would bring {}", few(&proof.brings)));
    }
    if !proof.opens.is_empty() {
        flaws.push(format!(
            "it would leave open what is settled now: {}",
            few(&proof.opens)
        ));
    }
    if !proof.gone.is_empty() {
        flaws.push(format!(
            "what became of this is not known, because the rule finds nothing there any more: {}",
            few(&proof.gone)
        ));
    }
    for call in proof.calls_lost.iter().take(3) {
        let who = if call.workload.is_empty() {
            &call.principal
        } else {
            &call.workload
        };
        flaws.push(format!(
            "a call of {} by {who} would be refused: {}",
            call.model, call.reason
        ));
    }
    for access in &proof.access {
        match access {
            Access::Narrower => {}
            Access::Wider { request } => flaws.push(format!("it would allow {request}")),
            Access::Unknown { reason } => flaws.push(format!(
                "whether it would allow more could not be determined: {reason}"
            )),
        }
    }
    for call in proof.calls_unknown.iter().take(3) {
        flaws.push(format!(
            "whether a call of {} by {} would still be allowed could not be determined: {}",
            call.model, call.principal, call.reason
        ));
    }
    if proof.own == 0 {
        flaws.push(format!(
            "it would close nothing of what it is made for: {}",
            few(&proof.leaves)
        ));
    }
    flaws.join("; ")
}

/// Failures that nobody waived, by severity.
fn failed(outcome: &Outcome) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for result in &outcome.results {
        if result.verdict == Verdict::Fail && result.waiver.is_none() {
            *counts.entry(result.severity.as_str()).or_default() += 1;
        }
    }
    counts
}

/// "2 critical, 1 high".
fn by_severity(counts: &BTreeMap<&str, usize>) -> String {
    let all: Vec<String> = Severity::ALL
        .into_iter()
        .filter_map(|severity| {
            let count = counts.get(severity.as_str())?;
            Some(format!("{count} {}", severity.as_str()))
        })
        .collect();
    if all.is_empty() {
        "none".to_owned()
    } else {
        all.join(", ")
    }
}

fn counted(all: &[Turned]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for one in all {
        *counts.entry(one.severity).or_default() += 1;
    }
    by_severity(&counts)
}

/// What a change was shown to do, as comments that every form takes.
fn proved(one: &Tried<'_>, proof: &Proof, plan: &Plan) -> Vec<String> {
    let mut lines = vec![format!("{}: {}", one.change.id, one.change.sentence)];
    if !proof.closes.is_empty() {
        lines.push(format!("closes: {}", counted(&proof.closes)));
    }
    if !proof.past.is_empty() {
        lines.push(format!(
            "about calls of the past, closed by the next scan once they stop: {}",
            counted(&proof.past)
        ));
    }
    if !proof.leaves.is_empty() {
        lines.push(format!("leaves open: {}", few(&proof.leaves)));
    }
    if !proof.uncovers.is_empty() {
        lines.push(format!(
            "left to do there, which a worse failure hid: {}",
            few(&proof.uncovers)
        ));
    }
    let mut tested = vec!["no result gets worse".to_owned()];
    if !proof.access.is_empty() {
        tested.push("no request is allowed that was refused before".to_owned());
    }
    match proof.calls_kept {
        0 => {}
        1 => tested.push("1 call is allowed as before".to_owned()),
        many => tested.push(format!("{many} calls are allowed as before")),
    }
    lines.push(format!("proved on a copy: {}", tested.join("; ")));
    for what in &proof.not_seen {
        lines.push(format!("not seen: {what}"));
    }
    for note in plan.notes() {
        lines.push(format!("note: {note}"));
    }
    lines
}

fn print(tried: &[Tried<'_>], form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut first = true;
    let mut seen = BTreeSet::new();
    let mut all = String::new();
    for one in tried {
        let mut lines = Vec::new();
        let mut text = String::new();
        match (&one.plan, &one.proof) {
            (Some(plan), Some(proof)) if one.not_shown.is_empty() => {
                lines = proved(one, proof, plan);
                text = plan.text(form, &mut seen);
                if text.is_empty() {
                    let other = if form == Form::Cli {
                        "terraform"
                    } else {
                        "cli"
                    };
                    lines.push(format!(
                        "it cannot be written in this form; try --format {other}"
                    ));
                }
            }
            _ if tried.len() == 1 => {
                lines.push(format!("{}: {}", one.change.id, one.change.sentence));
                lines.push(format!("not shown: {}", one.not_shown));
            }
            _ => {}
        }
        if lines.is_empty() {
            continue;
        }
        if !first {
            all.push('\n');
        }
        first = false;
        for line in lines {
            let _ = writeln!(all, "# {}", cut(&line, 1000));
        }
        all.push_str(&text);
    }
    // The account of a plan that does not tell it.
    if form == Form::Terraform && all.contains(CALLER) {
        writeln!(
            out,
            "data \"aws_caller_identity\" \"current\" {{}} # where there is none yet\n"
        )?;
    }
    out.write_all(all.as_bytes())?;
    Ok(())
}

/// For a person, on standard error: what all changes come to, and what is left.
fn summary(tried: &[Tried<'_>], before: &Outcome, after: &Outcome) {
    let shown = tried.iter().filter(|one| one.not_shown.is_empty()).count();
    anstream::eprintln!(
        "{shown} of {} changes shown; failures before: {}; with these changes: {}",
        tried.len(),
        by_severity(&failed(before)),
        by_severity(&failed(after))
    );
    if tried.len() > 1 {
        for one in tried.iter().filter(|one| !one.not_shown.is_empty()) {
            anstream::eprintln!("not shown: {}: {}", one.change.id, cut(&one.not_shown, 600));
        }
    }
}

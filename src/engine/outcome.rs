//! From the run file back to results: everything that a report needs is there.

use super::Rule;
use super::closing::{CHANGES, CLAIMS, closer, outside};
use super::library::{control_titles, controls_of};
use super::sentences::{unchecked, why};
use super::stored::{cells, stored_rules, waived_causes};
use crate::inventory::{Error, FILE, Role, Store, Table, quoted};
use crate::model::{
    CoverageLine, Finding, Gap, Outcome, Reason, RuleText, RunInfo, Severity, Summary, Verdict,
    Waiver, WaiverReport, WaiverStatus, account_arn,
};
use rusqlite::params;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn fingerprint(
    rule: &str,
    account: &str,
    region: &str,
    resource: &str,
    part: &str,
) -> String {
    let mut hash = Sha256::new();
    for text in [rule, account, region, resource, part] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hash.finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Verdicts by the numbers that a run file holds.
pub(super) const VERDICTS: [Verdict; 4] = [
    Verdict::Pass,
    Verdict::Fail,
    Verdict::Unknown,
    Verdict::NotApplicable,
];

/// A number that no release wrote is no verdict.
fn decoded(code: i64) -> Verdict {
    usize::try_from(code)
        .ok()
        .and_then(|code| VERDICTS.get(code))
        .copied()
        .unwrap_or(Verdict::Unknown)
}

struct Book<'s> {
    store: &'s Store,
    run: RunInfo,
    rules: BTreeMap<i64, (Rule, Severity, String)>,
    waivers: BTreeMap<i64, Waiver>,
    names: super::Names,
    /// By fingerprint: `new`, `existing` or `fixed`.
    origins: BTreeMap<String, String>,
}

impl Book<'_> {
    fn finding(
        &self,
        rule: i64,
        verdict: Verdict,
        waiver: Option<i64>,
        cells: &BTreeMap<String, Json>,
        missing: Vec<Gap>,
    ) -> Option<Finding> {
        let (rule, severity, error) = self.rules.get(&rule)?;
        let text = |name: &str| {
            cells
                .get(name)
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (account, region, subject, part) = (
            text("account_id"),
            text("region"),
            text("resource"),
            text("part"),
        );
        let resource = self.names.shown(&account, &region, &subject);
        let fingerprint = fingerprint(&rule.id, &account, &region, &resource, &part);
        let mut message = rule.says(verdict, cells);
        if let (Verdict::Fail, Some(unless)) = (verdict, &rule.unless) {
            message.push_str(&unchecked(unless, cells));
        }
        if !error.is_empty() {
            message = format!("the rule could not run: {error}");
        }
        let declared = self.names.of(&account, &region, &subject);
        if let (Some(one), Verdict::Fail | Verdict::Unknown) = (declared, verdict)
            && !one.path.is_empty()
        {
            message.push_str(&format!(" (construct {})", one.path));
        }
        Some(Finding {
            rule: rule.id.clone(),
            title: rule.title.clone(),
            // What the configuration says of the rule holds for all of its failures.
            severity: (verdict == Verdict::Fail && *severity == rule.severity)
                .then(|| rule.message.fail.severity(cells))
                .flatten()
                .unwrap_or(*severity),
            pillar: rule.pillar.clone(),
            stage: rule.stage,
            verdict,
            location: declared.and_then(|one| one.written.clone().or_else(|| one.location.clone())),
            origin: self.origins.get(&fingerprint).cloned(),
            fingerprint,
            resource,
            closer: (verdict == Verdict::Fail).then(|| closer(rule, cells, &subject)),
            subject,
            resource_type: text("resource_type"),
            account_id: account,
            region,
            message,
            evidence: rule
                .evidence
                .iter()
                .filter_map(|name| cells.get(name).map(|value| (name.clone(), value.clone())))
                .collect(),
            missing,
            part,
            waiver: waiver.and_then(|id| self.waivers.get(&id).cloned()),
            tags: cells
                .get("tags")
                .and_then(|tags| serde_json::from_value(tags.clone()).ok())
                .unwrap_or_default(),
            environment: text("environment"),
            controls: controls_of(rule, &text("resource_type")),
        })
    }

    fn subject(&self, table: &Table, results: &mut Vec<(i64, Finding)>) -> Result<(), Error> {
        let own: Vec<&Rule> = self
            .rules
            .values()
            .map(|(rule, ..)| rule)
            .filter(|rule| rule.subject.as_deref() == Some(table.name))
            .collect();
        // Rows of collected tables are kept by result.
        if own.is_empty() || table.role == Role::Base {
            return Ok(());
        }
        let reads = reads_of(table, &own);
        let names: String = table
            .columns
            .iter()
            .map(|column| format!(", s.{}", quoted(column.name)))
            .collect();
        let ids: Vec<String> = self
            .rules
            .iter()
            .filter(|(_, (rule, ..))| rule.subject.as_deref() == Some(table.name))
            .map(|(id, _)| id.to_string())
            .collect();
        let mut statement = self.store.conn.prepare(&format!(
            "SELECT r.rule, r.verdict, r.waiver, s.rowid, r.rowid, s.account_id, s.region{names} FROM result r JOIN {} s ON s.rowid = r.row WHERE r.rule IN ({})",
            quoted(table.name),
            ids.join(", ")
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (rule, verdict): (i64, i64) = (row.get(0)?, row.get(1)?);
            let verdict = decoded(verdict);
            let cells = cells(row, table, 5)?;
            let missing = if verdict == Verdict::Unknown {
                let columns = self
                    .rules
                    .get(&rule)
                    .and_then(|(rule, ..)| reads.get(&rule.id))
                    .cloned()
                    .unwrap_or_default();
                self.missing(table, row.get(3)?, &columns, &cells)?
            } else {
                Vec::new()
            };
            let id = row.get(4)?;
            let finding = self.finding(rule, verdict, row.get(2)?, &cells, missing);
            results.extend(finding.map(|finding| (id, finding)));
        }
        Ok(())
    }

    /// What hides the columns that a rule reads and that are NULL in a row.
    fn missing(
        &self,
        table: &Table,
        row: i64,
        columns: &[String],
        cells: &BTreeMap<String, Json>,
    ) -> Result<Vec<Gap>, Error> {
        let mut missing: Vec<Gap> = Vec::new();
        for name in columns
            .iter()
            .filter(|name| cells.get(*name).is_none_or(Json::is_null))
        {
            let mut statement = self.store.conn.prepare_cached(
                "SELECT gaps FROM gap WHERE table_name = ?1 AND row = ?2 AND column_name = ?3",
            )?;
            let found: Vec<String> = statement
                .query_map(params![table.name, row, name], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let gaps: Vec<Gap> = found
                .iter()
                .flat_map(|text| serde_json::from_str::<Vec<Gap>>(text).unwrap_or_default())
                .collect();
            if gaps.is_empty() {
                missing.push(Gap {
                    fact: format!("{}.{name}", table.name),
                    operation: String::new(),
                    action: String::new(),
                    reason: Reason::Error,
                    detail: "not observed".to_owned(),
                });
            }
            missing = crate::model::merge(missing, gaps);
        }
        missing.sort();
        Ok(missing)
    }

    fn scopes(&self, results: &mut Vec<(i64, Finding)>) -> Result<(), Error> {
        let mut statement = self.store.conn.prepare(
            "SELECT rule, verdict, waiver, account_id, region, rowid FROM result WHERE row IS NULL",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (rule, verdict, account, region): (i64, i64, String, String) =
                (row.get(0)?, row.get(1)?, row.get(3)?, row.get(4)?);
            let verdict = decoded(verdict);
            let Some((found, _, error)) = self.rules.get(&rule) else {
                continue;
            };
            let subject = found.subject.clone().unwrap_or_default();
            let missing = if verdict != Verdict::Unknown {
                Vec::new()
            } else if !error.is_empty() {
                vec![Gap::not_understood(found.id.clone(), error.clone())]
            } else if subject.is_empty() {
                super::closed_world::kept(&self.store.conn, &found.id)?
            } else {
                let mut statement =
                    self.store.conn.prepare_cached("SELECT gaps FROM subject_scope WHERE table_name = ?1 AND account_id = ?2 AND region = ?3")?;
                let found: Vec<String> = statement
                    .query_map(params![subject, account, region], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                let mut gaps: Vec<Gap> = found
                    .iter()
                    .flat_map(|text| serde_json::from_str::<Vec<Gap>>(text).unwrap_or_default())
                    .collect();
                gaps.sort();
                gaps
            };
            let name = self
                .run
                .account(&account)
                .map_or("", |known| known.name.as_str());
            let cells: BTreeMap<String, Json> = [
                ("account_id", account.clone()),
                ("region", region),
                ("resource", account_arn(&self.run.partition, &account)),
                ("resource_type", "AWS::::Account".to_owned()),
                ("part", String::new()),
                ("name", name.to_owned()),
            ]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), Json::String(value)))
            .collect();
            if let Some(mut finding) = self.finding(rule, verdict, row.get(2)?, &cells, missing) {
                if error.is_empty() {
                    finding.message = match verdict {
                        Verdict::Unknown => format!(
                            "what there is to judge could not be listed completely: {}",
                            why(&finding.missing)
                        ),
                        _ => "there is nothing of this kind here".to_owned(),
                    };
                }
                finding.evidence.clear();
                results.push((row.get(5)?, finding));
            }
        }
        Ok(())
    }

    /// The collected table that a rule judges row by row.
    fn collected(&self, rule: &Rule) -> Option<&'static Table> {
        let table = self.store.table(rule.subject.as_deref()?).ok()?;
        (table.role == Role::Base).then_some(table)
    }

    fn own_queries(&self, results: &mut Vec<(i64, Finding)>) -> Result<(), Error> {
        let mut statement =
            self.store.conn.prepare("SELECT r.rule, r.verdict, r.waiver, f.cells, r.rowid, f.id FROM result r JOIN from_row f ON f.id = r.row AND f.rule = r.rule")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (rule, verdict, text): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(3)?);
            let Some((found, ..)) = self
                .rules
                .get(&rule)
                .filter(|(rule, ..)| rule.from.is_some() || self.collected(rule).is_some())
            else {
                continue;
            };
            let cells: BTreeMap<String, Json> = serde_json::from_str(&text).unwrap_or_default();
            let verdict = decoded(verdict);
            let missing = match self.collected(found) {
                _ if verdict != Verdict::Unknown => Vec::new(),
                Some(table) => {
                    let columns = reads_of(table, &[found]).remove(&found.id);
                    self.missing(table, row.get(5)?, &columns.unwrap_or_default(), &cells)?
                }
                None => super::closed_world::kept(&self.store.conn, &found.id)?,
            };
            let id = row.get(4)?;
            let finding = self.finding(rule, verdict, row.get(2)?, &cells, missing);
            results.extend(finding.map(|finding| (id, finding)));
        }
        Ok(())
    }

    /// Every result, with its place in the run file.
    fn all(&self) -> Result<Vec<(i64, Finding)>, Error> {
        let mut results = Vec::new();
        for table in self.store.tables() {
            self.subject(table, &mut results)?;
        }
        self.scopes(&mut results)?;
        self.own_queries(&mut results)?;
        Ok(results)
    }
}

/// What is unknown and not waived yet in a run that is being judged, with each result's place in the run file.
pub(super) fn unknowns(store: &Store, run: &RunInfo) -> Result<Vec<(i64, Finding)>, Error> {
    let waived: BTreeSet<i64> = store
        .conn
        .prepare("SELECT rowid FROM result WHERE waiver IS NOT NULL")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let book = Book {
        store,
        rules: stored_rules(store)?,
        waivers: BTreeMap::new(),
        names: super::Names::load(store, run.source)?,
        origins: BTreeMap::new(),
        run: run.clone(),
    };
    let mut results = book.all()?;
    results.retain(|(id, finding)| finding.verdict == Verdict::Unknown && !waived.contains(id));
    Ok(results)
}

fn reads_of(table: &Table, rules: &[&Rule]) -> BTreeMap<String, Vec<String>> {
    rules
        .iter()
        .map(|rule| {
            let column = |name: &str| super::column_kind(table, name);
            let parameter = |name: &str| rule.parameters.get(name).map(|parameter| parameter.kind);
            let reads = |text: &str| {
                super::expression::check(text, &column, &parameter)
                    .map(|reads| reads.columns)
                    .unwrap_or_default()
            };
            let columns: BTreeSet<String> = rule
                .expressions()
                .flat_map(|(_, text)| reads(text))
                .collect();
            (rule.id.clone(), columns.into_iter().collect())
        })
        .collect()
}

/// Says of each file whether it is read whole: what hides in one is among the lines already, and is said to be of it.
fn of_files(store: &Store, coverage: &mut Vec<CoverageLine>) -> Result<(), Error> {
    let mut statement = store.conn.prepare(
        "SELECT file, count(*) FROM declaration WHERE file <> '' AND table_name <> '' GROUP BY file ORDER BY file",
    )?;
    let files: Vec<(String, i64)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let of_a_file = |line: &&mut CoverageLine| {
        line.table == FILE || line.table.starts_with(&format!("{FILE}."))
    };
    for line in coverage.iter_mut().filter(of_a_file) {
        let named = files.iter().find(|(file, _)| {
            let rest = line.detail.strip_prefix(file.as_str());
            rest.is_some_and(|rest| rest.starts_with(':'))
        });
        let file = match (named, files.as_slice()) {
            (Some((file, _)), _) | (None, [(file, _)]) => file,
            _ => continue,
        };
        line.operation = format!("file:{file}");
    }
    for (file, rows) in files {
        let operation = format!("file:{file}");
        if !coverage.iter().any(|line| line.operation == operation) {
            coverage.push(CoverageLine {
                account_id: String::new(),
                region: String::new(),
                table: FILE.to_owned(),
                status: "complete".to_owned(),
                operation,
                detail: String::new(),
                rows: u64::try_from(rows).unwrap_or_default(),
            });
        }
    }
    Ok(())
}

/// Reads everything that a report renders.
///
/// # Errors
/// When the run was not judged to its end, or the file is damaged.
pub fn outcome(store: &Store) -> Result<Outcome, Error> {
    let run = store.run()?;
    let Some(judged) = store.judged()? else {
        return Err(match run.asked.and_then(|asked| asked.shard) {
            Some(shard) => Error::Shard {
                path: store.shown(),
                shard: shard.to_string(),
            },
            None => Error::Unjudged(store.shown()),
        });
    };
    let mut waivers = BTreeMap::new();
    let mut reports = Vec::new();
    let mut causes = waived_causes(store)?;
    let mut statement = store.conn.prepare(
        "SELECT id, rule, resource, reason, owner, expires, status, detail FROM waiver ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let status: String = row.get(6)?;
        let id: i64 = row.get(0)?;
        waivers.insert(
            id,
            Waiver {
                reason: row.get(3)?,
                owner: row.get(4)?,
                expires: row.get(5)?,
            },
        );
        reports.push(WaiverReport {
            rule: row.get(1)?,
            resource: row.get(2)?,
            cause: causes.remove(&id).unwrap_or_default(),
            detail: row.get(7)?,
            status: serde_json::from_value(Json::String(status)).unwrap_or(WaiverStatus::Malformed),
        });
    }
    let disabled = store
        .conn
        .prepare("SELECT rule FROM disabled ORDER BY rule")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    let names = super::Names::load(store, run.source)?;
    let book = Book {
        store,
        rules: stored_rules(store)?,
        waivers,
        names,
        origins: store.origins()?,
        run,
    };
    let mut results: Vec<Finding> = book.all()?.into_iter().map(|(_, one)| one).collect();
    if results.len() as u64 != judged {
        let reason = format!(
            "it says that it holds {judged} results, and {} of them have what they are about",
            results.len()
        );
        return Err(Error::Damaged {
            path: store.shown(),
            reason,
        });
    }
    let mut coverage: Vec<CoverageLine> = store
        .coverage()?
        .into_iter()
        .map(|line| CoverageLine {
            account_id: line.account_id,
            region: line.region,
            status: line.status.as_str().to_owned(),
            operation: line.operation,
            rows: line.rows,
            table: match (line.group.as_str(), line.parent.as_str()) {
                ("list", "") => line.table,
                (group, "") => format!("{}.{group}", line.table),
                (group, parent) => format!("{}.{group}[{parent}]", line.table),
            },
            detail: line.detail,
        })
        .collect();
    if book.run.source.is_file() {
        of_files(store, &mut coverage)?;
    }
    let rules = book
        .rules
        .values()
        .map(|(rule, severity, _)| (rule.id.clone(), text_of(rule, *severity)))
        .collect();
    let not_in_file = outside(&book.run, &mut results);
    let estate = super::estate::read(store, &coverage)?;
    let attestations =
        super::attestation::attestations(&book.run.attestations, book.run.judged_at(), &results)?;
    let overlaid = !book.origins.is_empty();
    let mut outcome = Outcome {
        schema: "outcrop/v1",
        run: book.run,
        coverage,
        results,
        waivers: reports,
        disabled,
        not_in_file,
        summary: Summary::default(),
        gate: Severity::Critical,
        gated: None,
        overlaid,
        rules,
        history: None,
        attestations,
        control_titles: control_titles(),
        claims: CLAIMS.clone(),
        changes: CHANGES.clone(),
        estate,
    };
    super::attestation::refute(&mut outcome);
    unsettle(&mut outcome);
    outcome.settle();
    Ok(outcome)
}

/// What a macro leaves of a resource nobody sees, so nothing in a file that it rewrites passes for certain.
fn unsettle(outcome: &mut Outcome) {
    if outcome.run.rewritten.is_empty() {
        return;
    }
    for result in &mut outcome.results {
        if result.verdict == Verdict::Pass {
            result.verdict = Verdict::Unknown;
            result.message = format!(
                "As the template stands: {} A macro may change it.",
                result.message
            );
            result.missing = vec![Gap::unresolved(FILE, outcome.run.rewritten.as_str())];
        }
    }
}

fn text_of(rule: &Rule, severity: Severity) -> RuleText {
    let fix = [
        ("AWS CLI", &rule.fix.cli),
        ("Terraform", &rule.fix.terraform),
        ("CloudFormation", &rule.fix.cloudformation),
        ("Console", &rule.fix.console),
    ];
    RuleText {
        title: rule.title.clone(),
        severity,
        pillar: rule.pillar.clone(),
        claims: rule.claims(),
        why: rule.why.trim().to_owned(),
        fix: fix
            .into_iter()
            .filter(|(_, text)| !text.trim().is_empty())
            .map(|(name, text)| (name, text.trim().to_owned()))
            .collect(),
        references: rule.references.clone(),
    }
}

//! Which words of a run name somebody, and what stands for each: the same stand-in for the same name, everywhere.

use crate::inventory::{Kind, Role, Store, Table, quoted};
use crate::model::{Arn, RunInfo};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Words that are part of ARNs and policies and name nobody.
const WORDS: &[&str] = &[
    "aws",
    "arn",
    "role",
    "user",
    "group",
    "policy",
    "function",
    "service",
    "cluster",
    "task-definition",
    "log-group",
    "log-stream",
    "vpc",
    "subnet",
    "security-group",
    "vpc-endpoint",
    "instance",
    "key",
    "alias",
    "agent",
    "agents",
    "knowledge-base",
    "guardrail",
    "flow",
    "prompt",
    "runtime",
    "gateway",
    "memory",
    "trail",
    "project",
    "pipeline",
    "inference-profile",
    "lambda",
    "bedrock",
    "ecs",
    "default",
    "root",
    "global",
    "service-role",
    "instance-profile",
    "secret",
    "collection",
    "topic",
    "queue",
    "table",
    "event-bus",
    "stateMachine",
    "system-tool",
    "agent-alias",
    "application-inference-profile",
    "provisioned-model",
    "async-invoke",
    "model-invocation-job",
    "parameter",
    "nodegroup",
    "fargateprofile",
    "podidentityassociation",
    "oidc-provider",
    "notebook-instance",
    "domain",
    "model",
    "endpoint",
    "endpoint-config",
    "training-job",
    "processing-job",
    "rule",
    "schedule",
    "task-set",
    "graph",
    "db",
    "es",
    "LATEST",
    "GET",
    "PUT",
    "POST",
    "PATCH",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "ANY",
];

/// What ids begin with.
const PREFIXES: [&str; 22] = [
    "o", "r", "search", "vpn", "vpc", "subnet", "rtb", "nat", "igw", "eigw", "vgw", "tgw", "pcx",
    "vpce", "sg", "acl", "eni", "i", "pl", "dopt", "fl", "ou",
];

fn in_token(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+' | '=')
}

/// The parts of a text that can be a name, and what stands between them.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest
            .find(|c: char| in_token(c) != in_token(first))
            .unwrap_or(rest.len());
        let (token, left) = rest.split_at(end);
        rest = left;
        Some(token)
    })
}

/// Whatever could be an account id within a text.
fn account_ids(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|digits| digits.len() == 12)
}

/// The first label of the host of a vector store: the collection's id, or a domain's name.
fn store_label(token: &str) -> Option<&str> {
    let store = token.ends_with(".aoss.amazonaws.com")
        || token.ends_with(".es.amazonaws.com")
        || token.ends_with(".on.aws");
    token
        .split_once('.')
        .map(|(label, _)| label)
        .filter(|_| store)
}

/// What stands for what.
#[derive(Debug, Default)]
pub(super) struct Names {
    accounts: BTreeMap<String, String>,
    names: BTreeMap<String, String>,
}

impl Names {
    /// Takes every account id and every name that identifies something.
    pub(super) fn of(store: &Store, run: &RunInfo) -> Result<Self, crate::inventory::Error> {
        let (mut accounts, mut names) = (BTreeSet::new(), BTreeSet::new());
        let mut numbers = BTreeSet::new();
        let mut take = |text: &str| {
            let text = Arn::parse(text).map_or(text, |arn| arn.resource);
            for token in tokens(text) {
                let token = store_label(token).unwrap_or(token);
                let plain = token.starts_with(in_token)
                    && token.len() > 2
                    && !WORDS.contains(&token)
                    && token.chars().any(char::is_alphabetic)
                    && !token.starts_with('$');
                // What AWS gives (`vpce-...`, services, models, Regions) is no name of anybody's; ids are, all the same.
                let given = token.contains("amazonaws")
                    || run.regions.iter().any(|region| token == region)
                    || token.starts_with("com.");
                if plain && !given {
                    names.insert(token.to_owned());
                }
            }
        };
        for account in &run.accounts {
            accounts.insert(account.id.clone());
            take(&account.name);
        }
        // Rules read the names of variables, and AWS gives those of services, models and calls.
        const AS_THEY_ARE: [&str; 6] = [
            "vpc_endpoint_service",
            "bedrock_inference_profile",
            "cloudtrail_window",
            "cloudtrail_bedrock_call",
            "cloudtrail_change",
            "bedrock_probe",
        ];
        const NAMES: [&str; 9] = [
            "name",
            "stack_name",
            "logical_id",
            "physical_id",
            "namespace",
            "service_account",
            "cluster_name",
            "oidc_issuer",
            "api_id",
        ];
        // Of variables the hosts of vector stores are kept, which hold the names of domains.
        let of_variables = |table: &&&Table| table.column("fingerprint").is_some();
        for table in store
            .tables()
            .iter()
            .filter(of_variables)
            .map(|table| table.name)
        {
            let mut statement = store.conn.prepare(&format!(
                "SELECT DISTINCT vector_host FROM {table} WHERE vector_host IS NOT NULL"
            ))?;
            for text in statement.query_map([], |row| row.get::<_, String>(0))? {
                take(&text?);
            }
        }
        for table in store
            .tables()
            .iter()
            .filter(|table| table.role == Role::Base && !AS_THEY_ARE.contains(&table.name))
            .filter(|table| table.column("fingerprint").is_none())
        {
            for column in table.columns.iter().filter(|column| {
                column.kind == Kind::Text
                    && (column.name == table.key || NAMES.contains(&column.name))
            }) {
                let sql = format!(
                    "SELECT DISTINCT {0} FROM {1} WHERE {0} IS NOT NULL",
                    quoted(column.name),
                    quoted(table.name)
                );
                let mut statement = store.conn.prepare(&sql)?;
                for text in statement.query_map([], |row| row.get::<_, String>(0))? {
                    let text = text?;
                    // What belongs to AWS is the same everywhere.
                    if Arn::parse(&text).is_none_or(|arn| arn.account != "aws") {
                        take(&text);
                    }
                }
            }
            // Names that stand inside: of policies, statements and grants, and whatever ARNs and ids lead to.
            for column in table
                .columns
                .iter()
                .filter(|column| matches!(column.kind, Kind::Text | Kind::List | Kind::Json))
            {
                let sql = format!(
                    "SELECT DISTINCT {0} FROM {1} WHERE {0} IS NOT NULL",
                    quoted(column.name),
                    quoted(table.name)
                );
                let mut statement = store.conn.prepare(&sql)?;
                for text in statement.query_map([], |row| row.get::<_, String>(0))? {
                    let text = text?;
                    numbers.extend(account_ids(&text).map(str::to_owned));
                    let json = serde_json::from_str(&text).unwrap_or(Json::String(text));
                    inner(&json, &accounts, &mut take);
                    if column.name == "tags" {
                        tagged(&json, &mut take);
                    }
                }
            }
        }
        take(run.caller_arn.as_str());
        for value in run.parameters.values() {
            inner(value, &accounts, &mut take);
            numbers.extend(account_ids(&value.to_string()).map(str::to_owned));
        }
        // Two accounts stay two, of this run or not: a policy may name one that a parameter lists and one that it does not.
        let others = numbers.difference(&accounts).cloned().collect::<Vec<_>>();
        let number = |(place, id): (usize, String)| (id, (900_000_000_001 + place).to_string());
        Ok(Self {
            accounts: accounts
                .into_iter()
                .chain(others)
                .enumerate()
                .map(number)
                .collect(),
            names: names
                .into_iter()
                .enumerate()
                .map(|(place, name)| {
                    // The beginning of an id says what kind of thing it is.
                    let kind = name
                        .split_once('-')
                        .map(|(kind, _)| kind)
                        .filter(|kind| PREFIXES.contains(kind))
                        .unwrap_or("name");
                    let other = format!("{kind}-{:04}", place + 1);
                    (name, other)
                })
                .collect(),
        })
    }

    pub(super) fn text(&self, text: &str) -> String {
        let mut all = String::with_capacity(text.len());
        for token in tokens(text) {
            let known = store_label(token).unwrap_or(token);
            match self.names.get(known) {
                Some(other) => all.push_str(&token.replacen(known, other, 1)),
                // `key=value`.
                None => {
                    let parts = token
                        .split('=')
                        .map(|part| self.names.get(part).map_or(part, String::as_str));
                    all.push_str(&parts.collect::<Vec<_>>().join("="));
                }
            }
        }
        // An account id can stand within a name.
        let mut changed = String::with_capacity(all.len());
        let mut rest = all.as_str();
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
            let end = rest[start..]
                .find(|c: char| !c.is_ascii_digit())
                .map_or(rest.len(), |length| start + length);
            changed.push_str(&rest[..start]);
            let digits = &rest[start..end];
            changed.push_str(match self.accounts.get(digits) {
                Some(other) => other,
                None if digits.len() == 12 => "999999999999",
                None => digits,
            });
            rest = &rest[end..];
        }
        changed.push_str(rest);
        changed
    }

    pub(super) fn json(&self, json: &Json) -> Json {
        match json {
            Json::String(text) => Json::String(self.text(text)),
            Json::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Json::Object(members) => Json::Object(
                members
                    .iter()
                    .map(|(key, value)| (self.text(key), self.json(value)))
                    .collect(),
            ),
            other => other.clone(),
        }
    }
}

/// Takes what a value names: members that are names, ARNs in the run's accounts, ids that AWS gives.
fn inner(json: &Json, accounts: &BTreeSet<String>, take: &mut impl FnMut(&str)) {
    match json {
        Json::String(text) => match Arn::parse(text) {
            // Profiles of AWS's own are the same everywhere.
            Some(arn)
                if accounts.contains(arn.account)
                    && !arn.resource.starts_with("inference-profile/") =>
            {
                take(arn.resource)
            }
            Some(_) => {}
            None => tokens(text)
                .filter(|token| {
                    token
                        .split_once('-')
                        .is_some_and(|(kind, _)| PREFIXES.contains(&kind))
                })
                .for_each(take),
        },
        Json::Array(items) => items.iter().for_each(|item| inner(item, accounts, take)),
        Json::Object(members) => {
            for (key, value) in members {
                match value {
                    Json::String(text)
                        if matches!(
                            key.as_str(),
                            "name" | "Name" | "id" | "grant_id" | "bucket"
                        ) =>
                    {
                        take(text)
                    }
                    _ => inner(value, accounts, take),
                }
            }
        }
        _ => {}
    }
}

/// Takes what tags say, but for what environments and switches are called.
fn tagged(tags: &Json, take: &mut impl FnMut(&str)) {
    const PLAIN: [&str; 14] = [
        "true",
        "false",
        "yes",
        "no",
        "none",
        "prod",
        "production",
        "staging",
        "stage",
        "dev",
        "development",
        "test",
        "terraform",
        "cloudformation",
    ];
    for (key, value) in tags.as_object().into_iter().flatten() {
        let key = key.to_ascii_lowercase();
        if ["env", "stage", "tier"]
            .iter()
            .any(|word| key.contains(word))
        {
            continue;
        }
        if let Some(text) = value.as_str()
            && !PLAIN.contains(&text.to_ascii_lowercase().as_str())
        {
            take(text);
        }
    }
}

//! Which words of a run name somebody, and what stands for each: the same stand-in for the same name, everywhere.

use super::words::{NAMES, PREFIXES, WORDS, is_plain, is_tag_of_everybody};
use crate::inventory::{Kind, Role, Store, Table, quoted};
use crate::model::{Arn, RunInfo, UNKNOWN_ACCOUNT, UNKNOWN_REGION};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

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

/// The first label of a host that holds an id or a name: of a vector store, or of an endpoint of a VPC.
fn host_label(token: &str) -> Option<&str> {
    let store = token.ends_with(".aoss.amazonaws.com")
        || token.ends_with(".es.amazonaws.com")
        || token.ends_with(".on.aws")
        || token.ends_with(".vpce.amazonaws.com");
    token
        .split_once('.')
        .map(|(label, _)| label)
        .filter(|_| store)
}

/// The texts in a column of the run file, each once.
fn distinct(
    store: &Store,
    table: &str,
    column: &str,
) -> Result<Vec<String>, crate::inventory::Error> {
    let (table, column) = (quoted(table), quoted(column));
    let sql = format!("SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL");
    let mut statement = store.conn.prepare(&sql)?;
    let texts = statement.query_map([], |row| row.get(0))?;
    Ok(texts.collect::<Result<_, _>>()?)
}

/// What stands for what.
#[derive(Debug, Default)]
pub(super) struct Names {
    accounts: BTreeMap<String, String>,
    names: BTreeMap<String, String>,
    /// Whole keys and values of tags, which need not look like names.
    tags: BTreeMap<String, String>,
}

impl Names {
    /// Takes every account id and every name that identifies something.
    pub(super) fn of(store: &Store, run: &RunInfo) -> Result<Self, crate::inventory::Error> {
        let (mut accounts, mut names) = (BTreeSet::new(), BTreeSet::new());
        // What stands before a wildcard: names that begin so have to begin alike afterwards.
        let mut beginnings: BTreeSet<String> = BTreeSet::new();
        let mut tags: BTreeSet<String> = BTreeSet::new();
        let mut numbers = BTreeSet::new();
        let mut take = |text: &str| {
            let text = Arn::parse(text).map_or(text, named);
            beginnings.extend(before_wildcards(text).map(str::to_owned));
            for token in tokens(text) {
                let token = host_label(token).unwrap_or(token);
                let plain = token.starts_with(in_token)
                    && token.len() > 2
                    && !WORDS.contains(&token)
                    && token.chars().any(char::is_alphabetic)
                    && !token.starts_with('$');
                // What AWS gives (`vpce-...`, services, models, Regions) is no name of anybody's; ids are, all the same.
                let given = token.contains("amazonaws")
                    || [UNKNOWN_ACCOUNT, UNKNOWN_REGION].contains(&token)
                    || crate::policy::authorization::service(token).is_some()
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
            if !is_plain(&account.environment) {
                take(&account.environment);
            }
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
        // Of variables the hosts of vector stores are kept, which hold the names of domains.
        let of_variables = |table: &&&Table| table.column("fingerprint").is_some();
        for table in store
            .tables()
            .iter()
            .filter(of_variables)
            .map(|table| table.name)
        {
            for text in distinct(store, table, "vector_host")? {
                take(&text);
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
                for text in distinct(store, table.name, column.name)? {
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
                for text in distinct(store, table.name, column.name)? {
                    numbers.extend(account_ids(&text).map(str::to_owned));
                    let json = serde_json::from_str(&text).unwrap_or(Json::String(text));
                    inner(&json, &mut take);
                    if column.name == "tags" {
                        for (key, value) in json.as_object().into_iter().flatten() {
                            let value = value.as_str().unwrap_or_default();
                            let own = (!is_tag_of_everybody(key)).then_some(key.as_str());
                            let words = own.into_iter().chain((!is_plain(value)).then_some(value));
                            for word in words {
                                take(word);
                                tags.insert(word.to_owned());
                            }
                        }
                    }
                }
            }
        }
        take(run.caller_arn.as_str());
        // Paths of files, addresses and constructs of what was planned.
        for (table, column) in [
            ("declaration", "file"),
            ("declaration", "written_file"),
            ("declaration", "path"),
            ("declaration", "address"),
            ("coverage", "parent"),
        ] {
            for text in distinct(store, table, column)? {
                take(&text);
            }
        }
        for (name, value) in &run.parameters {
            if run.changed_parameters.contains(name) {
                patterns(value, &mut take);
            } else {
                inner(value, &mut take);
            }
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
            names: stand_ins(&names, &beginnings),
            tags: tags
                .into_iter()
                .enumerate()
                .map(|(place, text)| (text, format!("tag-{:04}", place + 1)))
                .collect(),
        })
    }

    /// The tags of a row: keys that everybody uses and plain values stay.
    pub(super) fn tags(&self, text: &str) -> String {
        let Ok(Json::Object(members)) = serde_json::from_str(text) else {
            return self.text(text);
        };
        let other = |text: &str| {
            let changed = self.text(text);
            if changed == text {
                self.tags.get(text).cloned().unwrap_or(changed)
            } else {
                changed
            }
        };
        let all: serde_json::Map<String, Json> = members
            .iter()
            .map(|(key, value)| {
                let key = if is_tag_of_everybody(key) {
                    key.clone()
                } else {
                    other(key)
                };
                (
                    key,
                    value
                        .as_str()
                        .map_or_else(|| self.json(value), |text| other(text).into()),
                )
            })
            .collect();
        Json::Object(all).to_string()
    }

    pub(super) fn text(&self, text: &str) -> String {
        let mut all = String::with_capacity(text.len());
        for token in tokens(text) {
            let known = host_label(token).unwrap_or(token);
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

    /// The name of a member: a plain word says what stands there, and is the same in every run.
    fn member(&self, key: &str) -> String {
        if key.chars().all(|c| c.is_ascii_alphabetic() || c == '_') {
            key.to_owned()
        } else {
            self.text(key)
        }
    }

    /// A cell that holds JSON, or a text that does not.
    pub(super) fn cell(&self, text: &str) -> String {
        match serde_json::from_str::<Json>(text) {
            Ok(json @ (Json::Object(_) | Json::Array(_))) => self.json(&json).to_string(),
            _ => self.text(text),
        }
    }

    pub(super) fn json(&self, json: &Json) -> Json {
        match json {
            Json::String(text) => Json::String(self.text(text)),
            Json::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Json::Object(members) => Json::Object(
                members
                    .iter()
                    .map(|(key, value)| (self.member(key), self.json(value)))
                    .collect(),
            ),
            other => other.clone(),
        }
    }
}

/// What names something in an ARN: in most services the first part of the resource says of what kind it is.
fn named<'a>(arn: Arn<'a>) -> &'a str {
    const BY_NAME_ALONE: [&str; 4] = ["s3", "sns", "sqs", "execute-api"];
    match arn.resource.split_once(['/', ':']) {
        Some((_, rest)) if !BY_NAME_ALONE.contains(&arn.service) => rest,
        _ => arn.resource,
    }
}

/// A stand-in for each name. One that begins as a pattern does begins alike afterwards, so that the pattern still holds it.
fn stand_ins(names: &BTreeSet<String>, beginnings: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    let is_id = |name: &str| {
        let kind = name.split_once('-').map(|(kind, _)| kind);
        kind.is_some_and(|kind| PREFIXES.contains(&kind))
    };
    // In their order the beginning of a name stands before it.
    for (place, name) in names.iter().enumerate() {
        // An ARN of a secret ends in its name and six letters; the host of an endpoint begins with its id.
        let before = name.rsplit_once('-');
        if let Some((secret, six)) = before.filter(|(_, end)| end.len() == 6)
            && let Some(other) = all.get(secret)
        {
            all.insert(name.clone(), format!("{other}-{six}"));
            continue;
        }
        // `tracker-token-*`: the beginning is a name and a hyphen.
        if let Some(other) = name.strip_suffix('-').and_then(|name| all.get(name)) {
            all.insert(name.clone(), format!("{other}-"));
            continue;
        }
        let own = before
            .filter(|(id, _)| is_id(id) && names.contains(*id))
            .map(|(id, _)| id);
        let beginning = beginnings
            .iter()
            .map(String::as_str)
            .chain(own)
            .filter(|one| name.len() > one.len() && name.starts_with(one))
            .max_by_key(|one| one.len());
        // The beginning of an id says what kind of thing it is.
        let kind = name
            .split_once('-')
            .map(|(kind, _)| kind)
            .filter(|kind| PREFIXES.contains(kind));
        let other = match (beginning, kind) {
            (Some(beginning), kind) if kind.is_none() || own == Some(beginning) => {
                let kept = all.get(beginning).map_or(beginning, String::as_str);
                format!("{kept}-{:04}", place + 1)
            }
            (_, kind) => format!("{}-{:04}", kind.unwrap_or("name"), place + 1),
        };
        all.insert(name.clone(), other);
    }
    all
}

/// The tokens that a wildcard follows.
fn before_wildcards(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(['*', '?']).filter_map(|(at, _)| {
        let before = &text[..at];
        let start = before
            .char_indices()
            .rev()
            .take_while(|(_, c)| in_token(*c))
            .last()
            .map(|(at, _)| at)?;
        Some(&before[start..])
    })
}

/// Takes what a value names: members that are names, ARNs but for those of AWS itself, ids that AWS gives, what conditions compare with.
fn inner(json: &Json, take: &mut impl FnMut(&str)) {
    match json {
        Json::String(text) => match Arn::parse(text) {
            // Models, profiles and policies of AWS's own are the same everywhere.
            Some(arn) if arn.account == "aws" || arn.resource.starts_with("inference-profile/") => {
            }
            Some(arn) if arn.resource.starts_with("foundation-model/") => {}
            Some(arn) if arn.service == "ssm" && arn.resource.starts_with("parameter/aws/") => {}
            Some(_) => take(text),
            None => tokens(text)
                .filter(|token| {
                    token
                        .split_once('-')
                        .is_some_and(|(kind, _)| PREFIXES.contains(&kind))
                })
                .for_each(take),
        },
        Json::Array(items) => items.iter().for_each(|item| inner(item, take)),
        Json::Object(members) => {
            for (key, value) in members {
                match value {
                    Json::String(text)
                        if matches!(
                            key.as_str(),
                            "name"
                                | "Name"
                                | "id"
                                | "Id"
                                | "grant_id"
                                | "bucket"
                                | "prefix"
                                | "Prefix"
                        ) =>
                    {
                        take(text)
                    }
                    Json::Object(operators) if key == "Condition" => {
                        for keys in operators.values().filter_map(Json::as_object) {
                            keys.iter()
                                .for_each(|(key, values)| compared(key, values, take));
                        }
                    }
                    _ if POLICY.contains(&key.as_str()) => patterns(value, take),
                    _ => inner(value, take),
                }
            }
        }
        _ => {}
    }
}

/// Members of policies that hold ARNs, or patterns that only look like a part of one.
const POLICY: [&str; 6] = [
    "Resource",
    "NotResource",
    "Principal",
    "NotPrincipal",
    "AWS",
    "Federated",
];

fn patterns(json: &Json, take: &mut impl FnMut(&str)) {
    match json {
        Json::String(text) if Arn::parse(text).is_none() => take(text),
        Json::Array(items) => items.iter().for_each(|item| patterns(item, take)),
        other => inner(other, take),
    }
}

/// Keys of conditions whose values are AWS's own words, addresses or switches; every other compares with words that people choose.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
const OF_AWS: [&str; 22] = [
    "aws:requestedregion",
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:viaawsservice",
    "aws:sourceip",
    "aws:vpcsourceip",
    "aws:securetransport",
    "aws:multifactorauthpresent",
    "aws:multifactorauthage",
    "aws:principaltype",
    "aws:principalservicename",
    "aws:principalservicenameslist",
    "aws:principalisawsservice",
    "aws:currenttime",
    "aws:epochtime",
    "aws:tokenissuetime",
    "iam:passedtoservice",
    "iam:awsservicename",
    "kms:viaservice",
    "kms:callerservice",
    "kms:grantoperations",
];

/// Takes what a condition compares a key with, and the names in the key itself.
fn compared(key: &str, values: &Json, take: &mut impl FnMut(&str)) {
    let lower = key.to_ascii_lowercase();
    if OF_AWS.contains(&lower.as_str()) {
        return;
    }
    // `aws:PrincipalTag/team`, `kms:EncryptionContext:tenant`.
    let named = lower.find("tag/").map(|at| at + "tag/".len()).or_else(|| {
        lower
            .find("encryptioncontext:")
            .map(|at| at + "encryptioncontext:".len())
    });
    if let Some(name) = named
        .map(|at| &key[at..])
        .filter(|name| !is_tag_of_everybody(name))
    {
        take(name);
    }
    let mut each = |value: &Json| match value.as_str() {
        Some(text) if Arn::parse(text).is_none() => {
            // Switches, numbers, addresses and names of operations say nothing of anybody.
            let operation = text.split_once(':').is_some_and(|(service, _)| {
                crate::policy::authorization::service(service).is_some()
            });
            let switch = !text.contains(['-', '_', '/', '.', '@', '*', '?'])
                && lower.split(':').next_back().is_some_and(is_switch);
            if !is_plain(text) && !operation && !switch {
                take(text);
            }
        }
        _ => inner(value, take),
    };
    match values {
        Json::Array(items) => items.iter().for_each(each),
        one => each(one),
    }
}

/// Keys whose values are kinds: `kms:KeySpec`, `lambda:FunctionUrlAuthType`, `s3:x-amz-server-side-encryption`.
fn is_switch(key: &str) -> bool {
    [
        "type",
        "spec",
        "usage",
        "origin",
        "algorithm",
        "class",
        "acl",
        "encryption",
        "mode",
        "state",
    ]
    .iter()
    .any(|end| key.ends_with(end))
}

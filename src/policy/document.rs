//! Policy documents, read leniently: one or many, with or without a version, text or list.
//!
//! What AWS would refuse and still can be understood is kept in [`Document::problems`]; what cannot be
//! understood is an error with the place in the document.

use crate::model::Unique;
use serde_json::Value as Json;

/// Allow or Deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Grants.
    Allow,
    /// Refuses, whatever else grants.
    Deny,
}

/// Whom a statement names. The kinds are disjoint, but for `*`, which is everyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalPattern {
    /// `*` or `{"AWS": "*"}`.
    Anyone,
    /// An account: its id or its root ARN.
    Account(String),
    /// An ARN of a user, role or session.
    Arn(String),
    /// A principal that was deleted: its id stands there and matches nobody.
    Deleted(String),
    /// A service; `*` is every service.
    Service(String),
    /// An identity provider; `*` is every provider.
    Federated(String),
    /// A canonical user of S3.
    Canonical(String),
    /// What AWS refuses as a principal: whom a policy with it names is not known.
    Refused(String),
}

impl std::fmt::Display for PrincipalPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Anyone => write!(f, "*"),
            Self::Account(text)
            | Self::Arn(text)
            | Self::Deleted(text)
            | Self::Service(text)
            | Self::Federated(text)
            | Self::Canonical(text)
            | Self::Refused(text) => {
                write!(f, "{text}")
            }
        }
    }
}

/// Patterns of actions, resources or principals, or their complement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patterns<T> {
    /// `NotAction` and its kin.
    pub negated: bool,
    /// The patterns.
    pub all: Vec<T>,
}

/// One condition: an operator, a key and its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Operator as written.
    pub operator: String,
    /// Key in lower case.
    pub key: String,
    /// Values.
    pub values: Vec<String>,
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {} {}",
            self.key,
            self.operator,
            self.values.join(" or ")
        )
    }
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// `Sid`, or its number.
    pub sid: String,
    /// Allow or Deny.
    pub effect: Effect,
    /// Absent in identity policies.
    pub principals: Option<Patterns<PrincipalPattern>>,
    /// Actions.
    pub actions: Patterns<String>,
    /// Absent in trust policies.
    pub resources: Option<Patterns<String>>,
    /// All must hold.
    pub conditions: Vec<Condition>,
}

impl std::fmt::Display for Statement {
    /// The statement in one line, for a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let some = |texts: &[String]| match texts {
            [one] => one.clone(),
            [first, rest @ ..] if rest.len() > 3 => format!("{first} and {} more", rest.len()),
            all => all.join(", "),
        };
        let except = |negated: bool| if negated { "all but " } else { "" };
        write!(
            f,
            "{:?} {}{}",
            self.effect,
            except(self.actions.negated),
            some(&self.actions.all)
        )?;
        if let Some(resources) = &self.resources {
            write!(
                f,
                " on {}{}",
                except(resources.negated),
                some(&resources.all)
            )?;
        }
        if let Some(principals) = &self.principals {
            let names: Vec<String> = principals.all.iter().map(ToString::to_string).collect();
            write!(f, " for {}{}", except(principals.negated), some(&names))?;
        }
        if !self.conditions.is_empty() {
            write!(
                f,
                " when {}",
                self.conditions
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" and ")
            )?;
        }
        Ok(())
    }
}

/// One policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Name for messages.
    pub name: String,
    /// Statements.
    pub statements: Vec<Statement>,
    /// Version 2012-10-17: `${...}` in values are variables. Without a version it is 2008-10-17 and they are plain text.
    pub variables: bool,
    /// There is no Version at all.
    pub unversioned: bool,
    /// What AWS would refuse, each with its place.
    pub problems: Vec<String>,
}

/// What a policy cannot be read for: `place` is a path into the document, such as `Statement[1].Effect`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy `{name}`: {}{message}", if place.is_empty() { String::new() } else { format!("{place}: ") })]
pub struct Malformed {
    /// Name of the policy.
    pub name: String,
    /// Where in it.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

type Read<T> = Result<T, (String, String)>;

fn wrong<T>(place: &str, message: impl Into<String>) -> Read<T> {
    Err((place.to_owned(), message.into()))
}

/// A value in a message, cut to what a person reads.
fn shown(value: &Json) -> String {
    let text = value.to_string();
    if text.chars().count() > 80 {
        format!("{}...", text.chars().take(77).collect::<String>())
    } else {
        text
    }
}

fn texts(place: &str, value: &Json) -> Read<Vec<String>> {
    let one = |place: &str, value: &Json| match value {
        Json::String(text) => Ok(text.clone()),
        Json::Bool(on) => Ok(on.to_string()),
        Json::Number(number) => Ok(number.to_string()),
        other => wrong(
            place,
            format!("`{}` is neither a text nor a list of texts", shown(other)),
        ),
    };
    match value {
        Json::Array(all) => all
            .iter()
            .enumerate()
            .map(|(at, value)| one(&format!("{place}[{at}]"), value))
            .collect(),
        single => one(place, single).map(|text| vec![text]),
    }
}

/// An account id as a number has lost its leading zeros: they come back.
fn account_id(text: &str) -> Option<String> {
    (text.len() <= 12 && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| format!("{text:0>12}"))
}

/// Is it the unique id of a principal that was deleted (IAM User Guide, "Unique identifiers")?
fn is_unique_id(text: &str) -> bool {
    text.len() >= 16
        && text.starts_with('A')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Is it an ARN that AWS takes as a principal (IAM User Guide, "AWS JSON policy elements: Principal")?
fn is_principal_arn(arn: &crate::model::Arn<'_>, text: &str) -> bool {
    let kind = arn.resource.split('/').next().unwrap_or_default();
    let named = arn.resource.len() > kind.len() + 1;
    let of = |kinds: &[&str]| kinds.contains(&kind) && named;
    let account = |id: &str| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
    !text.contains(['*', '?'])
        && match arn.service {
            "iam" if arn.account == "cloudfront" => true,
            "iam" => {
                (of(&["user", "role", "saml-provider", "oidc-provider"]))
                    && (account(arn.account) || arn.account == crate::model::UNKNOWN_ACCOUNT)
            }
            "sts" => of(&["assumed-role", "federated-user"]),
            _ => false,
        }
}

fn principal(kind: &str, text: &str) -> Option<PrincipalPattern> {
    let refused = || PrincipalPattern::Refused(text.to_owned());
    Some(match kind {
        "aws" if text == "*" => PrincipalPattern::Anyone,
        "aws" => match (account_id(text), crate::model::Arn::parse(text)) {
            (Some(account), _) => PrincipalPattern::Account(account),
            (None, Some(arn)) if arn.resource == "root" && !arn.account.contains(['*', '?']) => {
                match account_id(arn.account) {
                    Some(account) if account == arn.account => PrincipalPattern::Account(account),
                    _ if arn.account == crate::model::UNKNOWN_ACCOUNT => {
                        PrincipalPattern::Account(arn.account.to_owned())
                    }
                    _ => refused(),
                }
            }
            (None, Some(arn)) if is_principal_arn(&arn, text) => {
                PrincipalPattern::Arn(text.to_owned())
            }
            (None, Some(_)) => refused(),
            (None, None) if is_unique_id(text) => PrincipalPattern::Deleted(text.to_owned()),
            (None, None) => refused(),
        },
        "service" if text == "*" => PrincipalPattern::Service("*".to_owned()),
        "service" if text.contains('.') && !text.contains(['*', '?', ' ']) => {
            PrincipalPattern::Service(text.to_ascii_lowercase())
        }
        "federated" if text == "*" || text.contains(['.', ':']) => {
            PrincipalPattern::Federated(text.to_owned())
        }
        "canonicaluser" if !text.is_empty() => PrincipalPattern::Canonical(text.to_owned()),
        "service" | "federated" | "canonicaluser" => refused(),
        _ => return None,
    })
}

fn principals(place: &str, value: &Json) -> Read<Vec<PrincipalPattern>> {
    match value {
        Json::String(text) if text == "*" => Ok(vec![PrincipalPattern::Anyone]),
        // Questions name a principal by itself.
        Json::String(text) => {
            Ok(vec![principal("aws", text).unwrap_or_else(|| {
                PrincipalPattern::Refused(text.clone())
            })])
        }
        Json::Object(kinds) => {
            let mut all = Vec::new();
            for (kind, names) in kinds {
                let place = format!("{place}.{kind}");
                for text in texts(&place, names)? {
                    match principal(&kind.to_ascii_lowercase(), &text) {
                        Some(pattern) => all.push(pattern),
                        None => {
                            return wrong(
                                &place,
                                "a kind of principal is AWS, Service, Federated or CanonicalUser",
                            );
                        }
                    }
                }
            }
            if all.is_empty() {
                all.push(PrincipalPattern::Refused("nobody".to_owned()));
            }
            Ok(all)
        }
        other => wrong(
            place,
            format!("`{}` is neither `*` nor an object", shown(other)),
        ),
    }
}

fn member<'j>(object: &'j serde_json::Map<String, Json>, wanted: &str) -> Option<&'j Json> {
    object.get(wanted).or_else(|| {
        object
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value)
    })
}

fn either<T>(
    place: &str,
    object: &serde_json::Map<String, Json>,
    key: &str,
    read: impl Fn(&str, &Json) -> Read<Vec<T>>,
) -> Read<Option<Patterns<T>>> {
    let not = format!("Not{key}");
    match (member(object, key), member(object, &not)) {
        (Some(_), Some(_)) => wrong(place, format!("there are both {key} and {not}; take one")),
        (Some(value), None) => Ok(Some(Patterns {
            negated: false,
            all: read(&format!("{place}.{key}"), value)?,
        })),
        (None, Some(value)) => Ok(Some(Patterns {
            negated: true,
            all: read(&format!("{place}.{not}"), value)?,
        })),
        (None, None) => Ok(None),
    }
}

impl Document {
    /// Reads a policy; text that holds JSON is read as well, because some APIs give it so.
    ///
    /// # Errors
    /// With the place of what cannot be understood: the whole policy is unknown then.
    pub fn parse(name: &str, json: &Json) -> Result<Self, Malformed> {
        let fail = |(place, message)| Malformed {
            name: name.to_owned(),
            place,
            message,
        };
        let inner;
        let json = match json {
            Json::String(text) => {
                inner = serde_json::from_str::<Unique>(text)
                    .map_err(|error| fail((String::new(), error.to_string())))?;
                &inner.0
            }
            other => other,
        };
        Self::read(name, json).map_err(fail)
    }

    /// Reads a policy from text.
    ///
    /// # Errors
    /// With line and column of what is no JSON, or the place of what cannot be understood.
    pub fn parse_text(name: &str, text: &str) -> Result<Self, Malformed> {
        let Unique(json) = serde_json::from_str(text).map_err(|error| Malformed {
            name: name.to_owned(),
            place: String::new(),
            message: error.to_string(),
        })?;
        Self::parse(name, &json)
    }

    fn read(name: &str, json: &Json) -> Read<Self> {
        let Some(object) = json.as_object() else {
            return wrong("", "it is no JSON object");
        };
        let statements = match member(object, "Statement") {
            Some(Json::Array(all)) => all.iter().collect(),
            Some(single @ Json::Object(_)) => vec![single],
            Some(other) => {
                return wrong(
                    "Statement",
                    format!(
                        "`{}` is neither a statement nor a list of them",
                        shown(other)
                    ),
                );
            }
            None => return wrong("", "it has no Statement"),
        };
        let mut problems = Vec::new();
        let version = member(object, "Version");
        match version.map(|version| version.as_str().unwrap_or_default()) {
            None | Some("2012-10-17" | "2008-10-17") => {}
            Some(_) => problems.push("Version: it is neither 2012-10-17 nor 2008-10-17".to_owned()),
        }
        for key in object.keys().filter(|key| {
            !["version", "id", "statement"].contains(&key.to_ascii_lowercase().as_str())
        }) {
            problems.push(format!(
                "{}: no such element",
                shown(&Json::from(key.as_str()))
            ));
        }
        let variables = version.and_then(Json::as_str) == Some("2012-10-17");
        let statements = statements
            .into_iter()
            .enumerate()
            .map(|(at, value)| statement(at, value, &mut problems))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            name: name.to_owned(),
            statements,
            variables,
            unversioned: version.is_none(),
            problems,
        })
    }

    /// The policy as one of a resource, an endpoint or a role's trust: each of its statements must name principals, and whom one
    /// without them names is not known (IAM User Guide, "AWS JSON policy elements: Principal").
    #[must_use]
    pub fn of_resource(mut self) -> Self {
        for statement in self
            .statements
            .iter_mut()
            .filter(|statement| statement.principals.is_none())
        {
            self.problems
                .push(format!("{}: it names no principal", statement.sid));
            statement.principals = Some(Patterns {
                negated: false,
                all: vec![PrincipalPattern::Refused("(no Principal)".to_owned())],
            });
        }
        self
    }

    /// A policy that a person did not write: it stands for a fact in a question.
    pub(super) fn made(name: &str, statements: Vec<Statement>) -> Self {
        Self {
            name: name.to_owned(),
            statements,
            variables: false,
            unversioned: false,
            problems: Vec::new(),
        }
    }
}

const ELEMENTS: &[&str] = &[
    "sid",
    "effect",
    "principal",
    "notprincipal",
    "action",
    "notaction",
    "resource",
    "notresource",
    "condition",
];

fn statement(at: usize, value: &Json, problems: &mut Vec<String>) -> Read<Statement> {
    let place = format!("Statement[{at}]");
    let Some(object) = value.as_object() else {
        return wrong(&place, "it is no object");
    };
    let sid = member(object, "Sid")
        .and_then(Json::as_str)
        .filter(|sid| !sid.is_empty())
        .map_or_else(|| format!("statement {}", at + 1), str::to_owned);
    let effect = match member(object, "Effect") {
        Some(Json::String(effect)) if effect == "Allow" => Effect::Allow,
        Some(Json::String(effect)) if effect == "Deny" => Effect::Deny,
        Some(other) => {
            return wrong(
                &format!("{place}.Effect"),
                format!("`{}` is neither Allow nor Deny", shown(other)),
            );
        }
        None => return wrong(&place, "there is no Effect"),
    };
    for key in object
        .keys()
        .filter(|key| !ELEMENTS.contains(&key.to_ascii_lowercase().as_str()))
    {
        problems.push(format!(
            "{place}.{}: no such element",
            shown(&Json::from(key.as_str()))
        ));
    }
    let conditions = match member(object, "Condition") {
        Some(blocks) => conditions(&format!("{place}.Condition"), blocks)?,
        None => Vec::new(),
    };
    let Some(actions) = either(&place, object, "Action", texts)? else {
        return wrong(&place, "there is neither Action nor NotAction");
    };
    let mut statement = Statement {
        effect,
        principals: either(&place, object, "Principal", principals)?,
        actions,
        resources: either(&place, object, "Resource", texts)?,
        conditions,
        sid,
    };
    for action in statement
        .actions
        .all
        .iter()
        .filter(|action| *action != "*" && !action.contains(':'))
    {
        problems.push(format!("{place}.Action: `{action}` names no service"));
    }
    if let Some(principals) = &statement.principals {
        if principals.negated && effect == Effect::Allow {
            problems.push(format!("{place}.NotPrincipal: it goes with Deny only"));
        }
        for pattern in &principals.all {
            match pattern {
                PrincipalPattern::Refused(arn) if arn.contains(['*', '?']) => {
                    problems.push(format!("{place}.Principal: `{arn}` holds a wildcard, which AWS takes for no part of a principal"));
                }
                PrincipalPattern::Refused(id) => {
                    problems.push(format!("{place}.Principal: `{id}` is not a principal"))
                }
                _ => {}
            }
        }
    }
    // "When the condition value is empty, the condition returns true and the policy statement provides no permissions" (IAM User
    // Guide, "Conditions with multiple context keys or values"): an Allow gives nothing, and what a Deny does is not said.
    if let Some(empty) = statement
        .conditions
        .iter()
        .find(|one| one.values.is_empty())
    {
        problems.push(format!(
            "{place}.Condition: {} {} has no value",
            empty.operator, empty.key
        ));
        if effect == Effect::Allow {
            statement.actions = Patterns {
                negated: false,
                all: Vec::new(),
            };
        }
    }
    for condition in &statement.conditions {
        if !super::condition::is_known(&condition.operator) {
            problems.push(format!(
                "{place}.Condition: no operator `{}` is known",
                condition.operator
            ));
        }
    }
    Ok(statement)
}

fn conditions(place: &str, blocks: &Json) -> Read<Vec<Condition>> {
    let mut conditions = Vec::new();
    let Some(blocks) = blocks.as_object() else {
        return wrong(place, "it is no object");
    };
    for (operator, keys) in blocks {
        let place = format!("{place}.{operator}");
        let Some(keys) = keys.as_object() else {
            return wrong(&place, "it is no object of keys and values");
        };
        for (key, values) in keys {
            let values = texts(&format!("{place}.{key}"), values)?;
            conditions.push(Condition {
                operator: operator.clone(),
                key: key.to_ascii_lowercase(),
                values,
            });
        }
    }
    Ok(conditions)
}

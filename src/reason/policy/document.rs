//! Policy documents, read leniently: one or many, with or without a version, text or list.

use serde_json::Value as Json;

/// Allow or Deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Grants.
    Allow,
    /// Refuses, whatever else grants.
    Deny,
}

/// Whom a statement names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalPattern {
    /// `*` or `{"AWS": "*"}`.
    Anyone,
    /// An account: its id or its root ARN.
    Account(String),
    /// An ARN of a user, role or session.
    Arn(String),
    /// A service.
    Service(String),
    /// Anything else (federated, canonical user).
    Other(String),
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

/// One policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Name for messages.
    pub name: String,
    /// Statements.
    pub statements: Vec<Statement>,
    /// Version 2012-10-17: `${...}` in values are variables. Without a version it is 2008-10-17 and they are plain text.
    pub variables: bool,
}

fn texts(value: &Json) -> Result<Vec<String>, String> {
    let one = |value: &Json| match value {
        Json::String(text) => Ok(text.clone()),
        Json::Bool(on) => Ok(on.to_string()),
        Json::Number(number) => Ok(number.to_string()),
        other => Err(format!("`{other}` is neither a text nor a list of texts")),
    };
    match value {
        Json::Array(all) => all.iter().map(one).collect(),
        single => one(single).map(|text| vec![text]),
    }
}

fn principal(kind: &str, text: &str) -> PrincipalPattern {
    match kind {
        "AWS" if text == "*" => PrincipalPattern::Anyone,
        "AWS" if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) => PrincipalPattern::Account(text.to_owned()),
        "AWS" => match crate::model::Arn::parse(text) {
            Some(arn) if arn.resource == "root" => PrincipalPattern::Account(arn.account.to_owned()),
            _ => PrincipalPattern::Arn(text.to_owned()),
        },
        "Service" if text == "*" => PrincipalPattern::Other("any service".to_owned()),
        "Service" => PrincipalPattern::Service(text.to_owned()),
        _ => PrincipalPattern::Other(text.to_owned()),
    }
}

fn principals(value: &Json) -> Result<Vec<PrincipalPattern>, String> {
    match value {
        Json::String(text) if text == "*" => Ok(vec![PrincipalPattern::Anyone]),
        Json::Object(kinds) => {
            let mut all = Vec::new();
            for (kind, names) in kinds {
                all.extend(texts(names)?.iter().map(|text| principal(kind, text)));
            }
            Ok(all)
        }
        other => Err(format!("the principal `{other}` is neither `*` nor an object")),
    }
}

fn either<T>(object: &serde_json::Map<String, Json>, key: &str, read: impl Fn(&Json) -> Result<Vec<T>, String>) -> Result<Option<Patterns<T>>, String> {
    let find = |wanted: &str| object.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value);
    match (find(key), find(&format!("Not{key}"))) {
        (Some(_), Some(_)) => Err(format!("a statement has both {key} and Not{key}")),
        (Some(value), None) => Ok(Some(Patterns { negated: false, all: read(value)? })),
        (None, Some(value)) => Ok(Some(Patterns { negated: true, all: read(value)? })),
        (None, None) => Ok(None),
    }
}

impl Document {
    /// Reads a policy.
    ///
    /// # Errors
    /// With what AWS would refuse, or what is not understood: the whole policy is unknown then.
    pub fn parse(name: &str, json: &Json) -> Result<Self, String> {
        let fail = |what: String| format!("policy `{name}`: {what}");
        // Some APIs give the document as text.
        let inner;
        let json = match json {
            Json::String(text) => {
                inner = serde_json::from_str::<Json>(text).map_err(|error| fail(error.to_string()))?;
                &inner
            }
            other => other,
        };
        let object = json.as_object().ok_or_else(|| fail("it is no JSON object".to_owned()))?;
        let find = |wanted: &str| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(wanted)).map(|(_, value)| value);
        let statements = match find("Statement") {
            Some(Json::Array(all)) => all.iter().collect(),
            Some(single @ Json::Object(_)) => vec![single],
            _ => return Err(fail("it has no Statement".to_owned())),
        };
        let variables = find("Version").and_then(Json::as_str) == Some("2012-10-17");
        let statements = statements.into_iter().enumerate().map(|(place, value)| statement(place, value).map_err(&fail)).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), statements, variables })
    }
}

fn statement(place: usize, value: &Json) -> Result<Statement, String> {
    let object = value.as_object().ok_or_else(|| format!("statement {} is no object", place + 1))?;
    let find = |wanted: &str| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(wanted)).map(|(_, value)| value);
    let sid = find("Sid").and_then(Json::as_str).filter(|sid| !sid.is_empty()).map_or_else(|| format!("statement {}", place + 1), str::to_owned);
    let effect = match find("Effect").and_then(Json::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        other => return Err(format!("{sid}: the effect `{}` is neither Allow nor Deny", other.unwrap_or_default())),
    };
    let mut conditions = Vec::new();
    if let Some(blocks) = find("Condition") {
        for (operator, keys) in blocks.as_object().ok_or_else(|| format!("{sid}: Condition is no object"))? {
            for (key, values) in keys.as_object().ok_or_else(|| format!("{sid}: {operator} is no object"))? {
                conditions.push(Condition { operator: operator.clone(), key: key.to_ascii_lowercase(), values: texts(values)? });
            }
        }
    }
    Ok(Statement {
        effect,
        principals: either(object, "Principal", principals)?,
        actions: either(object, "Action", texts)?.ok_or_else(|| format!("{sid}: there is neither Action nor NotAction"))?,
        resources: either(object, "Resource", texts)?,
        conditions,
        sid,
    })
}

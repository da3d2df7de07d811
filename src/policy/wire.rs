//! Policy questions and answers as JSON, one object a line: the shapes that users were promised.

use super::{
    Answer, Because, Comparison, Document, Fact, Found, Others, Policies, PolicyType, Principal,
    PrincipalPattern, Request, compare,
};
use crate::model::Gap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What collections of cases add for people; nothing depends on it.
const NOTES: &[&str] = &["id", "origin", "title", "note", "expect"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CompareQuestion {
    reference: Json,
    candidate: Json,
    policy_type: Option<WireType>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireType {
    Identity,
    Resource,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SimulateQuestion {
    request: WireRequest,
    #[serde(default)]
    identity_policies: Vec<Json>,
    resource_policy: Option<Json>,
    permission_boundary: Option<Json>,
    session_policy: Option<Json>,
    #[serde(default)]
    service_control_policies: Vec<Vec<Json>>,
    #[serde(default)]
    resource_control_policies: Vec<Vec<Json>>,
    endpoint_policy: Option<Json>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRequest {
    principal: Option<String>,
    action: String,
    resource: Option<String>,
    resource_account: Option<Json>,
    #[serde(default)]
    context: BTreeMap<String, Json>,
}

/// Which principals may do something, over a run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhoCanQuestion {
    /// Run file or inventory folder.
    pub run: std::path::PathBuf,
    /// `service:Action`.
    pub action: String,
    /// ARN; any where there is none.
    pub resource: Option<String>,
    /// Account that owns the resource, where its ARN does not say.
    pub resource_account: Option<String>,
}

/// Reads a question.
///
/// # Errors
/// With the field that is missing, unknown or of the wrong type.
pub fn question<T: DeserializeOwned>(json: &Json) -> Result<T, String> {
    let mut object = json
        .as_object()
        .ok_or("a question is one JSON object a line")?
        .clone();
    for note in NOTES {
        object.remove(*note);
    }
    serde_json::from_value(Json::Object(object)).map_err(|error| error.to_string())
}

/// Reads one line; a line that is no question is answered with an error of its own.
pub fn answer_line(
    line: &[u8],
    number: usize,
    answer: &mut dyn FnMut(&Json) -> Result<Json, String>,
) -> Json {
    let parsed = std::str::from_utf8(line)
        .map_err(|error| {
            format!(
                "line {number}: it is not UTF-8, from byte {} on",
                error.valid_up_to()
            )
        })
        .and_then(|text| {
            serde_json::from_str::<Json>(text)
                .map_err(|error| format!("line {number}, column {}: {error}", error.column()))
        });
    match parsed {
        Err(error) => json!({"id": null, "error": error}),
        Ok(json) => {
            let id = json.get("id").cloned().unwrap_or(Json::Null);
            let mut object = serde_json::Map::from_iter([("id".to_owned(), id)]);
            match answer(&json) {
                Ok(Json::Object(more)) => object.extend(more),
                Ok(other) => drop(object.insert("answer".to_owned(), other)),
                Err(error) => drop(object.insert(
                    "error".to_owned(),
                    Json::from(format!("line {number}: {error}")),
                )),
            }
            Json::Object(object)
        }
    }
}

fn document(name: &str, json: &Json) -> Result<Document, String> {
    Document::parse(name, json).map_err(|error| error.to_string())
}

/// What kind of policies these are: those that name principals are a resource's.
pub fn kind_of(documents: &[&Document]) -> PolicyType {
    let names = documents
        .iter()
        .flat_map(|document| &document.statements)
        .any(|statement| statement.principals.is_some());
    if names {
        PolicyType::Resource
    } else {
        PolicyType::Identity
    }
}

/// Answers `compare`.
///
/// # Errors
/// When the question or a policy in it cannot be understood.
pub fn compare_json(json: &Json) -> Result<Json, String> {
    let asked: CompareQuestion = question(json)?;
    let (reference, candidate) = (
        document("reference", &asked.reference)?,
        document("candidate", &asked.candidate)?,
    );
    let kind = match asked.policy_type {
        Some(WireType::Identity) => PolicyType::Identity,
        Some(WireType::Resource) => PolicyType::Resource,
        None => kind_of(&[&reference, &candidate]),
    };
    let (reference, candidate) = match kind {
        PolicyType::Resource => (reference.of_resource(), candidate.of_resource()),
        PolicyType::Identity => (reference, candidate),
    };
    Ok(comparison_json(&compare(&reference, &candidate, kind)))
}

/// A comparison as JSON.
pub fn comparison_json(comparison: &Comparison) -> Json {
    let (answer, witness, mut reasons) = match &comparison.new_access {
        Found::Yes(request) => (
            "new-access",
            request.witness(),
            vec!["the candidate allows this request, the reference does not".to_owned()],
        ),
        Found::No => (
            "no-new-access",
            Json::Null,
            vec!["every request that the candidate allows is allowed by the reference".to_owned()],
        ),
        Found::Unknown(why) => ("unknown", Json::Null, why.iter().map(Gap::words).collect()),
    };
    reasons.extend(comparison.notes.iter().cloned());
    json!({"answer": answer, "witness": witness, "reason": reasons.join("; ")})
}

fn optional(name: &str, json: Option<&Json>) -> Result<Option<Rc<Document>>, String> {
    json.filter(|json| !json.is_null())
        .map(|json| document(name, json).map(Rc::new))
        .transpose()
}

/// A policy that names principals, as it must.
fn of_resource(name: &str, json: Option<&Json>) -> Result<Option<Rc<Document>>, String> {
    json.filter(|json| !json.is_null())
        .map(|json| document(name, json).map(|document| Rc::new(document.of_resource())))
        .transpose()
}

fn levels(name: &str, levels: &[Vec<Json>]) -> Result<Vec<Vec<Rc<Document>>>, String> {
    let level = |(at, all): (usize, &Vec<Json>)| {
        all.iter()
            .enumerate()
            .map(|(place, json)| {
                document(&format!("{name} {}.{}", at + 1, place + 1), json).map(Rc::new)
            })
            .collect::<Result<Vec<_>, _>>()
    };
    levels.iter().enumerate().map(level).collect()
}

/// A value of the context: texts, numbers and switches, one or many.
fn fact(key: &str, json: &Json) -> Result<Fact, String> {
    let one = |json: &Json| match json {
        Json::String(text) => Ok(text.clone()),
        Json::Bool(_) | Json::Number(_) => Ok(json.to_string()),
        _ => Err(format!(
            "request.context.{key}: a value is a text or a list of texts"
        )),
    };
    match json {
        Json::Null => Ok(Fact::Absent),
        Json::Array(all) => all
            .iter()
            .map(one)
            .collect::<Result<_, _>>()
            .map(Fact::Values),
        single => one(single).map(Fact::one),
    }
}

/// Answers `simulate`.
///
/// # Errors
/// When the question or a policy in it cannot be understood.
pub fn simulate_json(json: &Json) -> Result<Json, String> {
    let asked: SimulateQuestion = question(json)?;
    let mut context = BTreeMap::new();
    for (key, value) in &asked.request.context {
        context.insert(key.to_ascii_lowercase(), fact(key, value)?);
    }
    let resource_account = match &asked.request.resource_account {
        None | Some(Json::Null) => None,
        Some(Json::String(account)) => Some(account.clone()).filter(|account| !account.is_empty()),
        // A number has lost its leading zeros.
        Some(Json::Number(number)) => Some(format!("{:0>12}", number.to_string())),
        Some(_) => {
            return Err("request.resource_account: an account is a text of 12 digits".to_owned());
        }
    };
    if !asked.request.action.contains(':') {
        return Err(format!(
            "request.action: `{}` is no action; write `service:Action`",
            asked.request.action
        ));
    }
    let principal = asked
        .request
        .principal
        .as_deref()
        .map_or_else(Principal::anonymous, Principal::parse);
    // What follows from who asks, where the question gives it besides.
    let organization = context
        .get("aws:principalorgid")
        .cloned()
        .unwrap_or(Fact::Absent);
    let request = Request {
        principal: Principal {
            organization,
            ..principal
        },
        action: asked.request.action,
        resource: asked.request.resource.unwrap_or_else(|| "*".to_owned()),
        resource_account,
        context,
        others: Others::Absent,
    };
    let policies = Policies {
        spending: Default::default(),
        identity: asked
            .identity_policies
            .iter()
            .enumerate()
            .map(|(at, json)| document(&format!("identity policy {}", at + 1), json).map(Rc::new))
            .collect::<Result<_, _>>()?,
        boundary: optional("permissions boundary", asked.permission_boundary.as_ref())?,
        session: optional("session policy", asked.session_policy.as_ref())?,
        resource: of_resource("resource policy", asked.resource_policy.as_ref())?,
        grants: Vec::new(),
        endpoint: of_resource("endpoint policy", asked.endpoint_policy.as_ref())?,
        control: levels("service control policy", &asked.service_control_policies)?,
        resource_control: levels("resource control policy", &asked.resource_control_policies)?
            .into_iter()
            .map(|level| {
                level
                    .into_iter()
                    .map(|one| Rc::new(Document::clone(&one).of_resource()))
                    .collect()
            })
            .collect(),
        unknown: Vec::new(),
    };
    // AWS refuses the whole policy, so what it would have decided is not known.
    let refused = policies
        .resource
        .iter()
        .chain(&policies.endpoint)
        .find_map(|document| {
            document
                .statements
                .iter()
                .flat_map(|one| &one.principals)
                .flat_map(|all| &all.all)
                .find_map(|pattern| match pattern {
                    PrincipalPattern::Refused(name) => Some(name.clone()),
                    _ => None,
                })
        });
    let answer = match (policies.decide(&request), refused) {
        (Answer::Allowed(_) | Answer::ImplicitlyDenied(_), Some(name)) => {
            Answer::Unknown(vec![Gap::not_understood(
                "",
                format!("`{name}` is not a principal: AWS refuses the policy"),
            )])
        }
        (answer, _) => answer,
    };
    Ok(answer_json(&answer))
}

/// A decision as JSON.
pub fn answer_json(answer: &Answer) -> Json {
    let (word, because) = match answer {
        Answer::Allowed(because) => ("allowed", because.clone()),
        Answer::ExplicitlyDenied(because) => ("explicitly-denied", because.clone()),
        Answer::ImplicitlyDenied(because) => ("implicitly-denied", because.clone()),
        Answer::Unknown(why) => (
            "unknown",
            why.iter()
                .map(|why| Because {
                    policy: String::new(),
                    statement: String::new(),
                    text: why.words(),
                    conditional: false,
                })
                .collect(),
        ),
    };
    json!({"answer": word, "because": because})
}

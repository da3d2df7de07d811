//! Policy documents as rows hold them.

use crate::inventory::{Lookup, Row, World};
use crate::model::{GLOBAL, Gap, Observed, Reason, merge};
use crate::policy::Document;
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::rc::Rc;

/// A policy document, parsed.
pub(crate) fn documents(name: &str, json: &Json) -> Observed<Rc<Document>> {
    match Document::parse(name, json) {
        Ok(document) => Known(Rc::new(document)),
        Err(why) => Observed::gap(Gap::not_understood("iam_policy.document", why.to_string())),
    }
}

/// The policy of a resource, parsed: each of its statements names principals.
pub(crate) fn of_resource(name: &str, json: &Json) -> Observed<Rc<Document>> {
    match Document::parse(name, json) {
        Ok(document) => Known(Rc::new(document.of_resource())),
        Err(why) => Observed::gap(Gap::not_understood("policy", why.to_string())),
    }
}

/// A managed policy by its ARN.
pub(crate) fn managed(world: &World, account: &str, arn: &str) -> Observed<Rc<Document>> {
    match world.lookup("iam_policy", account, GLOBAL, arn) {
        Lookup::Found(row) => row.json("document").and_then(|json| documents(arn, &json)),
        Lookup::Absent => Observed::gap(Gap::not_understood(
            "iam_policy",
            format!("the policy `{arn}` is attached, but not in the list"),
        )),
        // A file that attaches a policy says that there is one; what stands in it is settled where the file is applied.
        Lookup::Unknown(gaps) => Unknown(
            gaps.into_iter()
                .map(|gap| match gap.reason {
                    Reason::NotInFile => Gap {
                        reason: Reason::Unresolved,
                        detail: format!("the file names the policy `{arn}`, and does not hold it"),
                        ..gap
                    },
                    _ => gap,
                })
                .collect(),
        ),
    }
}

/// Policies of a role, user or group itself, and what hides more of them.
pub(crate) fn own(world: &World, row: Row<'_>) -> (Vec<Rc<Document>>, Vec<Gap>) {
    let inline: Vec<Observed<Rc<Document>>> = match row.json("inline_policies") {
        Known(Json::Array(all)) => all
            .iter()
            .map(|policy| {
                documents(
                    policy["name"].as_str().unwrap_or("inline"),
                    &policy["document"],
                )
            })
            .collect(),
        Known(_) => vec![Observed::gap(Gap::not_understood(
            "inline_policies",
            format!("the inline policies of {} are not a list", row.key()),
        ))],
        Unknown(gaps) => vec![Unknown(gaps)],
    };
    let attached: Vec<Observed<Rc<Document>>> = match row.list("attached_policy_arns") {
        Known(arns) => arns
            .iter()
            .map(|arn| managed(world, row.account(), arn))
            .collect(),
        Unknown(gaps) => vec![Unknown(gaps)],
    };
    // Whoever is handed a role that the file creates may attach more to it.
    let (mut read, mut gaps) = (Vec::new(), world.companions(row.key()));
    for document in inline.into_iter().chain(attached) {
        match document {
            Known(document) => read.push(document),
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    (read, gaps)
}

/// Adds an element to a list, where both are known.
pub(crate) fn push<T>(all: Observed<Vec<T>>, next: Observed<T>) -> Observed<Vec<T>> {
    all.zip(next).map(|(mut all, next)| {
        all.push(next);
        all
    })
}

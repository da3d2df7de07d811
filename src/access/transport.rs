//! Does a bucket take requests without TLS?

use super::bucket::{Shown, first, policy_of, shown};
use super::lent::anything;
use crate::inventory::{Row, World};
use crate::model::Observed;
use crate::policy::{Ask, Fact, PROBE, Policies, Principal, may};
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A request without TLS that a bucket takes from whoever has the rights, and why; nothing where its policy denies them all. A Deny
/// has to cover the bucket and its objects, everyone and everything (S3 User Guide, "Security best practices").
pub(crate) fn plain(world: &World, bucket: Row<'_>) -> Shown {
    let document = match policy_of(bucket) {
        Known(Some(document)) => document,
        Known(None) => {
            return Known(Some((
                "it has no policy, so nothing denies requests without TLS".to_owned(),
                Json::Null,
            )));
        }
        Unknown(gaps) => return Unknown(gaps),
    };
    let (partition, owner) = (&world.run.partition, bucket.account());
    let own = [
        format!("arn:{partition}:s3:::{}", bucket.key()),
        format!("arn:{partition}:s3:::{}/*", bucket.key()),
    ];
    let context = BTreeMap::from([("aws:securetransport".to_owned(), Fact::one("false"))]);
    // What their own accounts let them do is theirs to decide; who signs in nowhere has the bucket's policy alone.
    let ask = |principal: &Principal, identity| {
        let policies = Policies {
            resource: Some(Rc::clone(&document)),
            identity,
            ..Policies::default()
        };
        let ask = Ask {
            principal,
            actions: &["s3:*"],
            resources: &own,
            resource_account: Some(owner),
            context: context.clone(),
            choose: true,
        };
        shown(
            may(&policies, &ask),
            "its policy lets a request without TLS through",
        )
    };
    let probe = |account: &str| format!("arn:{partition}:iam::{account}:role/{PROBE}");
    let mut callers = vec![probe(owner), probe(OUTSIDE)];
    if let Known(policy) = bucket.json("policy") {
        named(&policy, &mut callers);
    }
    first(
        callers
            .iter()
            .map(|caller| ask(&Principal::parse(caller), anything()))
            .chain([ask(&Principal::anonymous(), Vec::new())]),
    )
}

/// An account that nobody names.
const OUTSIDE: &str = "999999999998";

/// Every principal that a policy names anywhere, in exemptions above all; a wildcard in one stands for somebody.
fn named(policy: &Json, found: &mut Vec<String>) {
    match policy {
        Json::String(text) => {
            let is_principal = text.starts_with("arn:")
                && (text.contains(":iam::") || text.contains(":sts::"))
                && (text.contains(":role/")
                    || text.contains(":user/")
                    || text.contains(":assumed-role/"));
            if is_principal {
                found.push(text.replace(['*', '?'], PROBE));
            }
        }
        Json::Array(items) => items.iter().for_each(|item| named(item, found)),
        Json::Object(members) => members.values().for_each(|value| named(value, found)),
        _ => {}
    }
}

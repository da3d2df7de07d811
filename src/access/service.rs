//! What the policy of a resource lets a service of AWS do for an account.

use super::documents::of_resource;
use crate::model::{Gap, Observed};
use crate::policy::{self, Answer, Fact, Others, Policies, Principal, Request};
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// May Bedrock, acting for this account in this Region, do the action by the policy of the resource alone?
pub(crate) fn may_bedrock(
    name: &str,
    policy: &Json,
    action: &str,
    resource: &str,
    scope: (&str, &str),
) -> Observed<bool> {
    may_service(
        "bedrock.amazonaws.com",
        name,
        policy,
        action,
        resource,
        scope,
        &[],
    )
}

/// May a service, acting for this account in this Region, do the action by the policy of the resource alone?
///
/// Services are let in by nothing else (IAM User Guide, "AWS service principals"). Which ARN it names as its source is
/// documented as a pattern alone, so that a policy that asks for a narrower one leaves the answer unknown.
pub(crate) fn may_service(
    service: &str,
    name: &str,
    policy: &Json,
    action: &str,
    resource: &str,
    (account, region): (&str, &str),
    more: &[(&str, String)],
) -> Observed<bool> {
    // No policy lets nobody in.
    if policy.as_object().is_some_and(serde_json::Map::is_empty) {
        return Known(false);
    }
    let prefix = service.split('.').next().unwrap_or_default();
    let partition = resource.split(':').nth(1).unwrap_or("aws");
    let pattern = format!("arn:{partition}:{prefix}:{region}:{account}:*");
    of_resource(name, policy).and_then(|document| {
        let policies = Policies {
            resource: Some(document),
            ..Policies::default()
        };
        let ask = |source: Fact| {
            let mut request = Request {
                principal: Principal::parse(service),
                action: action.to_owned(),
                resource: resource.to_owned(),
                resource_account: Some(account.to_owned()),
                context: BTreeMap::from([
                    ("aws:sourceaccount".to_owned(), Fact::one(account)),
                    ("aws:sourcearn".to_owned(), source),
                    ("aws:securetransport".to_owned(), Fact::one("true")),
                ]),
                others: Others::Usual,
            };
            request.context.extend(
                more.iter()
                    .map(|(key, value)| ((*key).to_owned(), Fact::one(value.as_str()))),
            );
            match policies.decide(&request) {
                Answer::Allowed(_) => Known(true),
                Answer::ExplicitlyDenied(_) | Answer::ImplicitlyDenied(_) => Known(false),
                Answer::Unknown(why) => Unknown(policy::of(why, "policies")),
            }
        };
        match ask(Fact::one(pattern)) {
            Known(true) => Known(true),
            _ => match ask(Fact::Unknown) {
                Unknown(gaps) if gaps.is_empty() => Observed::gap(Gap::not_understood(
                    "policies",
                    format!("whether the policy of {name} lets {service} in depends on the ARN that it names as its source"),
                )),
                answer => answer,
            },
        }
    })
}

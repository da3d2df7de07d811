//! What decides over a resource beside the policies of the caller: its own policy, grants, and what an organisation lays over it.

use super::documents::{documents, of_resource, push};
use super::organization::{Fence, fences};
use super::principal::Access;
use crate::inventory::{Lookup, Row, World};
use crate::model::{Arn, GLOBAL, Gap, Observed, merge};
use crate::policy;
use crate::policy::authorization::has_resource_control;
use crate::policy::{Ask, Document, Fact, Found, Policies, Request, Side, may};
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Services whose resources have policies of their own (IAM User Guide, reference_aws-services-that-work-with-iam);
/// of these the trust policies of roles and the policies of keys and buckets are in a run.
const WITH_RESOURCE_POLICIES: &[&str] = &[
    "apigateway",
    "backup",
    "dynamodb",
    "ecr",
    "elasticfilesystem",
    "es",
    "events",
    "execute-api",
    "glue",
    "kinesis",
    "kms",
    "lambda",
    "logs",
    "s3",
    "s3tables",
    "s3vectors",
    "secretsmanager",
    "sns",
    "sqs",
    "sts",
];

/// The side of a resource.
pub(crate) struct Guard {
    /// Account that owns it, where that is known.
    pub owner: Option<String>,
    /// Its policy; none where it can have none.
    pub policy: Observed<Option<Rc<Document>>>,
    /// Grants of a KMS key, each as a policy.
    pub grants: Observed<Vec<Rc<Document>>>,
    /// Resource control policies over its account.
    pub fences: Observed<Vec<Vec<Rc<Document>>>>,
    /// What may let in others than the principals of its account, and is in no policy: the access control list of a bucket.
    pub others: Vec<Gap>,
}

/// Gaps as sentences.
pub(crate) fn reasons(gaps: &[Gap]) -> Vec<String> {
    let mut texts: Vec<String> = gaps.iter().map(Gap::words).collect();
    texts.sort();
    texts.dedup();
    texts
}

impl Guard {
    /// Of a resource, or of any that an action takes.
    pub fn of(world: &World, action: &str, resource: Option<&str>, owner: Option<&str>) -> Self {
        let bucket = resource
            .and_then(Arn::parse)
            .filter(|arn| arn.service == "s3" && arn.account.is_empty())
            .map(|arn| arn.resource.split('/').next().unwrap_or_default())
            .map(|name| world.lookup_anywhere("s3_bucket", name));
        let owner = owner
            .map(str::to_owned)
            .or_else(|| {
                resource
                    .and_then(Arn::parse)
                    .map(|arn| arn.account.to_owned())
            })
            .filter(|owner| !owner.is_empty());
        // An ARN of Amazon S3 has no account; the list of buckets tells whose it is.
        let owner = owner.or_else(|| match &bucket {
            Some(Lookup::Found(row)) => Some(row.account().to_owned()),
            _ => None,
        });
        let service = action
            .split(':')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let fences = match &owner {
            Some(owner) if has_resource_control(&service) && world.run.account(owner).is_some() => {
                fences(world, owner, Fence::Resources)
            }
            _ => Known(Vec::new()),
        };
        let mut guard = Self {
            owner,
            policy: Known(None),
            grants: Known(Vec::new()),
            fences,
            others: Vec::new(),
        };
        if !has_policy(&service, action, resource) {
            return guard;
        }
        let unread = |what: String| Observed::gap(Gap::not_understood("resource policy", what));
        let Some(resource) = resource else {
            guard.policy =
                unread("the policy of a resource may let it in; name the resource".to_owned());
            return guard;
        };
        if let Some(bucket) = bucket.filter(|_| service == "s3") {
            match bucket {
                Lookup::Found(row) => {
                    guard.policy = super::bucket::policy_of(row);
                    guard.others = super::bucket::listed(row);
                }
                Lookup::Absent => {
                    guard.policy = unread(format!("the policy of `{resource}` is not in the run"));
                }
                Lookup::Unknown(gaps) => guard.policy = Unknown(gaps),
            }
            return guard;
        }
        let arn = Arn::parse(resource);
        let found = match (service.as_str(), arn) {
            ("sts", Some(arn)) if arn.service == "iam" && arn.resource.starts_with("role/") => {
                world.lookup("iam_role", arn.account, GLOBAL, resource)
            }
            ("kms", Some(arn)) if arn.resource.starts_with("key/") => {
                world.lookup("kms_key", arn.account, arn.region, resource)
            }
            _ => {
                guard.policy = unread(format!("the policy of `{resource}` is not in the run"));
                return guard;
            }
        };
        match found {
            Lookup::Found(row) if service == "kms" => {
                guard.policy = row
                    .json("policy")
                    .and_then(|json| of_resource("key policy", &json))
                    .map(Some);
                guard.grants = row.json("grants").and_then(|all| grants(resource, &all));
            }
            Lookup::Found(row) => {
                guard.policy = row
                    .json("assume_role_policy")
                    .and_then(|json| of_resource("trust policy", &json))
                    .map(Some)
            }
            Lookup::Absent => guard.policy = unread(format!("`{resource}` does not exist")),
            Lookup::Unknown(gaps) => guard.policy = Unknown(gaps),
        }
        guard
    }

    /// Where nothing but the policies of the caller decides.
    pub fn nothing() -> Self {
        Self {
            owner: None,
            policy: Known(None),
            grants: Known(Vec::new()),
            fences: Known(Vec::new()),
            others: Vec::new(),
        }
    }

    /// Of a key.
    pub fn of_key(world: &World, key: Row<'_>, owner: &str, policy: Rc<Document>) -> Self {
        Self {
            owner: Some(owner.to_owned()),
            policy: Known(Some(policy)),
            grants: key.json("grants").and_then(|all| grants(key.key(), &all)),
            fences: fences(world, owner, Fence::Resources),
            others: Vec::new(),
        }
    }

    /// Everything that decides over the requests of a caller with these policies.
    pub fn over(&self, own: &Policies) -> Policies {
        let mut policies = own.clone();
        match &self.policy {
            Known(policy) => policies.resource.clone_from(policy),
            Unknown(gaps) => policies.unknown.push((Side::Resource, gaps.clone())),
        }
        match &self.grants {
            Known(grants) => policies.grants.clone_from(grants),
            Unknown(gaps) => policies.unknown.push((Side::Grant, gaps.clone())),
        }
        match &self.fences {
            Known(fences) => policies.resource_control.clone_from(fences),
            Unknown(gaps) => policies
                .unknown
                .push((Side::ResourceControl(0), gaps.clone())),
        }
        policies
    }

    /// What of it could not be read.
    pub fn gaps(&self) -> Vec<Gap> {
        merge(
            merge(self.policy.gaps().to_vec(), self.grants.gaps().to_vec()),
            self.fences.gaps().to_vec(),
        )
    }

    /// May the caller do one of the actions on one of the resources?
    pub fn may(
        &self,
        access: &Access,
        actions: &[&str],
        resources: &[String],
        context: BTreeMap<String, Fact>,
    ) -> Observed<Option<Box<Request>>> {
        let ask = Ask {
            principal: &access.principal,
            actions,
            resources,
            resource_account: self.owner.as_deref(),
            context,
            choose: true,
        };
        match may(&self.over(&access.grants), &ask) {
            Found::Unknown(why) => {
                // What could not be read is named by its call.
                let gaps = merge(self.gaps(), access.unseen.clone());
                Unknown(if gaps.is_empty() {
                    policy::of(why, "policies")
                } else {
                    gaps
                })
            }
            found => found.observed("policies"),
        }
    }
}

/// Can the resource have a policy of its own?
fn has_policy(service: &str, action: &str, resource: Option<&str>) -> bool {
    match service {
        "sts" => action.to_ascii_lowercase().starts_with("sts:assumerole"),
        // Of Bedrock's resources these (Bedrock User Guide, "Resource-based policies"); all of AgentCore's.
        "bedrock" => resource.and_then(Arn::parse).is_some_and(|arn| {
            ["custom-model", "guardrail", "knowledge-base"]
                .iter()
                .any(|kind| arn.resource.starts_with(kind))
        }),
        "bedrock-agentcore" => true,
        _ => WITH_RESOURCE_POLICIES.contains(&service),
    }
}

/// The grants of a key, each as a policy (KMS Developer Guide, "Grants in AWS KMS").
fn grants(key: &str, all: &Json) -> Observed<Vec<Rc<Document>>> {
    let odd = |what: &str| {
        Gap::not_understood(
            "kms_key.grants",
            format!("{what} of {key} cannot be understood"),
        )
    };
    let Some(all) = all.as_array() else {
        return Observed::gap(odd("the grants"));
    };
    all.iter()
        .map(|grant| {
            let text = |name: &str| grant.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
            let grantee = text("grantee_principal");
            let operations: Vec<String> = match grant.get("operations") {
                Some(Json::Array(all)) => all.iter().filter_map(Json::as_str).map(|operation| format!("kms:{operation}")).collect(),
                Some(Json::String(one)) => vec![format!("kms:{one}")],
                _ => Vec::new(),
            };
            if grantee.is_empty() || operations.is_empty() {
                return Observed::gap(odd(&format!("the grant {}", text("id"))));
            }
            let mut conditions: BTreeMap<String, Json> = BTreeMap::new();
            for constraint in ["context_equals", "context_subset"] {
                for (name, value) in grant.get(constraint).and_then(Json::as_object).into_iter().flatten() {
                    conditions.insert(format!("kms:EncryptionContext:{name}"), value.clone());
                }
            }
            let principal = if grantee.starts_with("arn:") { json!({"AWS": grantee}) } else { json!({"Service": grantee}) };
            let mut statement = json!({"Sid": text("id"), "Effect": "Allow", "Principal": principal, "Action": operations, "Resource": key});
            if !conditions.is_empty() {
                statement["Condition"] = json!({"StringEquals": conditions});
            }
            documents(&format!("grant {}", text("id")), &json!({"Version": "2012-10-17", "Statement": [statement]}))
        })
        .fold(Known(Vec::new()), push)
}

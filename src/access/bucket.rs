//! Who may read a bucket by its own policy, its access points and its access control list.

use super::documents::of_resource;
use super::lent::{Lent, deputies, whole_accounts};
use super::trusted::{trusted, trusted_organizations};
use crate::inventory::{Inputs, Lookup, Row, World};
use crate::model::{GLOBAL, Gap, Observed, Reason, merge};
use crate::policy::{
    Document, Effect, Fact, Found, PROBE, PrincipalPattern, anyone_through, outsider_through,
};
use crate::services;
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What tells whether a bucket is open to the internet.
pub(crate) const PUBLIC: Inputs = Inputs::All(&[
    services::s3::BUCKET.list(),
    services::s3::BUCKET.group("policy"),
    services::s3::BUCKET.group("public-access"),
    services::s3::BUCKET.group("acl"),
    services::s3::BUCKET.group("ownership"),
    services::s3::ACCOUNT_BLOCK.list(),
    services::s3::ACCESS_POINT.list(),
    services::s3::ACCESS_POINT.group("policy"),
    services::s3::ACCESS_POINT.group("detail"),
]);
/// What tells whom a bucket lets in beside named roles.
pub(crate) const SHARED: Inputs = Inputs::All(&[
    services::s3::BUCKET.list(),
    services::s3::BUCKET.group("policy"),
    services::s3::BUCKET.group("acl"),
    services::s3::BUCKET.group("ownership"),
    services::s3::BUCKET.group("replication"),
    services::s3::BUCKET.group("public-access"),
    services::s3::ACCOUNT_BLOCK.list(),
    services::organizations::ORGANIZATION.list(),
    services::organizations::ACCOUNT.list(),
]);

/// What reads a bucket.
const READ: &[&str] = &["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"];
const EVERYONE: [&str; 2] = [
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
];

/// Why it is so, and a request or a grant that shows it; nothing where it is not so.
pub(crate) type Shown = Observed<Option<(String, Json)>>;

/// The first that is so; unknown where one may be.
pub(crate) fn first(all: impl IntoIterator<Item = Shown>) -> Shown {
    let mut gaps = Vec::new();
    for one in all {
        match one {
            Known(Some(found)) => return Known(Some(found)),
            Known(None) => {}
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    if gaps.is_empty() {
        Known(None)
    } else {
        Unknown(gaps)
    }
}

/// What is so unless something stops it.
fn unless(found: Shown, stopped: impl FnOnce() -> Observed<bool>) -> Shown {
    match found {
        Known(Some(found)) => match stopped() {
            Known(true) => Known(None),
            Known(false) => Known(Some(found)),
            Unknown(gaps) => Unknown(gaps),
        },
        Known(None) => Known(None),
        Unknown(gaps) => match stopped() {
            Known(true) => Known(None),
            _ => Unknown(gaps),
        },
    }
}

/// Calls by no endpoint: from an address of documentation (RFC 5737) that no policy lists, and from each range of a policy that is
/// so wide that Amazon S3 calls it public: broader than /8, or /32 of IPv6 (S3 User Guide, "The meaning of public").
pub(crate) fn from_the_internet(document: &Document) -> Vec<BTreeMap<String, Fact>> {
    let wide = |range: &str| -> Option<String> {
        let range: ipnet::IpNet = range.parse().ok()?;
        let most = if range.addr().is_ipv4() { 8 } else { 32 };
        (range.prefix_len() < most)
            .then(|| range.hosts().next())??
            .to_string()
            .into()
    };
    let ranges = document
        .statements
        .iter()
        .filter(|statement| statement.effect == Effect::Allow)
        .flat_map(|statement| &statement.conditions)
        .filter(|condition| condition.key == "aws:sourceip")
        .flat_map(|condition| &condition.values)
        .filter_map(|range| wide(range));
    std::iter::once("198.51.100.7".to_owned())
        .chain(ranges)
        .map(|address| {
            let mut context = BTreeMap::from([("aws:sourceip".to_owned(), Fact::one(address))]);
            for key in [
                "aws:sourcevpce",
                "aws:sourcevpc",
                "aws:vpcsourceip",
                "aws:vpceaccount",
                "aws:vpceorgid",
                "aws:vpceorgpaths",
                "aws:sourcevpcarn",
            ] {
                context.insert(key.to_owned(), Fact::Absent);
            }
            context
        })
        .collect()
}

/// Keys of requests that come by an access point.
const BY_ACCESS_POINT: [&str; 3] = [
    "s3:dataaccesspointarn",
    "s3:dataaccesspointaccount",
    "s3:accesspointnetworkorigin",
];

/// Is there a way for anyone, from the internet, by the policy alone?
fn open_to_anyone(
    document: &Document,
    resources: &[String],
    more: &BTreeMap<String, Fact>,
    why: &str,
) -> Shown {
    first(from_the_internet(document).into_iter().map(|mut context| {
        context.extend(more.clone());
        shown(anyone_through(document, READ, resources, &context), why)
    }))
}

/// What the access control list of a bucket may let in, or that it was not read; nothing where lists are off or name nobody (S3 User
/// Guide, "Controlling ownership of objects and disabling ACLs for your bucket").
pub(crate) fn listed(row: Row<'_>) -> Vec<Gap> {
    if row.text("object_ownership").known() == Some("BucketOwnerEnforced") {
        return Vec::new();
    }
    match row.json("acl_grants") {
        Known(grants) if grants.as_array().is_some_and(Vec::is_empty) => Vec::new(),
        Known(_) => vec![Gap::not_understood(
            "s3_bucket.acl_grants",
            format!("the access control list of {} lets others in", row.key()),
        )],
        Unknown(gaps) => gaps,
    }
}

/// The policy of a bucket or access point; none where it has none.
pub(crate) fn policy_of(row: Row<'_>) -> Observed<Option<Rc<Document>>> {
    row.json("policy").and_then(|json| {
        if json.as_object().is_some_and(serde_json::Map::is_empty) {
            Known(None)
        } else {
            of_resource(row.key(), &json).map(Some)
        }
    })
}

pub(super) fn shown(found: Found, why: &str) -> Shown {
    found
        .observed("s3_bucket.policy")
        .map(|found| found.map(|request| (why.to_owned(), request.witness())))
}

/// Is one of the settings on: of the thing itself, or of its account?
fn blocks(world: &World, row: Row<'_>, owner: &str, setting: &str) -> Observed<bool> {
    let account = match world.lookup("s3_account_public_access_block", owner, GLOBAL, owner) {
        Lookup::Found(found) => found.list("settings"),
        Lookup::Absent => Observed::gap(Gap::not_understood(
            "s3_account_public_access_block",
            format!("nothing was read of account {owner}"),
        )),
        Lookup::Unknown(gaps) => Unknown(gaps),
    };
    let has = |all: Vec<String>| all.iter().any(|one| one == setting);
    // A file that opens a bucket is at fault, whatever the account may lay over it: with the block on, it could not be applied.
    let account = match account {
        Unknown(gaps) if gaps.iter().all(|gap| gap.reason == Reason::NotInFile) => {
            Known(Vec::new())
        }
        account => account,
    };
    row.list("public_access_block")
        .map(has)
        .or(account.map(has))
}

/// Can a bucket be read from the internet by whoever likes?
///
/// The bucket is judged, not its objects: an object may have an access control list of its own
/// (S3 User Guide, "Blocking public access to your Amazon S3 storage").
pub(crate) fn public(world: &World, bucket: Row<'_>) -> Shown {
    let owner = bucket.account();
    let partition = &world.run.partition;
    let own = [
        format!("arn:{partition}:s3:::{}/*", bucket.key()),
        format!("arn:{partition}:s3:::{}", bucket.key()),
    ];
    let document = policy_of(bucket);
    let direct = |through: Option<&str>| {
        document.clone().and_then(|document| match document {
            None => Known(None),
            Some(document) => {
                let mut context: BTreeMap<String, Fact> = BY_ACCESS_POINT
                    .map(|key| (key.to_owned(), Fact::Absent))
                    .into();
                if let Some(point) = through {
                    context.insert("s3:dataaccesspointarn".to_owned(), Fact::one(point));
                    context.insert("s3:dataaccesspointaccount".to_owned(), Fact::one(owner));
                    context.insert(
                        "s3:accesspointnetworkorigin".to_owned(),
                        Fact::one("Internet"),
                    );
                }
                open_to_anyone(
                    &document,
                    &own,
                    &context,
                    "its bucket policy lets anyone read it",
                )
            }
        })
    };
    let restricted = |row: Row<'_>| blocks(world, row, owner, "RestrictPublicBuckets");
    let by_policy = unless(direct(None), || restricted(bucket));
    let by_list = unless(by_list(bucket), || {
        blocks(world, bucket, owner, "IgnorePublicAcls").or(bucket
            .text("object_ownership")
            .map(|ownership| ownership == "BucketOwnerEnforced"))
    });
    let mut ways = vec![by_policy, by_list];
    // A bucket policy can leave the decision to access points; without it they decide nothing.
    let leaves = |region: &str| {
        let probe = format!("arn:{partition}:s3:{region}:{owner}:accesspoint/{PROBE}");
        !matches!(direct(Some(&probe)), Known(None))
    };
    // Its access points lie in its Region, which may not be in the run.
    if let Known(home) = bucket.text("region_name")
        && !world.run.regions.iter().any(|region| region == home)
        && leaves(home)
    {
        ways.push(Observed::gap(Gap {
            reason: Reason::NotScanned,
            ..Gap::not_understood(
                "s3_access_point",
                format!("the access points of {home} are not in this run"),
            )
        }));
    }
    for region in &world.run.regions {
        let points = world.children(
            "s3_access_point",
            owner,
            region,
            "bucket_name",
            bucket.key(),
        );
        if !points.gaps.is_empty() && leaves(region) {
            ways.push(Unknown(points.gaps));
        }
        for point in points.rows {
            let admits = policy_of(point).and_then(|document| match document {
                None => Known(None),
                Some(document) => open_to_anyone(
                    &document,
                    &[format!("{}/object/*", point.key()), point.key().to_owned()],
                    &BTreeMap::new(),
                    &format!("the access point {} lets anyone read it", point.key()),
                ),
            });
            let from_internet = unless(admits, || {
                point
                    .text("network_origin")
                    .map(|origin| origin != "Internet")
                    .or(restricted(point))
            });
            ways.push(match from_internet {
                Known(None) => Known(None),
                found => match direct(Some(point.key())) {
                    Known(None) => Known(None),
                    Known(Some(_)) => unless(found, || restricted(bucket)),
                    Unknown(gaps) => Unknown(gaps),
                },
            });
        }
    }
    first(ways)
}

/// What the access control list gives to everyone.
fn by_list(bucket: Row<'_>) -> Shown {
    bucket.json("acl_grants").map(|all| {
        let grants = all.as_array().into_iter().flatten();
        let mut open = grants.filter(|grant| {
            let text = |name: &str| grant.get(name).and_then(Json::as_str).unwrap_or_default();
            EVERYONE.contains(&text("grantee"))
                && matches!(text("permission"), "READ" | "WRITE_ACP" | "FULL_CONTROL")
        });
        open.next().map(|grant| {
            (
                "its access control list lets everyone read or change it".to_owned(),
                json!({"grant": grant}),
            )
        })
    })
}

/// Does a bucket let in more than named roles of trusted accounts: a principal from outside, a whole other account, a service
/// for whomever, or a copy in an account that is not ours?
pub(crate) fn shared(world: &World, bucket: Row<'_>) -> Shown {
    let owner = bucket.account();
    let partition = &world.run.partition;
    let own = [
        format!("arn:{partition}:s3:::{}/*", bucket.key()),
        format!("arn:{partition}:s3:::{}", bucket.key()),
    ];
    let is_trusted = trusted(world, owner);
    let document = policy_of(bucket);
    let by_policy = document.and_then(|document| match document {
        None => Known(None),
        Some(document) => {
            let organizations = trusted_organizations(world, owner);
            let gaps = RefCell::new(Vec::new());
            // What comes by an access point its policy decides as well.
            let direct: BTreeMap<String, Fact> = BY_ACCESS_POINT
                .map(|key| (key.to_owned(), Fact::Absent))
                .into();
            let outside = outsider_through(
                &document,
                READ,
                &own,
                &direct,
                organizations.as_deref(),
                &|account| match is_trusted(account) {
                    Known(known) => Some(known),
                    Unknown(more) => {
                        gaps.borrow_mut().extend(more);
                        None
                    }
                },
            );
            let outside = match (
                shown(
                    outside,
                    "its policy lets principals outside the organisation read it",
                ),
                gaps.into_inner(),
            ) {
                (Unknown(_), gaps) if !gaps.is_empty() => Unknown(gaps),
                (found, _) => found,
            };
            // A public policy is held to the owner's account and services where public access is restricted.
            let is_public = !matches!(open_to_anyone(&document, &own, &direct, ""), Known(None));
            let lent = Lent {
                owner,
                own: &own,
                actions: READ,
                does: "read it",
            };
            let held = || {
                if is_public {
                    blocks(world, bucket, owner, "RestrictPublicBuckets")
                } else {
                    Known(false)
                }
            };
            first([
                unless(outside, held),
                unless(whole_accounts(world, &document, lent), held),
                deputies(world, &document, lent),
                canonical(&document),
            ])
        }
    });
    let by_list = unless(foreign_grants(bucket), || {
        bucket
            .text("object_ownership")
            .map(|ownership| ownership == "BucketOwnerEnforced")
    });
    first([by_policy, by_list, copies(world, bucket, &is_trusted)])
}

/// Canonical users, whose ids name no account.
fn canonical(document: &Document) -> Shown {
    let named = document
        .statements
        .iter()
        .filter(|statement| statement.effect == Effect::Allow)
        .filter(|statement| READ.iter().any(|action| statement.names_action(action)))
        .flat_map(|statement| &statement.principals)
        .flat_map(|patterns| &patterns.all)
        .find_map(|pattern| match pattern {
            PrincipalPattern::Canonical(id) => Some(id),
            _ => None,
        });
    match named {
        Some(id) => Observed::gap(Gap::not_understood(
            "s3_bucket.policy",
            format!(
                "the canonical user {id} names no account, so its owner could not be determined"
            ),
        )),
        None => Known(None),
    }
}

/// Grants of the access control list to other accounts.
fn foreign_grants(bucket: Row<'_>) -> Shown {
    bucket.json("acl_grants").map(|all| {
        let grants = all.as_array().into_iter().flatten();
        let mut foreign = grants.filter(|grant| {
            let text = |name: &str| grant.get(name).and_then(Json::as_str).unwrap_or_default();
            !text("grantee").starts_with("http")
                && matches!(text("permission"), "READ" | "WRITE_ACP" | "FULL_CONTROL")
        });
        foreign.next().map(|grant| {
            (
                "its access control list lets another account read or change it".to_owned(),
                json!({"grant": grant}),
            )
        })
    })
}

/// Copies in accounts that are not ours. A rule need not name the account of the bucket that it copies to.
fn copies(world: &World, bucket: Row<'_>, is_trusted: &dyn Fn(&str) -> Observed<bool>) -> Shown {
    bucket.json("replication").and_then(|all| {
        let rules = all.as_array().cloned().unwrap_or_default();
        first(rules.into_iter().map(|rule| {
            let text = |name: &str| rule.get(name).and_then(Json::as_str).unwrap_or_default();
            if text("status") == "Disabled" {
                return Known(None);
            }
            let owner = match (
                text("account"),
                world.lookup_anywhere("s3_bucket", text("bucket")),
            ) {
                (named, _) if !named.is_empty() => Known(named.to_owned()),
                (_, Lookup::Found(copy)) => Known(copy.account().to_owned()),
                (_, Lookup::Unknown(gaps)) => Unknown(gaps),
                (_, Lookup::Absent) => Observed::gap(Gap::not_understood(
                    "s3_bucket",
                    format!(
                        "the owner of the bucket `{}` could not be determined",
                        text("bucket")
                    ),
                )),
            };
            owner.and_then(|owner| {
                is_trusted(&owner).map(|trusted| {
                    (!trusted).then(|| {
                        (
                            format!("it is replicated to account {owner}, which is not trusted"),
                            json!({"replication": rule}),
                        )
                    })
                })
            })
        }))
    })
}

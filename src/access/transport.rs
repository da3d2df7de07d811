//! Does a bucket take requests without TLS?

use super::bucket::{Shown, anything, first, policy_of, shown};
use crate::inventory::{Row, World};
use crate::model::Observed;
use crate::policy::{Ask, Fact, PROBE, Policies, Principal, may};
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::BTreeMap;

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
    let role = format!("arn:{partition}:iam::{owner}:role/{PROBE}");
    let policies = Policies {
        resource: Some(document),
        identity: anything(),
        ..Policies::default()
    };
    let context = BTreeMap::from([("aws:securetransport".to_owned(), Fact::one("false"))]);
    let principal = Principal::parse(&role);
    first(
        [
            &["s3:GetObject", "s3:PutObject"][..],
            &["s3:ListBucket"][..],
        ]
        .map(|actions| {
            let ask = Ask {
                principal: &principal,
                actions,
                resources: &own,
                resource_account: Some(owner),
                context: context.clone(),
                choose: true,
            };
            shown(
                may(&policies, &ask),
                "its policy lets a request without TLS through",
            )
        }),
    )
}

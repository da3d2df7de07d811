//! Whose key is it?

use crate::inventory::{Lookup, Row};
use crate::model::{Arn, Gap, Observed};
use crate::subjects::Facts;
use Observed::Known;

/// What a reference to a key stands for.
#[derive(Clone, Copy)]
pub(crate) enum Key<'w> {
    /// The service's own key, which is in nobody's account.
    Service,
    /// A key that AWS manages in the account, known by its alias alone.
    Managed,
    /// A key of the run.
    Row(Row<'w>),
    /// A key of an account outside the run.
    Foreign,
    /// A key or alias that is not there, although its account and Region were read.
    Missing,
}

/// The key behind a reference: ARN, id, alias or empty.
pub(crate) fn resolve<'w>(
    facts: &Facts<'w>,
    account: &str,
    region: &str,
    reference: &str,
) -> Observed<Key<'w>> {
    if reference.is_empty() {
        return Known(Key::Service);
    }
    let (owner, region, local) = place(account, region, reference);
    if local.starts_with("alias/aws/") {
        return Known(Key::Managed);
    }
    if facts.world.run.account(owner).is_none() {
        return Known(Key::Foreign);
    }
    let id = if local.starts_with("alias/") {
        match facts.world.lookup("kms_alias", owner, region, local) {
            Lookup::Found(row) => row.text("target_key_id").map(str::to_owned),
            Lookup::Absent => return Known(Key::Missing),
            Lookup::Unknown(gaps) => Observed::Unknown(gaps),
        }
    } else {
        Known(local.to_owned())
    };
    id.and_then(|id| {
        let keys = facts.world.children("kms_key", owner, region, "id", &id);
        match keys.rows.first() {
            Some(row) => Known(Key::Row(*row)),
            None if keys.gaps.is_empty() => Known(Key::Missing),
            None => Observed::Unknown(keys.gaps),
        }
    })
}

/// Account, Region and local name (id or alias) of a reference.
pub(crate) fn place<'r>(
    account: &'r str,
    region: &'r str,
    reference: &'r str,
) -> (&'r str, &'r str, &'r str) {
    let (owner, region, local) = Arn::parse(reference)
        .map_or((account, region, reference), |arn| {
            (arn.account, arn.region, arn.resource)
        });
    (owner, region, local.strip_prefix("key/").unwrap_or(local))
}

/// Is a key reference the customer's own key? With the class for a person.
///
/// An AWS-managed key cannot serve another account, so a key of another account is a customer's
/// (KMS Developer Guide, "AWS managed keys").
pub(crate) fn customer_key(
    facts: &Facts<'_>,
    account: &str,
    region: &str,
    reference: &str,
) -> Observed<(bool, &'static str)> {
    if place(account, region, reference).0 != account && !reference.contains("alias/aws/") {
        return Known((true, "a customer key of another account"));
    }
    let found = resolve(facts, account, region, reference);
    // Only the aliases of AWS begin with `alias/aws/`.
    if matches!(found, Observed::Unknown(_))
        && place(account, region, reference).2.starts_with("alias/")
    {
        return Known((true, "a customer key, by its alias"));
    }
    found.and_then(|key| match key {
        Key::Service => Known((false, "the service's own key")),
        Key::Managed => Known((false, "an AWS-managed key")),
        Key::Foreign => Known((true, "a customer key of another account")),
        Key::Missing => Observed::gap(Gap::not_understood(
            "kms_key",
            format!("the key `{reference}` does not exist"),
        )),
        Key::Row(row) => row.text("key_manager").map(|manager| {
            if manager == "CUSTOMER" {
                (true, "a customer key")
            } else {
                (false, "an AWS-managed key")
            }
        }),
    })
}

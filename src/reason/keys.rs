//! Whose key is it?

use super::Context;
use crate::inventory::Lookup;
use crate::model::{Arn, Gap, Observed};
use Observed::Known;

/// Is a key reference (ARN, id, alias or empty) the customer's own key? With the class for a person.
///
/// An AWS-managed key cannot serve another account, so a key of another account is a customer's
/// (KMS Developer Guide, "AWS managed keys").
pub(super) fn customer_key(context: &Context<'_>, account: &str, region: &str, reference: &str) -> Observed<(bool, &'static str)> {
    if reference.is_empty() {
        return Known((false, "the service's own key"));
    }
    let arn = Arn::parse(reference);
    let (owner, region, local) = arn.map_or((account, region, reference), |arn| (arn.account, arn.region, arn.resource));
    let local = local.strip_prefix("key/").unwrap_or(local);
    if local.starts_with("alias/aws/") {
        return Known((false, "an AWS-managed key"));
    }
    if owner != account {
        return Known((true, "a customer key of another account"));
    }
    let id = if local.starts_with("alias/") {
        match context.world.lookup("kms_alias", owner, region, local) {
            Lookup::Found(row) => row.text("target_key_id").map(str::to_owned),
            Lookup::Absent => Observed::gap(Gap::not_understood("kms_alias", format!("the alias `{local}` does not exist"))),
            Lookup::Unknown(gaps) => Observed::Unknown(gaps),
        }
    } else {
        Known(local.to_owned())
    };
    id.and_then(|id| {
        let keys = context.world.children("kms_key", owner, region, "id", &id);
        match keys.rows.first() {
            Some(row) => row.text("key_manager").map(|manager| if manager == "CUSTOMER" { (true, "a customer key") } else { (false, "an AWS-managed key") }),
            None if keys.gaps.is_empty() => Observed::gap(Gap::not_understood("kms_key", format!("the key `{id}` does not exist in {owner} {region}"))),
            None => Observed::Unknown(keys.gaps),
        }
    })
}

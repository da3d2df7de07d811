//! Which accounts and organisations are one's own.

use crate::derive::Settings;
use crate::inventory::{Lookup, World};
use crate::model::{GLOBAL, Observed};
use Observed::{Known, Unknown};
use std::collections::BTreeSet;

/// Is an account one of ours? `None` when the organisation's accounts could not be read.
pub(crate) fn trusted(world: &World, own: &str) -> impl Fn(&str) -> Observed<bool> {
    let mut trusted: BTreeSet<String> = Settings::of(&world.run)
        .list("trusted_accounts")
        .into_iter()
        .collect();
    trusted.insert(own.to_owned());
    let organization = match world.lookup("organization", own, GLOBAL, own) {
        Lookup::Found(row) => row.text("id").map(str::to_owned),
        Lookup::Absent => Known(String::new()),
        Lookup::Unknown(gaps) => Unknown(gaps),
    };
    // Accounts of the same run that name the same organisation, and those that the management account lists.
    let mut gaps = organization.gaps().to_vec();
    if let Known(id) = &organization
        && !id.is_empty()
    {
        for row in world.everywhere("organization") {
            if row.text("id") == Known(id.as_str()) {
                trusted.insert(row.key().to_owned());
            }
        }
        let listed = world.everywhere("organizations_account");
        trusted.extend(listed.iter().map(|row| row.key().to_owned()));
        if listed.is_empty() {
            gaps = world.hidden_anywhere("organizations_account");
        }
    }
    move |account: &str| {
        if trusted.contains(account) {
            Known(true)
        } else if gaps.is_empty() {
            Known(false)
        } else {
            Unknown(gaps.clone())
        }
    }
}

/// Organisations that are ours; `None` when the own one could not be read.
pub(crate) fn trusted_organizations(world: &World, account: &str) -> Option<Vec<String>> {
    let own = world
        .lookup("organization", account, GLOBAL, account)
        .found()
        .and_then(|row| row.text("id").known().map(str::to_owned))?;
    let mut all = Settings::of(&world.run).list("trusted_org_ids");
    all.extend(Some(own).filter(|own| !own.is_empty()));
    Some(all)
}

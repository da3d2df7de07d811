//! Which accounts and Regions there are.

use super::{Base, Error, Plan, Request};
use crate::model::{AccountInfo, left_out};
use crate::services::collect::Place;
use crate::services::failure::Failure;
use std::collections::BTreeSet;

fn info(id: &str, name: &str) -> AccountInfo {
    AccountInfo {
        id: id.to_owned(),
        name: name.to_owned(),
        ..AccountInfo::default()
    }
}

fn check_id(id: &str) -> Result<(), Error> {
    if id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err(Error::Setup(format!(
            "`{id}` is not an account id; an account id has twelve digits"
        )))
    }
}

/// The accounts that the request names.
pub(super) async fn plan(request: &Request, base: &Base, place: &Place<'_>) -> Result<Plan, Error> {
    for id in request.accounts.iter().chain(&request.excluded) {
        check_id(id)?;
    }
    let mut plan = if request.org {
        of_organization(request, place).await?
    } else {
        let ids: BTreeSet<String> = if request.accounts.is_empty() {
            BTreeSet::from([base.account.clone()])
        } else {
            request.accounts.iter().cloned().collect()
        };
        Plan {
            accounts: ids.iter().map(|id| info(id, "")).collect(),
            notes: Vec::new(),
        }
    };
    let (kept, excluded): (Vec<_>, Vec<_>) = std::mem::take(&mut plan.accounts)
        .into_iter()
        .partition(|account| !request.excluded.contains(&account.id));
    plan.notes.extend(
        excluded
            .iter()
            .map(|account| left_out(&account.id, "", "--exclude-account")),
    );
    plan.accounts = kept;
    plan.accounts.sort_by(|a, b| a.id.cmp(&b.id));
    if plan.accounts.is_empty() {
        return Err(Error::Setup(format!(
            "there is no account to scan ({})",
            if plan.notes.is_empty() {
                "none was found".to_owned()
            } else {
                plan.notes.join("; ")
            }
        )));
    }
    Ok(plan)
}

async fn of_organization(request: &Request, place: &Place<'_>) -> Result<Plan, Error> {
    let client = crate::client!(aws_sdk_organizations, place);
    let mut plan = Plan::default();
    let refused = |what: &str, failure: &Failure| {
        Error::Setup(format!(
            "--org: {what} failed ({}); run it from the management account or a delegated administrator, or name the accounts with --account",
            failure.detail()
        ))
    };
    let accounts = if request.units.is_empty() {
        let listing = place
            .pages(
                "organizations:ListAccounts",
                |token| client.list_accounts().set_next_token(token).send(),
                |answer| (answer.accounts.unwrap_or_default(), answer.next_token),
            )
            .await;
        if let Some(failure) = &listing.failure {
            return Err(refused("organizations:ListAccounts", failure));
        }
        listing.items
    } else {
        let mut units = request.units.clone();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut accounts = Vec::new();
        // Units nest; each is walked once.
        while let Some(unit) = units.pop() {
            if !seen.insert(unit.clone()) {
                continue;
            }
            let listing = place
                .pages(
                    "organizations:ListAccountsForParent",
                    |token| {
                        client
                            .list_accounts_for_parent()
                            .parent_id(&unit)
                            .set_next_token(token)
                            .send()
                    },
                    |answer| (answer.accounts.unwrap_or_default(), answer.next_token),
                )
                .await;
            if let Some(failure) = &listing.failure {
                return Err(refused(
                    &format!("organizations:ListAccountsForParent of {unit}"),
                    failure,
                ));
            }
            accounts.extend(listing.items);
            let below = place
                .pages(
                    "organizations:ListOrganizationalUnitsForParent",
                    |token| {
                        client
                            .list_organizational_units_for_parent()
                            .parent_id(&unit)
                            .set_next_token(token)
                            .send()
                    },
                    |answer| {
                        (
                            answer.organizational_units.unwrap_or_default(),
                            answer.next_token,
                        )
                    },
                )
                .await;
            if let Some(failure) = &below.failure {
                return Err(refused(
                    &format!("organizations:ListOrganizationalUnitsForParent of {unit}"),
                    failure,
                ));
            }
            units.extend(
                below
                    .items
                    .iter()
                    .filter_map(|unit| unit.id().map(str::to_owned)),
            );
        }
        accounts
    };
    for account in accounts {
        let id = account.id().unwrap_or_default();
        let state = account
            .state()
            .map(|state| state.as_str())
            .or_else(|| account.status().map(|status| status.as_str()))
            .unwrap_or("ACTIVE");
        if !request.accounts.is_empty() && !request.accounts.iter().any(|wanted| wanted == id) {
            continue;
        }
        if state == "ACTIVE" {
            plan.accounts
                .push(info(id, account.name().unwrap_or_default()));
        } else {
            plan.notes.push(left_out(
                id,
                account.name().unwrap_or_default(),
                &format!("it is {state}"),
            ));
        }
    }
    for wanted in &request.accounts {
        if !plan.accounts.iter().any(|account| account.id == *wanted)
            && !plan.notes.iter().any(|note| note.contains(wanted.as_str()))
        {
            return Err(Error::Setup(format!(
                "the account {wanted} is not in the organisation"
            )));
        }
    }
    plan.accounts.dedup_by(|a, b| a.id == b.id);
    Ok(plan)
}

/// The Regions that are enabled in an account; from Account Management, else from EC2.
pub(super) async fn regions(place: &Place<'_>) -> Result<Vec<String>, Failure> {
    use aws_sdk_account::types::RegionOptStatus;
    let client = crate::client!(aws_sdk_account, place);
    let listing = place
        .pages(
            "account:ListRegions",
            |token| {
                client
                    .list_regions()
                    .region_opt_status_contains(RegionOptStatus::Enabled)
                    .region_opt_status_contains(RegionOptStatus::EnabledByDefault)
                    .set_next_token(token)
                    .send()
            },
            |answer| (answer.regions.unwrap_or_default(), answer.next_token),
        )
        .await;
    if listing.failure.is_none() {
        return Ok(listing
            .items
            .iter()
            .filter_map(|region| region.region_name().map(str::to_owned))
            .collect());
    }
    let client = crate::client!(aws_sdk_ec2, place);
    let answer = place
        .call("ec2:DescribeRegions", || client.describe_regions().send())
        .await?;
    // Some answer with Regions that are not opted in, although not asked for.
    Ok(answer
        .regions()
        .iter()
        .filter(|region| region.opt_in_status() != Some("not-opted-in"))
        .filter_map(|region| region.region_name().map(str::to_owned))
        .collect())
}

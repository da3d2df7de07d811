//! Which account and Region a resource of a plan is in.

use super::super::files::Given;
use super::addresses;
use super::references::Configuration;
use super::{Instance, partition, text};
use crate::model::{Arn, UNKNOWN_ACCOUNT, UNKNOWN_REGION};
use crate::services::declared::Node;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Types whose `owner_id` is the account that they are in.
pub(super) const OWNED: [&str; 7] = [
    "aws_vpc",
    "aws_subnet",
    "aws_security_group",
    "aws_route_table",
    "aws_internet_gateway",
    "aws_vpc_endpoint",
    "aws_network_acl",
];

/// Accounts and Regions of the providers.
pub(super) struct Places {
    pub(super) by_provider: BTreeMap<String, (Option<String>, Option<String>)>,
    pub(super) keys: BTreeMap<(String, String), String>,
    pub(super) only: (Option<String>, Option<String>),
}

impl Places {
    pub(super) fn of(
        json: &Json,
        configuration: &Configuration<'_>,
        instances: &[Instance],
        given: &Given,
    ) -> Self {
        let mut by_provider = BTreeMap::new();
        for (key, provider) in json
            .pointer("/configuration/provider_config")
            .and_then(Json::as_object)
            .into_iter()
            .flatten()
        {
            let value = |path: &str| {
                provider
                    .pointer(path)
                    .and_then(|expression| configuration.constant(expression))
            };
            let region =
                value("/expressions/region").and_then(|value| value.as_str().map(str::to_owned));
            let role = value("/expressions/assume_role/0/role_arn").and_then(|value| {
                value
                    .as_str()
                    .and_then(Arn::parse)
                    .map(|arn| arn.account.to_owned())
            });
            let allowed = value("/expressions/allowed_account_ids").and_then(|value| {
                value
                    .as_array()
                    .filter(|all| all.len() == 1)
                    .and_then(|all| all[0].as_str().map(str::to_owned))
            });
            by_provider.insert(key.clone(), (role.or(allowed), region));
        }
        let mut places = Self {
            by_provider,
            keys: configuration.provider_keys(),
            only: (given.account.clone(), given.region.clone()),
        };
        // What exists tells where its provider works.
        let mut found: BTreeMap<String, (Option<String>, Option<String>)> = BTreeMap::new();
        for instance in instances {
            let known = found.entry(places.key(instance)).or_default();
            let values = &instance.declared.values;
            let kind = instance.declared.kind.as_str();
            // Only what names the resource's own account: other fields may name anybody's.
            let own = values
                .at("arn")
                .text()
                .known()
                .and_then(|arn| Arn::parse(&arn).map(|arn| arn.account.to_owned()));
            let owner = || {
                OWNED
                    .contains(&kind)
                    .then(|| values.at("owner_id").text().known())
                    .flatten()
            };
            let role = || {
                (kind == "aws_lambda_function")
                    .then(|| {
                        values
                            .at("role")
                            .text()
                            .known()
                            .and_then(|arn| Arn::parse(&arn).map(|arn| arn.account.to_owned()))
                    })
                    .flatten()
            };
            if let Some(account) = own
                .filter(|account| !account.is_empty())
                .or_else(owner)
                .or_else(role)
                .filter(|_| !instance.data)
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit())
            {
                known.0 = Some(account);
            }
            if known.1.is_none() {
                known.1 = region_of(values);
            }
        }
        for (key, (account, region)) in found {
            let known = places.by_provider.entry(key).or_default();
            known.0 = known.0.take().or(account);
            known.1 = known.1.take().or(region);
        }
        // The identity that planned, for providers that assume nothing.
        let identity = |module: &Json| -> Option<String> {
            module
                .get("resources")?
                .as_array()?
                .iter()
                .find(|node| text(node, "type") == "aws_caller_identity")?
                .pointer("/values/account_id")?
                .as_str()
                .map(str::to_owned)
        };
        if let Some(account) = json
            .pointer("/prior_state/values/root_module")
            .and_then(identity)
        {
            places
                .by_provider
                .entry("aws".to_owned())
                .or_default()
                .0
                .get_or_insert(account);
        }
        let accounts: std::collections::BTreeSet<String> = places
            .by_provider
            .values()
            .filter_map(|(account, _)| account.clone())
            .collect();
        if places.only.0.is_none() && accounts.len() == 1 && places.by_provider.len() == 1 {
            places.only.0 = accounts.into_iter().next();
        }
        places
    }

    fn key(&self, instance: &Instance) -> String {
        let module = addresses::without_indexes(&instance.module);
        self.keys
            .get(&(module, instance.local.clone()))
            .cloned()
            .unwrap_or_else(|| "aws".to_owned())
    }

    pub(super) fn lay(&self, instance: &mut Instance) {
        (instance.declared.account_id, instance.declared.region) = self.of_instance(instance);
        instance.declared.partition = partition(&instance.declared.region).to_owned();
        instance.declared.unit = self.key(instance);
    }

    fn of_instance(&self, instance: &Instance) -> (String, String) {
        let key = self.key(instance);
        let short = key.rsplit(':').next().unwrap_or(&key);
        let known = self
            .by_provider
            .get(&key)
            .or_else(|| self.by_provider.get(short))
            .cloned()
            .unwrap_or_default();
        let own = instance
            .declared
            .values
            .at("region")
            .text()
            .known()
            .filter(|region| !region.is_empty() && region.contains('-'));
        (
            known
                .0
                .or_else(|| self.only.0.clone())
                .unwrap_or_else(|| UNKNOWN_ACCOUNT.to_owned()),
            own.or(known.1)
                .or_else(|| region_of(&instance.declared.values))
                .or_else(|| self.only.1.clone())
                .unwrap_or_else(|| UNKNOWN_REGION.to_owned()),
        )
    }
}

/// The Region that a resource's own values tell.
pub(super) fn region_of(values: &Node) -> Option<String> {
    if let Some(arn) = values.at("arn").text().known()
        && let Some(arn) = Arn::parse(&arn)
        && !arn.region.is_empty()
    {
        return Some(arn.region.to_owned());
    }
    if let Some(zone) = values.at("availability_zone").text().known()
        && zone.ends_with(|c: char| c.is_ascii_lowercase())
        && zone.matches('-').count() >= 2
    {
        return Some(zone[..zone.len() - 1].to_owned());
    }
    let service = values.at("service_name").text().known()?;
    let mut parts = service.strip_prefix("com.amazonaws.")?.split('.');
    parts
        .next()
        .filter(|region| region.matches('-').count() >= 2)
        .map(str::to_owned)
}

//! Which models policies let a request through to.

use super::document::{Document, Effect, Patterns, Statement};
use super::found::Found;
use super::questions::{Ask, alone, callers, may_as_wished, scope, wish};
use super::request::Principal;
use super::truth::Fact;
use super::{PROBE, Policies};
use crate::model::{Arn, Gap};
use std::collections::{BTreeMap, BTreeSet};

/// Kinds of resources that stand for a model (Service Authorization Reference for Bedrock).
pub(super) const MODEL_KINDS: &[&str] = &[
    "foundation-model",
    "inference-profile",
    "application-inference-profile",
    "provisioned-model",
    "custom-model",
    "custom-model-deployment",
    "imported-model",
    "default-prompt-router",
    "prompt-router",
];

/// Kinds that lead to foundation models which the policy need not name; models with an account in their ARN are finite, whatever
/// stands behind it. A call by an inference profile needs the profile and its model as well, so a list of models bounds it
/// (Bedrock User Guide, "Prerequisites for inference profiles").
pub(super) const LEADING: &[&str] = &["default-prompt-router", "prompt-router"];

/// Which models pass.
pub struct Models {
    /// One that nobody named.
    pub any: Found,
    /// One that is not named itself: a wildcard stands in the name of a model.
    pub family: Found,
    /// Those named, by id.
    pub named: Vec<String>,
    /// Why it cannot be told whether some that are named pass.
    pub unclear: Vec<Gap>,
}

impl Models {
    fn name(&mut self, name: &str, found: Found) {
        match found {
            Found::Yes(_) => self.named.push(name.to_owned()),
            Found::No => {}
            Found::Unknown(why) => self.unclear.extend(why),
        }
    }
}

/// A model that no policy names, in a Region or (`*`) in any.
pub(super) fn unnamed_model(region: &str) -> String {
    format!("arn:*:bedrock:{region}::foundation-model/{PROBE}.model-v1:0")
}

/// Names of models in what a policy allows, and in what its Deny leaves out.
pub(super) fn model_patterns<'d>(
    statements: impl Iterator<Item = &'d Statement>,
) -> BTreeSet<&'d str> {
    statements
        .filter_map(|statement| {
            statement
                .resources
                .as_ref()
                .map(|patterns| (statement, patterns))
        })
        .filter(|(statement, patterns)| (statement.effect == Effect::Allow) != patterns.negated)
        .flat_map(|(_, patterns)| &patterns.all)
        .map(String::as_str)
        .filter(|pattern| {
            Arn::parse(pattern).is_some_and(|arn| {
                MODEL_KINDS.contains(&arn.resource.split('/').next().unwrap_or_default())
            })
        })
        .collect()
}

pub(super) fn model_id(pattern: &str) -> &str {
    Arn::parse(pattern).map_or(pattern, |arn| {
        arn.resource
            .split_once('/')
            .map_or(arn.resource, |(_, id)| id)
    })
}

/// Which models a policy lets through to `actions`, for anyone.
pub fn models_through(
    document: &Document,
    actions: &[&str],
    region: &str,
    context: &BTreeMap<String, Fact>,
) -> Models {
    models(
        document.statements.iter(),
        actions,
        region,
        |actions, resources, left_out, mantle| {
            let scope = scope(actions.to_vec(), resources, context);
            let mut conditions = callers();
            conditions.extend(mantle);
            alone(document, wish(left_out, conditions), &scope)
        },
    )
}

/// Which models a principal may invoke with `actions`, after everything that limits it.
pub fn models_of(policies: &Policies, principal: &Principal, actions: &[&str]) -> Models {
    let statements: Vec<&Statement> = policies
        .entries()
        .iter()
        .map(|entry| entry.statement)
        .collect();
    models(
        statements.into_iter(),
        actions,
        "*",
        |actions, resources, left_out, mantle| {
            let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
            let ask = Ask {
                principal,
                actions: &actions,
                resources: &resources,
                resource_account: None,
                context: BTreeMap::new(),
                choose: true,
            };
            may_as_wished(policies, &ask, Some(wish(left_out, mantle)))
        },
    )
}

pub(super) type MoreConditions = Vec<(&'static str, &'static str, Vec<String>)>;

pub(super) fn models<'d>(
    statements: impl Iterator<Item = &'d Statement> + Clone,
    actions: &[&str],
    region: &str,
    ask: impl Fn(&[String], Vec<String>, Option<Patterns<String>>, MoreConditions) -> Found,
) -> Models {
    let of = |prefix: &str| {
        actions
            .iter()
            .filter(|action| action.starts_with(prefix))
            .map(|action| (*action).to_owned())
            .collect::<Vec<_>>()
    };
    let (bedrock, mantle) = (of("bedrock:"), of("bedrock-mantle:"));
    let mut models = Models {
        any: Found::No,
        family: Found::No,
        named: Vec::new(),
        unclear: Vec::new(),
    };
    if !bedrock.is_empty() {
        let key = "bedrock:inferenceprofilearn";
        let values = statements
            .clone()
            .flat_map(|statement| &statement.conditions)
            .filter(|condition| condition.key == key)
            .flat_map(|condition| &condition.values);
        let profiles: Vec<String> = values
            .filter(|value| !value.contains(['*', '?']))
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        // Called by itself, or by a profile that nobody named. A profile that is named leads to models of its own.
        let direct = vec![("Null", key, vec!["true".to_owned()])];
        let mut by_other = vec![("Null", key, vec!["false".to_owned()])];
        if !profiles.is_empty() {
            by_other.push(("StringNotEquals", key, profiles.clone()));
        }
        let either = |resources: Vec<String>, left_out: Option<Patterns<String>>| {
            ask(
                &bedrock,
                resources.clone(),
                left_out.clone(),
                direct.clone(),
            )
            .or(|| ask(&bedrock, resources, left_out, by_other.clone()))
        };
        models.any = either(vec![unnamed_model(region)], None);
        let exact: Vec<&str> = model_patterns(statements.clone())
            .into_iter()
            .filter(|pattern| !model_id(pattern).contains(['*', '?']))
            .collect();
        let left_out = Patterns {
            negated: true,
            all: exact.iter().map(|pattern| (*pattern).to_owned()).collect(),
        };
        let every = |kinds: &[&str]| {
            kinds
                .iter()
                .map(|kind| format!("arn:*:bedrock:*:*:{kind}/*"))
                .collect::<Vec<_>>()
        };
        models.family = either(every(&["foundation-model"]), Some(left_out.clone()));
        // A router leads nowhere without a foundation model.
        if models.family == Found::No
            && ask(&bedrock, every(&["foundation-model"]), None, Vec::new()) != Found::No
        {
            models.family = ask(&bedrock, every(LEADING), Some(left_out), Vec::new());
        }
        for pattern in exact {
            models.name(
                model_id(pattern),
                ask(&bedrock, vec![pattern.to_owned()], None, Vec::new()),
            );
        }
        for profile in &profiles {
            let by = vec![("StringEquals", key, vec![profile.clone()])];
            models.name(
                model_id(profile),
                ask(&bedrock, every(&["foundation-model"]), None, by),
            );
        }
    }
    if !mantle.is_empty() {
        // Mantle names projects, so only its condition key can name models.
        let keys = statements
            .flat_map(|statement| &statement.conditions)
            .filter(|condition| condition.key == "bedrock-mantle:model");
        let values: BTreeSet<String> = keys
            .flat_map(|condition| &condition.values)
            .cloned()
            .collect();
        let model = |operator: &'static str, values: Vec<String>| {
            vec![(operator, "bedrock-mantle:model", values)]
        };
        models.any = models.any.or(|| {
            ask(
                &mantle,
                Vec::new(),
                None,
                model("StringEquals", vec![PROBE.to_owned()]),
            )
        });
        let exact: Vec<String> = values
            .iter()
            .filter(|value| !value.contains(['*', '?']))
            .cloned()
            .collect();
        models.family = models.family.or(|| {
            let mut conditions = model("Null", vec!["false".to_owned()]);
            if !exact.is_empty() {
                conditions.extend(model("StringNotEquals", exact.clone()));
            }
            ask(&mantle, Vec::new(), None, conditions)
        });
        for name in exact {
            let found = ask(
                &mantle,
                Vec::new(),
                None,
                model("StringEquals", vec![name.clone()]),
            );
            models.name(&name, found);
        }
    }
    models.named.sort();
    models.named.dedup();
    models
}

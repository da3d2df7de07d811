//! What a role or user may effectively do with Bedrock, after boundaries and control policies.

use super::documents::{managed, own};
use super::families::{DEPENDENCIES, FAMILIES, Families, Served};
use super::organization::{Fence, fences};
use crate::inventory::{Lookup, Row, World};
use crate::model::{GLOBAL, Gap, Observed, glob, merge};
use crate::policy::{
    Answer, Ask, Effect, Fact, Found, Policies, Principal, Request, Side, conditions_of, may,
    may_beyond, models_of,
};
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// How a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By whatever path the policies ask for.
    Any,
    /// By no endpoint, from an address that no policy lists.
    Elsewhere,
    /// By no endpoint, from whatever address the policies ask for: a list of addresses proves nothing about the path.
    OutsideEndpoint,
}

/// Actions that invoke a model.
pub(crate) const INVOKE: &[&str] = &[
    "bedrock:InvokeModel",
    "bedrock:InvokeModelWithResponseStream",
    "bedrock:CreateModelInvocationJob",
    "bedrock-mantle:CreateInference",
];
/// Prefixes of which holding everything is full access.
const PREFIXES: &[&str] = &["bedrock", "bedrock-mantle", "bedrock-agentcore"];

/// Which models a principal may invoke.
#[derive(Debug, Clone)]
pub(crate) struct Models {
    /// One that nobody named, with the request.
    pub any: Observed<Option<Json>>,
    /// One by a wildcard in its name, with the request.
    pub family: Observed<Option<Json>>,
    /// Those named.
    pub named: Observed<Vec<String>>,
}

/// What a principal may do.
#[derive(Debug)]
pub(crate) struct Access {
    /// API families that it may call.
    pub families: Families,
    /// All actions of a prefix on all resources: which prefix, and the request.
    pub full: Observed<Option<(&'static str, Json)>>,
    /// A request that invokes a model.
    pub invokes: Observed<Option<Json>>,
    /// Policies that let it invoke one, and the statements that do so under a condition alone.
    pub granted: Observed<(Vec<String>, Vec<String>)>,
    /// Inference profiles by which it may invoke, each with the Regions in which the call may run.
    pub profiles: Observed<BTreeMap<String, BTreeSet<String>>>,
    /// The same without any private path.
    pub anywhere: Observed<Option<Json>>,
    /// Which models it may invoke.
    pub models: Observed<Models>,
    /// A bearer key may stand for it: the prefixes, and a request that shows it.
    pub bearer: Observed<Option<(String, Json)>>,
    /// Action `*` on Resource `*`.
    pub administrator: Observed<bool>,
    /// Boundary and control policies that narrow it, for a person.
    pub limited_by: String,
    /// Everything that decides over its requests on its own side; sides that were not read whole are among its unknowns.
    pub grants: Rc<Policies>,
    /// What hides policies of its own or of its groups, which may allow more.
    pub identity_gaps: Vec<Gap>,
    /// The same, and what hides its boundary and the control policies over its account, which may take away.
    pub unseen: Vec<Gap>,
    /// Itself.
    pub principal: Principal,
}

pub(crate) fn access(world: &World, row: Row<'_>) -> Access {
    let account = row.account();
    let (mut identity, mut identity_gaps) = own(world, row);
    if row.table().name == "iam_user" {
        let groups = match row.list("groups") {
            Known(groups) => groups,
            Unknown(gaps) => {
                identity_gaps = merge(identity_gaps, gaps);
                Vec::new()
            }
        };
        for group in &groups {
            let (more, gaps) = match world.lookup("iam_group", account, GLOBAL, group) {
                Lookup::Found(group) => own(world, group),
                Lookup::Absent => (
                    Vec::new(),
                    vec![Gap::not_understood(
                        "iam_group",
                        format!("the group `{group}` is not in the list"),
                    )],
                ),
                Lookup::Unknown(gaps) => (Vec::new(), gaps),
            };
            identity.extend(more);
            identity_gaps = merge(identity_gaps, gaps);
        }
    }
    let boundary = row.text("permissions_boundary_arn").and_then(|arn| {
        if arn.is_empty() {
            Known(None)
        } else {
            managed(world, account, arn).map(Some)
        }
    });
    let linked = row
        .text("path")
        .known()
        .is_some_and(|path| path.starts_with("/aws-service-role/"));
    let control = if linked {
        Known(Vec::new())
    } else {
        fences(world, account, Fence::Principals)
    };
    let mut limited_by: Vec<String> = Vec::new();
    if let Known(Some(boundary)) = &boundary {
        limited_by.push(format!("boundary {}", boundary.name));
    }
    if let Known(levels) = &control {
        limited_by.extend(
            levels
                .iter()
                .flatten()
                .filter(|policy| policy.name != "FullAWSAccess")
                .map(|policy| format!("control policy {}", policy.name)),
        );
    }
    let organization = match world.lookup("organization", account, GLOBAL, account) {
        Lookup::Found(row) => row.text("id").map_or_fact(),
        Lookup::Absent => Fact::Absent,
        Lookup::Unknown(_) => Fact::Unknown,
    };
    let is_user = row.table().name == "iam_user";
    let principal = Principal {
        organization,
        tags: is_user.then(|| row.tags().known()).flatten(),
        ..Principal::parse(row.key())
    };
    let unread = [
        (Side::Identity, identity_gaps.as_slice()),
        (Side::Boundary, boundary.gaps()),
        (Side::Control(0), control.gaps()),
    ];
    let unknown: Vec<(Side, Vec<Gap>)> = unread
        .iter()
        .filter(|(_, gaps)| !gaps.is_empty())
        .map(|(side, gaps)| (*side, gaps.to_vec()))
        .collect();
    let unseen = unread
        .iter()
        .fold(Vec::new(), |all, (_, gaps)| merge(all, gaps.to_vec()));
    let grants = Rc::new(Policies {
        identity,
        boundary: boundary.known().flatten(),
        control: control.known().unwrap_or_default(),
        unknown,
        ..Policies::default()
    });
    let mut access = Access {
        families: Families::default(),
        full: Known(None),
        invokes: Known(None),
        granted: Known((Vec::new(), Vec::new())),
        profiles: Known(BTreeMap::new()),
        anywhere: Known(None),
        models: Known(Models {
            any: Known(None),
            family: Known(None),
            named: Known(Vec::new()),
        }),
        bearer: Known(None),
        administrator: Known(false),
        limited_by: limited_by.join(", "),
        grants: Rc::clone(&grants),
        identity_gaps,
        unseen,
        principal,
    };
    access.families = access.families(&grants);
    access.full = access.full(&grants);
    let invoking = access.invoking(&grants, false);
    access.granted = invoking.as_ref().map(|request| {
        request
            .as_ref()
            .map_or_else(Default::default, |request| granted(&grants, request))
    });
    access.profiles = match &invoking {
        Known(None) => Known(BTreeMap::new()),
        _ => access.profiles(world, &grants),
    };
    access.invokes = invoking.map(|request| request.map(|request| request.witness()));
    access.anywhere = access
        .invoking(&grants, true)
        .map(|request| request.map(|request| request.witness()));
    access.bearer = access.bearing(&grants);
    // Who invokes nothing invokes no model.
    if !matches!(access.invokes, Known(None)) {
        let models = models_of(&grants, &access.principal, INVOKE);
        let witness = |found: Found| {
            access
                .seen(found)
                .map(|found| found.map(|request| request.witness()))
        };
        // A policy that nobody read may name more.
        let named = match (access.identity_gaps.as_slice(), models.unclear.is_empty()) {
            ([], true) => Known(models.named),
            ([], false) => access
                .seen(Found::Unknown(models.unclear))
                .map(|_| Vec::new()),
            (gaps, _) => Unknown(gaps.to_vec()),
        };
        access.models = Known(Models {
            any: witness(models.any),
            family: witness(models.family),
            named,
        });
    }
    access.administrator = access
        .seen(access.ask(
            &grants,
            &["outcrop-probe:Anything"],
            &["arn:*:outcrop-probe:us-east-1:999999999999:x/y".to_owned()],
            Way::Any,
        ))
        .map(|found| found.is_some());
    access
}

/// Names of the policies that allow a request, and the statements that do so only under a condition.
fn granted(grants: &Policies, request: &Request) -> (Vec<String>, Vec<String>) {
    let Answer::Allowed(because) = grants.decide(request) else {
        return Default::default();
    };
    let by: BTreeSet<String> = because
        .into_iter()
        .map(|because| because.policy)
        .filter(|name| name != "FullAWSAccess")
        .collect();
    let conditions = conditions_of(grants, request).into_iter().map(|because| {
        format!(
            "{}, {}: {}",
            because.policy, because.statement, because.text
        )
    });
    (by.into_iter().collect(), conditions.collect())
}

trait OrganizationFact {
    fn map_or_fact(self) -> Fact;
}

impl OrganizationFact for Observed<&str> {
    fn map_or_fact(self) -> Fact {
        match self {
            Known("") => Fact::Absent,
            Known(id) => Fact::one(id),
            Unknown(_) => Fact::Unknown,
        }
    }
}

impl Access {
    /// Looks for a request that comes this way. On resources that are named it brings nothing but itself; on any, whatever
    /// the policies ask for.
    pub(super) fn ask(
        &self,
        grants: &Policies,
        actions: &[&str],
        resources: &[String],
        way: Way,
    ) -> Found {
        let mut context = BTreeMap::new();
        if way != Way::Any {
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
        }
        if way == Way::Elsewhere {
            // An address of documentation (RFC 5737) that no policy lists.
            context.insert("aws:sourceip".to_owned(), Fact::one("198.51.100.7"));
        }
        let choose = resources.is_empty();
        may(
            grants,
            &Ask {
                principal: &self.principal,
                actions,
                resources,
                resource_account: None,
                context,
                choose,
            },
        )
    }

    /// Turns what was found into a fact with its gaps.
    pub(crate) fn seen(&self, found: Found) -> Observed<Option<Box<Request>>> {
        match found {
            Found::Unknown(_) if !self.unseen.is_empty() => Unknown(self.unseen.clone()),
            found => found.observed("iam_role.policies"),
        }
    }

    fn families(&self, grants: &Policies) -> Families {
        let mut families = self.serving(grants, FAMILIES, false);
        if !self.identity_gaps.is_empty() {
            families.doubt_all(&self.identity_gaps);
        }
        families.settle();
        families
    }

    /// Services beside Bedrock of which its policies name an action that it may do; `*` alone names none.
    pub(crate) fn dependencies(&self) -> (BTreeSet<&'static str>, Vec<Gap>) {
        let found = self.serving(&self.grants, DEPENDENCIES, true);
        let gaps = found
            .open
            .into_values()
            .fold(self.identity_gaps.clone(), merge);
        (found.known, gaps)
    }

    /// A request by which it sends queries to the web through Bedrock or AgentCore.
    pub(crate) fn web_search(&self) -> Observed<Option<Json>> {
        // Searches and fetches stay within AWS, and AgentCore's search asks an index of Amazon; only this permission lets a query out
        // (Bedrock User Guide, "Web search").
        const SEARCHES: [&str; 1] = ["bedrock-websearch:ExternalWebAccess"];
        // Amazon Nova's web grounding is a tool of its own (Amazon Nova User Guide, "Web Grounding").
        let grounding = format!(
            "arn:{}:bedrock::{}:system-tool/amazon.nova_grounding",
            self.principal.arn.split(':').nth(1).unwrap_or("aws"),
            self.principal.account
        );
        let search = self.seen(self.ask(&self.grants, &SEARCHES, &[], Way::Any));
        if matches!(search, Known(Some(_))) {
            return search.map(|found| found.map(|request| request.witness()));
        }
        let tool = self.seen(self.ask(
            &self.grants,
            &["bedrock:InvokeTool"],
            &[grounding],
            Way::Any,
        ));
        if matches!(tool, Known(Some(_))) {
            return tool.map(|found| found.map(|request| request.witness()));
        }
        search.zip(tool).map(|_| None)
    }

    /// A request to Claude Platform on AWS, where Anthropic processes prompts outside AWS (Claude Platform on AWS User Guide).
    pub(crate) fn external_anthropic(&self) -> Observed<Option<Json>> {
        self.seen(self.ask(
            &self.grants,
            &["aws-external-anthropic:CreateInference"],
            &[],
            Way::Any,
        ))
        .map(|found| found.map(|request| request.witness()))
    }

    /// Do its policies let it call an action on a resource?
    pub(crate) fn may(&self, action: &str, resource: &str) -> Observed<bool> {
        self.seen(self.ask(&self.grants, &[action], &[resource.to_owned()], Way::Any))
            .map(|found| found.is_some())
    }

    /// A request for one of the actions on a resource that none of the patterns names, whoever of the accounts owns it: the ARN
    /// of a bucket does not tell.
    pub(crate) fn may_beyond(
        &self,
        actions: &[&str],
        own: &[String],
        owners: &[&str],
    ) -> Observed<Option<Json>> {
        let mut answer = Known(None);
        for owner in std::iter::once(None).chain(owners.iter().copied().map(Some)) {
            let ask = Ask {
                principal: &self.principal,
                actions,
                resources: &[],
                resource_account: owner,
                context: BTreeMap::new(),
                choose: true,
            };
            match self.seen(may_beyond(&self.grants, &ask, own)) {
                Known(Some(request)) => return Known(Some(request.witness())),
                Known(None) => {}
                Unknown(gaps) => answer = Unknown(gaps),
            }
        }
        answer
    }

    /// A request that invokes a model and names no guardrail (`bedrock:GuardrailIdentifier` is absent then).
    pub(crate) fn without_guardrail(&self) -> Observed<Option<Json>> {
        let ask = Ask {
            principal: &self.principal,
            actions: &[
                "bedrock:InvokeModel",
                "bedrock:InvokeModelWithResponseStream",
                "bedrock:InvokeModelWithBidirectionalStream",
                "bedrock:CreateModelInvocationJob",
            ],
            resources: &[],
            resource_account: None,
            context: BTreeMap::from([("bedrock:guardrailidentifier".to_owned(), Fact::Absent)]),
            choose: true,
        };
        self.seen(may(&self.grants, &ask))
            .map(|found| found.map(|request| request.witness()))
    }

    /// Do its policies let it call an action on some resource?
    pub(crate) fn may_any(&self, action: &str) -> Observed<bool> {
        self.seen(self.ask(&self.grants, &[action], &[], Way::Any))
            .map(|found| found.is_some())
    }

    /// What of a table its policies name and let it do.
    fn serving(&self, grants: &Policies, table: Served, by_prefix: bool) -> Families {
        let mut families = Families::default();
        for statement in grants
            .identity
            .iter()
            .flat_map(|document| &document.statements)
        {
            // What another service does in its name needs no way of its own.
            let by_service = statement
                .conditions
                .iter()
                .any(|condition| condition.key == "kms:viaservice");
            if statement.effect != Effect::Allow || statement.actions.negated || by_service {
                continue;
            }
            for pattern in &statement.actions.all {
                let lower = pattern.to_ascii_lowercase();
                let Some((prefix, named)) = lower.split_once(':') else {
                    continue;
                };
                let serves = |actions: &[&str]| {
                    actions
                        .iter()
                        .any(|action| glob(named, &action.to_ascii_lowercase()))
                };
                // A wildcard alone names no action: it makes a caller of the runtime, and of nothing else.
                let names = by_prefix || !named.trim_matches(['*', '?']).is_empty();
                let general = prefix == "bedrock"
                    && serves(&["InvokeModel", "InvokeModelWithResponseStream"]);
                for (family, _, actions) in table.iter().filter(|(family, own, actions)| {
                    *own == prefix
                        && serves(actions)
                        && (*family == "bedrock-runtime" || names && !general)
                }) {
                    if families.known.contains(family) {
                        continue;
                    }
                    // Whether the role asked for trusts it is another matter: the call to AWS STS is made.
                    if *family == "sts" {
                        families.known.insert(*family);
                        continue;
                    }
                    let tried: Vec<String> = actions
                        .iter()
                        .filter(|action| glob(named, &action.to_ascii_lowercase()))
                        .map(|action| format!("{prefix}:{action}"))
                        .collect();
                    let tried: Vec<&str> = tried.iter().map(String::as_str).collect();
                    match self.seen(self.ask(grants, &tried, &[], Way::Any)) {
                        Known(Some(_)) => {
                            families.known.insert(*family);
                        }
                        Known(None) => {}
                        Unknown(more) => families.doubt(family, &more),
                    }
                }
            }
        }
        families.settle();
        families
    }

    fn full(&self, grants: &Policies) -> Observed<Option<(&'static str, Json)>> {
        let mut answer = Known(None);
        for prefix in PREFIXES {
            let resource = format!(
                "arn:*:{prefix}:us-east-1:{}:outcrop-probe/x",
                self.principal.account
            );
            match self.seen(self.ask(
                grants,
                &[&format!("{prefix}:OutcropProbe")],
                &[resource],
                Way::Any,
            )) {
                Known(Some(request)) => return Known(Some((prefix, request.witness()))),
                Known(None) => {}
                Unknown(gaps) => answer = Unknown(gaps),
            }
        }
        answer
    }

    /// Do the policies let the principal call the family, and only by an endpoint?
    pub(crate) fn only_by_endpoint(&self, family: &str) -> Observed<bool> {
        let grants = &self.grants;
        let Some((_, prefix, actions)) = FAMILIES.iter().find(|(known, ..)| *known == family)
        else {
            return Known(false);
        };
        let actions: Vec<String> = actions
            .iter()
            .map(|action| format!("{prefix}:{action}"))
            .collect();
        let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
        let some = self
            .seen(self.ask(grants, &actions, &[], Way::Any))
            .map(|found| found.is_some());
        let outside = self
            .seen(self.ask(grants, &actions, &[], Way::OutsideEndpoint))
            .map(|found| found.is_some());
        some.and(!outside)
    }

    /// Keys are used under a prefix for each kind of endpoint, and one for Claude Platform on AWS.
    fn bearing(&self, grants: &Policies) -> Observed<Option<(String, Json)>> {
        let (mut on, mut witness, mut gaps) = (Vec::new(), Json::Null, Vec::new());
        for prefix in ["bedrock", "bedrock-mantle", "aws-external-anthropic"] {
            match self.seen(self.ask(
                grants,
                &[&format!("{prefix}:CallWithBearerToken")],
                &[],
                Way::Any,
            )) {
                Known(Some(request)) => {
                    on.push(prefix);
                    if witness.is_null() {
                        witness = request.witness();
                    }
                }
                Known(None) => {}
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
        match (on.is_empty(), gaps.is_empty()) {
            (false, _) => Known(Some((on.join(" and "), witness))),
            (true, true) => Known(None),
            (true, false) => Unknown(gaps),
        }
    }

    /// A request that invokes a model, by any path or by none that is private.
    fn invoking(&self, grants: &Policies, public: bool) -> Observed<Option<Box<Request>>> {
        self.seen(self.ask(
            grants,
            INVOKE,
            &[],
            if public { Way::Elsewhere } else { Way::Any },
        ))
    }
}

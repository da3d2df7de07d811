//! Subject: secrets and parameters that Bedrock callers may read: how they are kept, and who shares them.

use crate::access::documents::of_resource;
use crate::derive::Sink;
use crate::inventory::cols::{flag, int, list, text};
use crate::inventory::{Inputs, Role, Row, Span, Table};
use crate::model::{Gap, Observed, glob, merge};
use crate::policy::{Ask, Document, Fact, Policies, may};
use crate::subjects::encryption::keys;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns, workloads};
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

const LISTS: Inputs = Inputs::All(&[
    services::secret_stores::SECRET.list(),
    services::secret_stores::PARAMETER.list(),
]);
const READERS: Inputs = Inputs::All(&[
    LISTS,
    services::secret_stores::SECRET.group("policy"),
    workloads::INPUTS,
]);
const CHANGES: Inputs = Inputs::All(&[LISTS, services::secret_stores::SECRET.group("versions")]);
const KEYS: Inputs = Inputs::All(&[
    LISTS,
    services::kms::KEY.list(),
    services::kms::KEY.group("detail"),
    services::kms::ALIAS.list(),
]);

/// Secrets of callers.
pub const WORKLOAD_SECRET: Table = Table {
    name: "workload_secret",
    doc: "A secret of Secrets Manager, or a parameter of Parameter Store, that a Bedrock caller may read by the policies of its role and of the secret.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("kind", "`secret` or `parameter`.").from(LISTS),
        text(
            "parameter_type",
            "`String`, `StringList` or `SecureString`."
        )
        .absent("'' (it is a secret)")
        .from(LISTS),
        list("readers", "Bedrock callers whose role may read it.").from(READERS),
        flag("is_read", "Is there such a caller?").from(READERS),
        flag("is_shared", "May several callers read it?").from(READERS),
        flag(
            "is_accepted_shared",
            "Does the configuration accept that it is shared?"
        )
        .from(LISTS),
        text("kms_key_id", "Its key.").absent("''").from(KEYS),
        flag("has_customer_key", "Is it encrypted with a customer key?").from(KEYS),
        text("key_reason", "Whose key it is.").from(KEYS),
        text("owning_service", "AWS service that manages it.")
            .absent("''")
            .from(LISTS),
        flag(
            "name_tells_secret",
            "Does the name of a parameter promise a secret, such as `db_password`?"
        )
        .from(LISTS),
        text("rotation", "Is it rotated automatically: `on` or `off`?").from(LISTS),
        flag("rotation_fails", "Should it have been rotated already?").from(LISTS),
        int("rotation_days", "Days between two rotations.")
            .absent("0")
            .from(LISTS),
        int("days_since_change", "Days since its value changed.").from(CHANGES),
    ],
    reads: &[],
    lists: READERS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &WORKLOAD_SECRET,
    derive,
    rests_on_published_data: true,
};

/// What reads a secret or a parameter. An ECS task's variables are filled by `ssm:GetParameters` (Amazon ECS Developer Guide,
/// "Amazon ECS task execution IAM role").
const READS: [(&str, &[&str]); 2] = [
    (
        "secretsmanager_secret",
        &[
            "secretsmanager:GetSecretValue",
            "secretsmanager:BatchGetSecretValue",
        ],
    ),
    (
        "ssm_parameter",
        &[
            "ssm:GetParameter",
            "ssm:GetParameters",
            "ssm:GetParametersByPath",
        ],
    ),
];

/// A caller and its roles: of an ECS task the one that fills its variables too.
#[derive(Clone)]
struct Caller {
    /// Tells two callers apart that are called alike; the versions of a function are one.
    id: String,
    name: String,
    roles: BTreeSet<String>,
    is_caller: Observed<bool>,
}

/// The callers of an account, and what may hide more of them.
type Callers = (Vec<Caller>, Vec<Gap>);

fn callers(facts: &Facts<'_>, account: &str) -> Callers {
    let all = facts.workloads.all();
    let (mut found, mut gaps) = (Vec::new(), Vec::new());
    for region in &facts.world.run.regions {
        gaps = merge(gaps, all.unlisted(account, region));
        for workload in all.possible(account, region) {
            let mut roles = BTreeSet::new();
            for part in [&workload.roles, &workload.execution_roles] {
                match part {
                    Known(some) => {
                        roles.extend(some.iter().filter(|role| !role.is_empty()).cloned());
                    }
                    Unknown(more) => gaps = merge(gaps, more.clone()),
                }
            }
            let id: Vec<&str> = workload.arn.split(':').collect();
            found.push(Caller {
                id: match workload.kind {
                    "lambda" => id[..id.len().min(7)].join(":"),
                    _ => workload.arn.clone(),
                },
                name: workload.name.clone(),
                roles,
                is_caller: workload.is_caller(),
            });
        }
    }
    (found, gaps)
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let of_account: BTreeMap<&str, Callers> = facts
        .world
        .accounts()
        .map(|account| (account, callers(facts, account)))
        .collect();
    let accepted = facts.settings.list("allowed_shared_secrets");
    for (account, region) in facts.settings.scopes(&WORKLOAD_SECRET) {
        if of_account
            .values()
            .all(|(callers, open)| callers.is_empty() && open.is_empty())
        {
            continue;
        }
        for (table, actions) in READS {
            // Roles that may read none at all.
            let mut able = BTreeMap::new();
            let found = facts.world.all(table, &account, &region);
            sink.hide(&account, &region, found.gaps);
            for item in found.rows {
                let arn = match item.text("arn") {
                    Known(arn) => arn,
                    Unknown(gaps) => {
                        sink.hide(&account, &region, gaps);
                        continue;
                    }
                };
                let policy = if table == "secretsmanager_secret" {
                    resource_policy(arn, item)
                } else {
                    Known(None)
                };
                // Callers of other accounts come by the secret's own policy alone.
                let lends = !matches!(policy, Known(None));
                let (mut near, mut open) = (Vec::new(), Vec::new());
                for (of, (callers, gaps)) in &of_account {
                    if *of == account || lends {
                        near.extend(callers.iter().cloned());
                        // Whoever uses what a file makes stands in the same file.
                        if !facts.world.is_new(arn) {
                            open = merge(open, gaps.clone());
                        }
                    }
                }
                open = merge(open, facts.world.companions(arn));
                // A caller that was not seen may read it.
                sink.hide(&account, &region, open.clone());
                let asked = Asked {
                    arn,
                    owner: &account,
                    actions,
                    policy,
                    tags: if table == "secretsmanager_secret" {
                        item.tags()
                    } else {
                        Observed::gap(Gap::not_understood(
                            "ssm_parameter.tags",
                            "which tags a parameter carries is not read",
                        ))
                    },
                };
                let read = readers(facts, &near, &asked, &mut able);
                if read.is_read().is_false() {
                    continue;
                }
                push(facts, sink, item, arn, &read, &open, &accepted);
            }
        }
    }
}

/// The policy of a secret; none where it has none.
fn resource_policy(arn: &str, item: Row<'_>) -> Observed<Option<Rc<Document>>> {
    item.json("policy").and_then(|policy| {
        if policy.as_object().is_some_and(serde_json::Map::is_empty) {
            Known(None)
        } else {
            of_resource(arn, &policy).map(Some)
        }
    })
}

/// A secret, and what is asked about it.
struct Asked<'a> {
    arn: &'a str,
    owner: &'a str,
    actions: &'a [&'a str],
    policy: Observed<Option<Rc<Document>>>,
    tags: Observed<BTreeMap<String, String>>,
}

/// The tags of a secret that policies ask for, as far as they are known.
fn tags_asked_for(
    policies: &Policies,
    tags: &Observed<BTreeMap<String, String>>,
) -> BTreeMap<String, Fact> {
    let levels = policies.control.iter().chain(&policies.resource_control);
    let documents = policies
        .identity
        .iter()
        .chain(&policies.boundary)
        .chain(&policies.resource)
        .chain(levels.flatten());
    let mut found = BTreeMap::new();
    for condition in documents
        .flat_map(|document| &document.statements)
        .flat_map(|statement| &statement.conditions)
    {
        let tag = [
            "aws:resourcetag/",
            "secretsmanager:resourcetag/",
            "ssm:resourcetag/",
        ]
        .iter()
        .find_map(|prefix| condition.key.strip_prefix(prefix));
        if let Some(tag) = tag {
            let fact = match tags {
                Known(tags) => tags
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(tag))
                    .map_or(Fact::Absent, |(_, value)| Fact::one(value.as_str())),
                Unknown(_) => Fact::Unknown,
            };
            found.insert(condition.key.clone(), fact);
        }
    }
    found
}

/// May a role read one at all, whichever? Without a policy of its own a secret lets in nobody else.
fn may_read_any(facts: &Facts<'_>, role: &str, actions: &[&str]) -> Observed<bool> {
    facts
        .principals
        .role(role)
        .and_then(|access| Observed::any(actions.iter().map(|action| access.may_any(action))))
}

/// May a role read it by some request?
fn may_read(facts: &Facts<'_>, role: &str, asked: &Asked<'_>) -> Observed<bool> {
    let access = match facts.principals.role(role) {
        Known(access) => access,
        Unknown(gaps) => return Unknown(gaps),
    };
    // The name that a file gives has six more characters once the secret is made (Secrets Manager User Guide, "What's in a
    // Secrets Manager secret?").
    let mut resources = vec![asked.arn.to_owned()];
    if facts.world.is_new(asked.arn) {
        resources.push(format!("{}-AbCdEf", asked.arn));
    }
    let ask = |resource: Option<Rc<Document>>| {
        let policies = Policies {
            resource,
            ..(*access.grants).clone()
        };
        let context = tags_asked_for(&policies, &asked.tags);
        let unseen = match &asked.tags {
            Unknown(gaps) if !context.is_empty() => gaps.as_slice(),
            _ => &[],
        };
        let ask = Ask {
            principal: &access.principal,
            actions: asked.actions,
            resources: &resources,
            resource_account: Some(asked.owner),
            context,
            choose: true,
        };
        match access.seen(may(&policies, &ask)) {
            Known(found) => Known(found.is_some()),
            Unknown(_) if access.unseen.is_empty() && !unseen.is_empty() => {
                Unknown(unseen.to_vec())
            }
            Unknown(gaps) => Unknown(gaps),
        }
    };
    match &asked.policy {
        Known(policy) => ask(policy.clone()),
        // An unread policy may let in, or deny.
        Unknown(gaps) => Unknown(gaps.clone()),
    }
}

/// Who may read a secret.
#[derive(Default)]
struct Readers {
    /// Names by what tells callers apart.
    known: BTreeMap<String, String>,
    gaps: Vec<Gap>,
}

impl Readers {
    fn is_read(&self) -> Observed<bool> {
        match (self.known.is_empty(), self.gaps.is_empty()) {
            (false, _) => Known(true),
            (true, true) => Known(false),
            (true, false) => Unknown(self.gaps.clone()),
        }
    }

    fn is_shared(&self, open: &[Gap]) -> Observed<bool> {
        if self.known.len() > 1 {
            return Known(true);
        }
        let gaps = merge(self.gaps.clone(), open.to_vec());
        if gaps.is_empty() {
            Known(false)
        } else {
            Unknown(gaps)
        }
    }
}

/// `able` remembers which roles may read one at all.
fn readers(
    facts: &Facts<'_>,
    callers: &[Caller],
    asked: &Asked<'_>,
    able: &mut BTreeMap<String, Observed<bool>>,
) -> Readers {
    let mut read = Readers::default();
    let mut perhaps: BTreeMap<String, Vec<Gap>> = BTreeMap::new();
    for caller in callers {
        let may = Observed::any(caller.roles.iter().map(|role| {
            let may_any = able
                .entry(role.clone())
                .or_insert_with(|| may_read_any(facts, role, asked.actions));
            if may_any.is_false() && matches!(asked.policy, Known(None)) {
                Known(false)
            } else {
                may_read(facts, role, asked)
            }
        }));
        match may.and(caller.is_caller.clone()) {
            Known(true) => {
                read.known.insert(caller.id.clone(), caller.name.clone());
            }
            Known(false) => {}
            Unknown(gaps) => {
                let known = perhaps.entry(caller.id.clone()).or_default();
                *known = merge(std::mem::take(known), gaps);
            }
        }
    }
    // Of a caller that is certain another version may be in doubt.
    perhaps.retain(|id, _| !read.known.contains_key(id));
    read.gaps = perhaps.into_values().fold(Vec::new(), merge);
    read
}

fn push(
    facts: &Facts<'_>,
    sink: &mut Sink<'_>,
    item: Row<'_>,
    arn: &str,
    read: &Readers,
    open: &[Gap],
    accepted: &[String],
) {
    let (account, region) = (item.account(), item.region());
    let is_secret = item.table().name == "secretsmanager_secret";
    let key = item.text("kms_key_id").map(|key| match (is_secret, key) {
        // Secrets Manager Developer Guide, "Secret encryption and decryption in AWS Secrets Manager".
        (true, "") => "alias/aws/secretsmanager".to_owned(),
        (_, key) => key.to_owned(),
    });
    let is_plain = !is_secret && matches!(item.text("type"), Known("String" | "StringList"));
    let class = if is_plain {
        Known((false, "no key: it is not encrypted"))
    } else {
        key.clone()
            .and_then(|key| keys::customer_key(facts, account, region, &key))
    };
    let kind = if is_secret {
        "AWS::SecretsManager::Secret"
    } else {
        "AWS::SSM::Parameter"
    };
    let name = item.text("name").map(str::to_owned);
    let tags = if is_secret {
        item.tags()
    } else {
        Known(BTreeMap::new())
    };
    let mut row = sink.row(account, region, arn, kind);
    let judged: Option<jiff::Timestamp> = facts.world.run.judged_at().parse().ok();
    let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
    row.set("name", name.clone())
        .tagged(facts.settings, account, tags);
    row.put("kind", if is_secret { "secret" } else { "parameter" })
        .set(
            "parameter_type",
            if is_secret {
                Known(String::new())
            } else {
                item.text("type").map(str::to_owned)
            },
        )
        .put("readers", read.known.values().cloned().collect::<Vec<_>>())
        .set("is_read", read.is_read())
        .set("is_shared", read.is_shared(open))
        .put(
            "is_accepted_shared",
            accepted.iter().any(|pattern| {
                glob(pattern, arn) || matches!(&name, Known(name) if glob(pattern, name))
            }),
        )
        .set("kms_key_id", key)
        .set("has_customer_key", class.clone().map(|(own, _)| own))
        .set("key_reason", class.map(|(_, why)| why))
        .set(
            "name_tells_secret",
            if is_secret {
                Known(false)
            } else {
                item.flag("name_tells_secret")
            },
        )
        .set(
            "owning_service",
            if is_secret {
                item.text("owning_service").map(str::to_owned)
            } else {
                Known(String::new())
            },
        )
        .set(
            "rotation",
            if is_secret {
                item.text("rotation").map(str::to_owned)
            } else {
                // Parameter Store rotates nothing.
                Known("off".to_owned())
            },
        )
        .set(
            "rotation_days",
            if is_secret {
                item.int("rotation_days")
            } else {
                Known(0)
            },
        )
        .set(
            "rotation_fails",
            if is_secret {
                item.text("next_rotation_at")
                    .map(|next| time(next).is_some_and(|next| Some(next) < judged))
            } else {
                Known(false)
            },
        )
        .set(
            "days_since_change",
            item.text("last_changed_at")
                .and_then(|changed| match (time(changed), judged) {
                    (Some(changed), Some(judged)) => {
                        Known((judged.as_second() - changed.as_second()).max(0) / 86_400)
                    }
                    _ => Observed::gap(Gap::not_understood(
                        "workload_secret.days_since_change",
                        "when it was last changed is not told",
                    )),
                }),
        );
    sink.push(row);
}

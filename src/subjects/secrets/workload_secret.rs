//! Subject: secrets and parameters that Bedrock callers may read: how they are kept, and who shares them.

use crate::derive::Sink;
use crate::inventory::cols::{flag, int, list, text};
use crate::inventory::{Inputs, Role, Row, Span, Table};
use crate::model::{Arn, Gap, Observed, glob, merge};
use crate::subjects::encryption::keys;
use crate::subjects::{Facts, Subject};
use crate::{secrets, services, subject_columns, workloads};
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

const LISTS: Inputs = Inputs::All(&[
    services::secret_stores::SECRET.list(),
    services::secret_stores::PARAMETER.list(),
]);
const READERS: Inputs = Inputs::All(&[LISTS, workloads::INPUTS]);
const KEYS: Inputs = Inputs::All(&[
    LISTS,
    services::kms::KEY.list(),
    services::kms::KEY.group("detail"),
    services::kms::ALIAS.list(),
]);

/// Secrets of callers.
pub const WORKLOAD_SECRET: Table = Table {
    name: "workload_secret",
    doc: "A secret of Secrets Manager, or a parameter of Parameter Store, that a Bedrock caller of the account may read by the policies of its role.",
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
            "Does its name promise a secret, such as `db_password`?"
        )
        .from(LISTS),
        text("rotation", "Is it rotated automatically: `on` or `off`?").from(LISTS),
        flag("rotation_fails", "Should it have been rotated already?").from(LISTS),
        int(
            "days_since_change",
            "Days since its value or settings changed."
        )
        .from(LISTS),
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

/// What reads a secret or a parameter.
const READS: [(&str, &str); 2] = [
    ("secretsmanager_secret", "secretsmanager:GetSecretValue"),
    ("ssm_parameter", "ssm:GetParameter"),
];

/// A caller and its roles: of an ECS task the one that fills its variables too.
struct Caller {
    name: String,
    roles: BTreeSet<String>,
    is_caller: Observed<bool>,
}

fn callers(facts: &Facts<'_>, account: &str) -> (Vec<Caller>, Vec<Gap>) {
    let all = facts.workloads.all();
    let (mut found, mut gaps) = (Vec::new(), Vec::new());
    for region in &facts.world.run.regions {
        gaps = merge(gaps, all.unlisted(account, region));
        for workload in all.possible(account, region) {
            let mut roles = BTreeSet::new();
            for part in [&workload.roles, &workload.execution_roles] {
                match part {
                    Known(some) => {
                        roles.extend(some.iter().filter(|role| !role.is_empty()).cloned())
                    }
                    Unknown(more) => gaps = merge(gaps, more.clone()),
                }
            }
            found.push(Caller {
                name: workload.name.clone(),
                roles,
                is_caller: workload.is_caller(),
            });
        }
    }
    (found, gaps)
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let mut of_account: BTreeMap<String, (Vec<Caller>, Vec<Gap>)> = BTreeMap::new();
    let accepted = facts.settings.list("allowed_shared_secrets");
    for (account, region) in facts.settings.scopes(&WORKLOAD_SECRET) {
        let (callers, open) = of_account
            .entry(account.clone())
            .or_insert_with(|| callers(facts, &account));
        if callers.is_empty() && open.is_empty() {
            continue;
        }
        for (table, action) in READS {
            let found = facts.world.all(table, &account, &region);
            sink.hide(&account, &region, found.gaps);
            // A caller that was not seen may read any secret of the account.
            if !found.rows.is_empty() {
                sink.hide(&account, &region, open.clone());
            }
            for item in found.rows {
                let arn = match item.text("arn") {
                    Known(arn) => arn,
                    Unknown(gaps) => {
                        sink.hide(&account, &region, gaps);
                        continue;
                    }
                };
                let read = readers(facts, callers, action, arn);
                if read.is_read().is_false() {
                    continue;
                }
                push(facts, sink, item, arn, &read, open, &accepted);
            }
        }
    }
}

/// Who may read a secret.
#[derive(Default)]
struct Readers {
    known: BTreeSet<String>,
    perhaps: BTreeSet<String>,
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

fn readers(facts: &Facts<'_>, callers: &[Caller], action: &str, arn: &str) -> Readers {
    let mut read = Readers::default();
    for caller in callers {
        let may = Observed::any(caller.roles.iter().map(|role| {
            facts
                .principals
                .role(role)
                .and_then(|access| access.may(action, arn))
        }));
        match may.and(caller.is_caller.clone()) {
            Known(true) => {
                read.known.insert(caller.name.clone());
            }
            Known(false) => {}
            Unknown(gaps) => {
                read.perhaps.insert(caller.name.clone());
                read.gaps = merge(std::mem::take(&mut read.gaps), gaps);
            }
        }
    }
    // Of a caller that is certain another version may be in doubt.
    read.perhaps.retain(|name| !read.known.contains(name));
    if read.perhaps.is_empty() {
        read.gaps.clear();
    }
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
    let class = key
        .clone()
        .and_then(|key| keys::customer_key(facts, account, region, &key));
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
        .put("readers", read.known.iter().cloned().collect::<Vec<_>>())
        .set("is_read", read.is_read())
        .set("is_shared", read.is_shared(open))
        .put(
            "is_accepted_shared",
            accepted.iter().any(|pattern| {
                glob(pattern, arn) || Arn::parse(arn).is_some_and(|arn| glob(pattern, arn.name()))
            }),
        )
        .set("kms_key_id", key)
        .set("has_customer_key", class.clone().map(|(own, _)| own))
        .set("key_reason", class.map(|(_, why)| why))
        .set(
            "name_tells_secret",
            name.map(|name| secrets::is_telling(&name)),
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
                        "last_changed_at",
                        "when it was last changed is not told",
                    )),
                }),
        );
    sink.push(row);
}

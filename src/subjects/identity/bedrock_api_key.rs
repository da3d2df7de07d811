//! Subject: long-term Bedrock API keys.

use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, int, text, time};
use crate::inventory::{Role, Span, Table};
use crate::model::{GLOBAL, Gap, Observed};
use crate::services;
use crate::subject_columns;
use crate::subjects::identity::principal;
use crate::subjects::{Facts, Subject};
use Observed::{Known, Unknown};
use std::collections::BTreeMap;

const CREDENTIALS: Inputs = Inputs::All(&[services::iam::SERVICE_SPECIFIC_CREDENTIAL.list()]);

/// Long-term keys.
pub const BEDROCK_API_KEY: Table = Table {
    name: "bedrock_api_key",
    doc: "A long-term Bedrock API key: an IAM user with a credential for Bedrock. Short-term keys cannot be listed.",
    key: "resource",
    span: Span::Global,
    role: Role::Subject,
    columns: subject_columns![
        text(
            "user_name",
            "IAM user that owns it, with all of whose permissions it calls."
        )
        .from(CREDENTIALS),
        text("status", "`Active`, `Inactive` or `Expired`.").from(CREDENTIALS),
        time("created_at", "When it was made.").from(CREDENTIALS),
        time("expires_at", "When it ends.")
            .absent("'' (never)")
            .from(CREDENTIALS),
        flag("never_expires", "Is there no end?").from(CREDENTIALS),
        int(
            "lifetime_days",
            "Whole days from its making to its end, rounded up."
        )
        .absent("0 (no end)")
        .from(CREDENTIALS),
        flag(
            "owner_is_administrator",
            "Does the user hold every action on every resource?"
        )
        .from(principal::EFFECTIVE),
    ],
    reads: &[],
    lists: CREDENTIALS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &BEDROCK_API_KEY,
    derive,
    rests_on_published_data: true,
};

/// Days between two times, rounded up.
fn days(from: &str, to: &str) -> Observed<i64> {
    let parse = |text: &str| match text.parse::<jiff::Timestamp>() {
        Ok(time) => Known(time.as_second()),
        Err(error) => Observed::gap(Gap::not_understood(
            "iam_service_specific_credential",
            format!("`{text}` is no time: {error}"),
        )),
    };
    parse(from).zip(parse(to)).map(|(from, to)| {
        (to - from).max(0).div_euclid(86_400) + i64::from((to - from).max(0) % 86_400 > 0)
    })
}

pub(crate) fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, _) in facts.settings.scopes(&BEDROCK_API_KEY) {
        let credentials = facts
            .world
            .all("iam_service_specific_credential", &account, GLOBAL);
        sink.hide(&account, GLOBAL, credentials.gaps);
        for credential in credentials.rows {
            let (service, user) = match credential
                .text("service_name")
                .zip(credential.text("user_name"))
            {
                Known(known) => known,
                Unknown(gaps) => {
                    sink.hide(&account, GLOBAL, gaps);
                    continue;
                }
            };
            if service != "bedrock.amazonaws.com" {
                continue;
            }
            // The list names users without their paths.
            let owners = facts
                .world
                .children("iam_user", &account, GLOBAL, "name", user);
            let owner = match owners.rows.first() {
                Some(row) => Known(*row),
                None if owners.gaps.is_empty() => Observed::gap(Gap::not_understood(
                    "iam_user",
                    format!("the user `{user}` is not in the list"),
                )),
                None => Unknown(owners.gaps),
            };
            let expires = credential.text("expiration_date");
            let lifetime = credential
                .text("create_date")
                .zip(expires.clone())
                .and_then(|(from, to)| {
                    if to.is_empty() {
                        Known(0)
                    } else {
                        days(from, to)
                    }
                });
            let arn = format!(
                "arn:{}:iam::{account}:user/{user}",
                facts.world.run.partition
            );
            let mut row = sink.row(&account, GLOBAL, arn, "AWS::IAM::User");
            row.put("part", credential.key()).put("name", user).tagged(
                facts.settings,
                &account,
                Known(BTreeMap::new()),
            );
            row.put("user_name", user)
                .set("status", credential.text("status"))
                .set("created_at", credential.text("create_date"))
                .set("never_expires", expires.clone().map(str::is_empty))
                .set("expires_at", expires)
                .set("lifetime_days", lifetime)
                .set(
                    "owner_is_administrator",
                    owner.and_then(|row| facts.principals.of(row).administrator.clone()),
                );
            sink.push(row);
        }
    }
}

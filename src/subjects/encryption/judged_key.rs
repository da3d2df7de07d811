//! What is found out about a key, and what can be said of one that nobody here may look at.

use crate::access::trusted::trusted;
use crate::derive::DerivedRow;
use crate::model::{Gap, Observed};
use crate::subjects::Facts;
use Observed::{Known, Unknown};
use serde_json::Value as Json;

/// What is found out about a key.
pub(super) struct Judged {
    pub(super) origin: Observed<String>,
    pub(super) control: Observed<(bool, String)>,
    pub(super) administrators: Observed<Vec<String>>,
    pub(super) open: Observed<Option<Json>>,
    pub(super) decryptors: Observed<Vec<String>>,
    pub(super) unexpected: Observed<Vec<String>>,
    pub(super) too_wide: Observed<Option<Json>>,
    pub(super) placeholders: Observed<Vec<String>>,
}

impl Judged {
    /// A key over which no policy of a customer rules.
    pub(super) fn not_ours(why: &str) -> Self {
        Self {
            origin: Known(String::new()),
            control: Known((false, why.to_owned())),
            administrators: Known(Vec::new()),
            open: Known(None),
            decryptors: Known(Vec::new()),
            unexpected: Known(Vec::new()),
            too_wide: Known(None),
            placeholders: Known(Vec::new()),
        }
    }

    /// A key that is not there: nothing of it can be seen.
    pub(super) fn missing(reference: &str) -> Self {
        let gaps = || {
            vec![Gap::not_understood(
                "kms_key",
                format!("the key {reference} does not exist"),
            )]
        };
        Self {
            origin: Unknown(gaps()),
            control: Unknown(gaps()),
            administrators: Unknown(gaps()),
            open: Unknown(gaps()),
            decryptors: Unknown(gaps()),
            unexpected: Unknown(gaps()),
            too_wide: Unknown(gaps()),
            placeholders: Unknown(gaps()),
        }
    }

    pub(super) fn write(self, row: &mut DerivedRow) {
        let witness =
            |found: &Observed<Option<Json>>| found.clone().known().flatten().unwrap_or(Json::Null);
        row.set("origin", self.origin)
            .set(
                "under_control",
                self.control.clone().map(|(control, _)| control),
            )
            .set("control_reason", self.control.map(|(_, why)| why))
            .set("administrators", self.administrators)
            .put("open_witness", witness(&self.open))
            .set("open_to_anyone", self.open.map(|found| found.is_some()))
            .set("decryptors", self.decryptors)
            .set("unexpected_decryptors", self.unexpected)
            .put("decrypt_witness", witness(&self.too_wide))
            .set("too_wide", self.too_wide.map(|found| found.is_some()))
            .set(
                "has_placeholders",
                self.placeholders.clone().map(|all| !all.is_empty()),
            )
            .set("placeholders", self.placeholders);
    }
}

/// A key of an account that the run does not hold.
pub(super) fn foreign(facts: &Facts<'_>, account: &str, owner: &str) -> Judged {
    let gaps = || {
        vec![Gap {
            reason: crate::model::Reason::NotScanned,
            ..Gap::not_understood("kms_key", format!("the account {owner} is not in this run"))
        }]
    };
    let is_ours = trusted(facts.world, account)(owner);
    let control = match is_ours {
        Known(false) => Known((
            false,
            format!("the key belongs to account {owner}, which is not of the own organisation"),
        )),
        Known(true)
            if facts
                .settings
                .list("vendor_accounts")
                .iter()
                .any(|vendor| vendor == owner) =>
        {
            Known((
                false,
                format!("the key belongs to account {owner}, a declared vendor"),
            ))
        }
        Known(true) => Unknown(gaps()),
        Unknown(more) => Unknown(more),
    };
    Judged {
        origin: Unknown(gaps()),
        control,
        administrators: Unknown(gaps()),
        open: Unknown(gaps()),
        decryptors: Unknown(gaps()),
        unexpected: Unknown(gaps()),
        too_wide: Unknown(gaps()),
        placeholders: Unknown(gaps()),
    }
}

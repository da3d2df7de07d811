//! By which inference profiles a principal may invoke.

use super::principal::{Access, INVOKE, Way};
use crate::inventory::World;
use crate::model::{Arn, Observed, merge};
use crate::policy::{Ask, Fact, Found, Policies, may};
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

impl Access {
    /// A call by a profile needs the profile, and its model in every Region that it leads to (Bedrock User Guide,
    /// "Prerequisites for inference profiles").
    pub(super) fn profiles(
        &self,
        world: &World,
        grants: &Policies,
    ) -> Observed<BTreeMap<String, BTreeSet<String>>> {
        let account = self.principal.account.as_str();
        let partition = world.run.partition.as_str();
        let any = ["inference-profile", "application-inference-profile"]
            .map(|kind| format!("arn:{partition}:bedrock:*:{account}:{kind}/*"));
        if self.ask(grants, INVOKE, &any, Way::Any) == Found::No {
            return Known(BTreeMap::new());
        }
        let (mut found, mut gaps) = (BTreeMap::new(), Vec::new());
        for region in &world.run.regions {
            let profiles = world.all("bedrock_inference_profile", account, region);
            gaps = merge(gaps, profiles.gaps);
            for profile in profiles.rows {
                let models = match profile.list("model_arns") {
                    Known(models) => models,
                    Unknown(more) => {
                        gaps = merge(gaps, more);
                        continue;
                    }
                };
                let by = BTreeMap::from([(
                    "bedrock:inferenceprofilearn".to_owned(),
                    Fact::one(profile.key()),
                )]);
                let may = |action: &str, resource: &str, context: BTreeMap<String, Fact>| {
                    let resources = [resource.to_owned()];
                    let ask = Ask {
                        principal: &self.principal,
                        actions: &[action],
                        resources: &resources,
                        resource_account: None,
                        context,
                        choose: true,
                    };
                    self.seen(may(grants, &ask)).map(|found| found.is_some())
                };
                // One action is enough, and it needs everything by itself.
                let by_action = |action: &&str| {
                    let own = may(action, profile.key(), BTreeMap::new());
                    models.iter().fold(own, |all, model| {
                        if all.is_false() {
                            all
                        } else {
                            all.and(may(action, model, by.clone()))
                        }
                    })
                };
                match Observed::any(INVOKE.iter().map(by_action)) {
                    Known(true) => {
                        let regions =
                            models
                                .iter()
                                .filter_map(|model| Arn::parse(model))
                                .map(|arn| {
                                    if arn.region.is_empty() {
                                        "any"
                                    } else {
                                        arn.region
                                    }
                                });
                        found.insert(
                            profile.key().to_owned(),
                            regions.map(str::to_owned).collect(),
                        );
                    }
                    Known(false) => {}
                    Unknown(more) => gaps = merge(gaps, more),
                }
            }
        }
        if gaps.is_empty() {
            Known(found)
        } else {
            Unknown(gaps)
        }
    }
}

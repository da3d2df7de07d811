//! Subject: pipelines that deploy.

use super::corpus_bucket::is_workload_account;
use crate::derive::Sink;
use crate::inventory::cols::{flag, text};
use crate::inventory::{Inputs, Lookup, Role, Row, Span, Table};
use crate::model::AccountKind;
use crate::model::Observed;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns, workloads};
use Observed::Known;
use std::collections::BTreeMap;

pub(super) const PIPELINES: Inputs = Inputs::All(&[
    services::code::PIPELINE.list(),
    services::code::PIPELINE.group("detail"),
    services::code::PROJECT.list(),
]);

/// Pipelines.
pub const DEPLOY_PIPELINE: Table = Table {
    name: "deploy_pipeline",
    doc: "A CodePipeline pipeline and the account it runs in.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        flag("deploys", "Has it an action of the category `Deploy`, or a build that runs a tool such as `terraform apply`?")
            .from(PIPELINES),
        text("role_arn", "Role.").from(PIPELINES),
        flag(
            "in_workload_account",
            "Does its account run Bedrock callers, or is it configured as a workload account?"
        )
        .from(workloads::INPUTS),
        text("account_kind", "Kind of the account in the configuration.")
            .absent("'unknown'")
            .from(Inputs::NONE),
    ],
    reads: &[],
    lists: PIPELINES,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &DEPLOY_PIPELINE,
    derive: derive_pipelines,
    rests_on_published_data: false,
};

pub(crate) fn derive_pipelines(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    for (account, region) in facts.settings.scopes(&DEPLOY_PIPELINE) {
        let pipelines = facts.world.all("codepipeline_pipeline", &account, &region);
        sink.hide(&account, &region, pipelines.gaps);
        for pipeline in pipelines.rows {
            let arn = pipeline
                .text("arn")
                .known()
                .filter(|arn| !arn.is_empty())
                .map_or_else(
                    || {
                        format!(
                            "arn:{}:codepipeline:{region}:{account}:{}",
                            facts.world.run.partition,
                            pipeline.key()
                        )
                    },
                    str::to_owned,
                );
            let kind =
                facts
                    .world
                    .run
                    .account(&account)
                    .map_or("unknown", |info| match info.kind {
                        AccountKind::Workload => "workload",
                        AccountKind::Data => "data",
                        AccountKind::Platform => "platform",
                        AccountKind::Unknown => "unknown",
                    });
            let mut row = sink.row(&account, &region, arn, "AWS::CodePipeline::Pipeline");
            row.put("name", pipeline.key()).tagged(
                facts.settings,
                &account,
                Known(BTreeMap::new()),
            );
            row.set("deploys", deploys(facts, pipeline))
                .set("role_arn", pipeline.text("role_arn"))
                .put("account_kind", kind)
                .set("in_workload_account", is_workload_account(facts, &account));
            sink.push(row);
        }
    }
}

/// By an action of its own, or by a build that applies.
fn deploys(facts: &Facts<'_>, pipeline: Row<'_>) -> Observed<bool> {
    let builds = pipeline.list("build_projects").and_then(|projects| {
        Observed::any(projects.iter().map(|project| {
            match facts.world.lookup(
                "codebuild_project",
                pipeline.account(),
                pipeline.region(),
                project,
            ) {
                Lookup::Found(row) => row.flag("applies"),
                Lookup::Absent => Known(false),
                Lookup::Unknown(gaps) => Observed::Unknown(gaps),
            }
        }))
    });
    pipeline.flag("deploys").or(builds)
}

//! The calls.

use crate::client;
use crate::inventory::NewRow;
use crate::services::collect::{Batch, Place};
use crate::services::environment::{self, Owner, Settings};
use aws_sdk_codebuild::types::{EnvironmentVariable, EnvironmentVariableType, Project};
use aws_sdk_codepipeline::types::ActionCategory;
use std::collections::BTreeSet;

pub(in crate::services) async fn pipelines(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_codepipeline, place);
    let listing = place
        .pages(
            "codepipeline:ListPipelines",
            |token| client.list_pipelines().set_next_token(token).send(),
            |answer| (answer.pipelines.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "codepipeline_pipeline", &listing);
    let details = place
        .details(
            &mut batch,
            "codepipeline_pipeline",
            "detail",
            &listing.items,
            |pipeline| pipeline.name().unwrap_or_default().to_owned(),
            |index| {
                place.call("codepipeline:GetPipeline", {
                    let (client, name) = (&client, listing.items[index].name().unwrap_or_default());
                    move || client.get_pipeline().name(name).send()
                })
            },
        )
        .await;
    for (pipeline, detail) in listing.items.iter().zip(details) {
        let name = pipeline.name().unwrap_or_default();
        let mut row = place.row("codepipeline_pipeline").set("name", name).set(
            "arn",
            format!(
                "arn:{}:codepipeline:{}:{}:{name}",
                place.partition, place.region, place.account
            ),
        );
        if let Some(found) = detail.as_ref().and_then(|answer| answer.pipeline()) {
            let actions: Vec<_> = found
                .stages()
                .iter()
                .flat_map(|stage| stage.actions())
                .collect();
            let projects: BTreeSet<String> = actions
                .iter()
                .filter_map(|action| {
                    action
                        .configuration()
                        .and_then(|configuration| configuration.get("ProjectName"))
                })
                .cloned()
                .collect();
            row.put("role_arn", found.role_arn());
            row.put(
                "deploys",
                actions.iter().any(|action| {
                    action
                        .action_type_id()
                        .is_some_and(|kind| *kind.category() == ActionCategory::Deploy)
                }),
            );
            row.put("build_projects", projects.into_iter().collect::<Vec<_>>());
        }
        batch.rows.push(row);
    }
    batch
}

/// The variables of a project; what is filled from Parameter Store or Secrets Manager is a reference.
fn variables(place: &Place<'_>, name: &str, project: &Project) -> Vec<NewRow> {
    let owner = Owner {
        table: "codebuild_environment_variable",
        account_id: place.account,
        region: place.region,
        arn: name,
        container: "",
    };
    let all = project
        .environment()
        .map(|environment| environment.environment_variables())
        .unwrap_or_default();
    let is_plain = |variable: &&EnvironmentVariable| {
        variable
            .r#type()
            .is_none_or(|kind| *kind == EnvironmentVariableType::Plaintext)
    };
    let plain = all
        .iter()
        .filter(is_plain)
        .map(|variable| (variable.name(), variable.value()));
    let mut rows = environment::look(owner, plain, place.prints, &mut Settings::default());
    rows.extend(
        all.iter()
            .filter(|variable| !is_plain(variable))
            .map(|variable| owner.reference(variable.name())),
    );
    rows
}

pub(in crate::services) async fn projects(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_codebuild, place);
    let listing = place
        .pages(
            "codebuild:ListProjects",
            |token| client.list_projects().set_next_token(token).send(),
            |answer| (answer.projects.unwrap_or_default(), answer.next_token),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "codebuild_project", &listing);
    batch.listed(place, "codebuild_environment_variable", &listing);
    for names in listing.items.chunks(100) {
        match place
            .call("codebuild:BatchGetProjects", || {
                client
                    .batch_get_projects()
                    .set_names(Some(names.to_vec()))
                    .send()
            })
            .await
        {
            Ok(answer) => {
                for project in answer.projects() {
                    let name = project.name().unwrap_or_default();
                    batch.rows.push(
                        place
                            .row("codebuild_project")
                            .set("name", name)
                            .set("arn", project.arn())
                            .set(
                                "service_role_arn",
                                project.service_role().unwrap_or_default(),
                            )
                            .set(
                                "applies",
                                project
                                    .source()
                                    .and_then(|source| source.buildspec())
                                    .and_then(super::applies),
                            ),
                    );
                    batch.rows.extend(variables(place, name, project));
                }
            }
            Err(failure) => {
                batch.part_failed("codebuild_environment_variable", "details", &failure);
                batch.part_failed("codebuild_project", "details", &failure)
            }
        }
    }
    batch.count("codebuild_project");
    batch.count("codebuild_environment_variable");
    batch
}

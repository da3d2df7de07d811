//! AWS CodePipeline and CodeBuild: what deploys.

use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// Pipelines.
pub const PIPELINE: Table = Table {
    name: "codepipeline_pipeline",
    doc: "Pipelines and what their stages do.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("name", "Name."),
        text("arn", "ARN."),
        text("role_arn", "Role.").by(&["detail"]),
        flag("deploys", "Has it an action of the category `Deploy`?").by(&["detail"]),
        list("build_projects", "CodeBuild projects it runs.").by(&["detail"]),
    ],
    reads: &[Read::new("list", "codepipeline:ListPipelines"), Read::new("detail", "codepipeline:GetPipeline")],
    lists: Inputs::NONE,
};

/// Build projects.
pub const PROJECT: Table = Table {
    name: "codebuild_project",
    doc: "CodeBuild projects.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[text("name", "Name."), text("arn", "ARN."), text("service_role_arn", "Role.").absent("''")],
    reads: &[Read::with("list", "codebuild:BatchGetProjects", &["codebuild:ListProjects", "codebuild:BatchGetProjects"])],
    lists: Inputs::NONE,
};

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::services::collect::{Batch, Place};
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
            let mut row = place
                .row("codepipeline_pipeline")
                .set("name", name)
                .set("arn", format!("arn:{}:codepipeline:{}:{}:{name}", place.partition, place.region, place.account));
            if let Some(found) = detail.as_ref().and_then(|answer| answer.pipeline()) {
                let actions: Vec<_> = found.stages().iter().flat_map(|stage| stage.actions()).collect();
                let projects: BTreeSet<String> =
                    actions.iter().filter_map(|action| action.configuration().and_then(|configuration| configuration.get("ProjectName"))).cloned().collect();
                row.put("role_arn", found.role_arn());
                row.put("deploys", actions.iter().any(|action| action.action_type_id().is_some_and(|kind| *kind.category() == ActionCategory::Deploy)));
                row.put("build_projects", projects.into_iter().collect::<Vec<_>>());
            }
            batch.rows.push(row);
        }
        batch
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
        for names in listing.items.chunks(100) {
            match place.call("codebuild:BatchGetProjects", || client.batch_get_projects().set_names(Some(names.to_vec())).send()).await {
                Ok(answer) => batch.rows.extend(answer.projects().iter().map(|project| {
                    place
                        .row("codebuild_project")
                        .set("name", project.name())
                        .set("arn", project.arn())
                        .set("service_role_arn", project.service_role().unwrap_or_default())
                })),
                Err(failure) => batch.part_failed("codebuild_project", "details", &failure),
            }
        }
        batch.count("codebuild_project");
        batch
    }
}

/// How files declare them.
pub(super) mod declared {
    use crate::services::declared::ids::{arn, name};
    use crate::services::declared::{Declared, Node, Rows, Spelling, Told};

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[
        Spelling { kinds: &["aws_codepipeline", "AWS::CodePipeline::Pipeline"], map: pipeline },
        Spelling { kinds: &["aws_codebuild_project", "AWS::CodeBuild::Project"], map: project },
    ];

    fn pipeline(by: &Declared, rows: &mut Rows) {
        let stages = by.at("stage|stages");
        let actions: Vec<&Node> = stages.items().iter().flat_map(|stage| stage.at("action|actions").items()).collect();
        let category = |action: &Node| action.at("category").text().otherwise(|| action.at("action_type_id.category").text()).known().unwrap_or_default();
        let projects = actions.iter().filter_map(|action| action.at("configuration.ProjectName").id().known()).collect::<Vec<_>>();
        let open = stages.later().cloned();
        rows.row("codepipeline_pipeline", by, name(by))
            .put("arn", arn(by))
            .set("role_arn", by.at("role_arn").id())
            .put("deploys", actions.iter().any(|action| category(action).eq_ignore_ascii_case("deploy")))
            .set("build_projects", if projects.is_empty() { open.map_or(Told::Known(projects), Told::Unknown) } else { Told::Known(projects) });
    }

    fn project(by: &Declared, rows: &mut Rows) {
        rows.row("codebuild_project", by, name(by)).put("arn", arn(by)).set("service_role_arn", by.at("service_role").id().or(""));
    }
}

//! How files declare them.

use crate::services::declared::ids::{arn, name};
use crate::services::declared::{Declared, Node, Rows, Spelling, Told};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_codepipeline", "AWS::CodePipeline::Pipeline"],
        map: pipeline,
    },
    Spelling {
        kinds: &["aws_codebuild_project", "AWS::CodeBuild::Project"],
        map: project,
    },
];

fn pipeline(by: &Declared, rows: &mut Rows) {
    let stages = by.at("stage|stages");
    let actions: Vec<&Node> = stages
        .items()
        .iter()
        .flat_map(|stage| stage.at("action|actions").items())
        .collect();
    let category = |action: &Node| {
        action
            .at("category")
            .text()
            .otherwise(|| action.at("action_type_id.category").text())
            .known()
            .unwrap_or_default()
    };
    let projects = actions
        .iter()
        .filter_map(|action| action.at("configuration.ProjectName").id().known())
        .collect::<Vec<_>>();
    let open = stages.later().cloned();
    rows.row("codepipeline_pipeline", by, name(by))
        .put("arn", arn(by))
        .set("role_arn", by.role("role_arn"))
        .put(
            "deploys",
            actions
                .iter()
                .any(|action| category(action).eq_ignore_ascii_case("deploy")),
        )
        .set(
            "build_projects",
            if projects.is_empty() {
                open.map_or(Told::Known(projects), Told::Unknown)
            } else {
                Told::Known(projects)
            },
        );
}

fn project(by: &Declared, rows: &mut Rows) {
    rows.row("codebuild_project", by, name(by))
        .put("arn", arn(by))
        .set("service_role_arn", by.role("service_role").or(""));
}

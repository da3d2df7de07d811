//! How files declare them.

use crate::services::declared::ids::{arn, name};
use crate::services::declared::{Declared, Node, Rows, Spelling, Told};
use crate::services::environment::Owner;

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
    let specification = by.at("source.buildspec").text();
    let applies = match specification {
        Told::Known(text) => super::applies(&text),
        _ => None,
    };
    if let Some(applies) = applies {
        rows.row("codebuild_project", by, name(by))
            .put("applies", applies);
    }
    let (mut plain, mut references) = (Vec::new(), Vec::new());
    for variable in by
        .at("environment.environment_variables|environment.environment_variable")
        .items()
    {
        let Told::Known(name) = variable.at("name").text() else {
            continue;
        };
        // What is filled from Parameter Store or Secrets Manager when the build starts.
        match variable.at("type").text().or("PLAINTEXT") {
            Told::Known(kind) if kind == "PLAINTEXT" => {
                plain.push((name, variable.at("value").clone()));
            }
            Told::Known(_) => references.push(name),
            _ => plain.push((name, variable.at("type").clone())),
        }
    }
    let key = name(by);
    let owner = Owner {
        table: "codebuild_environment_variable",
        account_id: &by.account_id,
        region: &by.region,
        arn: &key,
        container: "",
    };
    rows.looked(by, &[(owner, plain, references)]);
}

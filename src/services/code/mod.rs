//! AWS CodePipeline and CodeBuild: what deploys.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use super::environment::VARIABLE;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Column, Inputs, Read, Role, Span, Table};

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
    reads: &[
        Read::new("list", "codepipeline:ListPipelines"),
        Read::new("detail", "codepipeline:GetPipeline"),
    ],
    lists: Inputs::NONE,
};

/// Build projects.
pub const PROJECT: Table = Table {
    name: "codebuild_project",
    doc: "CodeBuild projects.",
    key: "name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("name", "Name."),
        text("arn", "ARN."),
        text("service_role_arn", "Role.").absent("''"),
        flag(
            "applies",
            "Does its build specification run a tool that changes an account, such as `terraform apply` or `cdk deploy`? NULL where the specification lies in the source.",
        ),
    ],
    reads: &[Read::with(
        "list",
        "codebuild:BatchGetProjects",
        &["codebuild:ListProjects", "codebuild:BatchGetProjects"],
    )],
    lists: Inputs::NONE,
};

const VARIABLES: [Column; 11] = VARIABLE;

/// Variables of CodeBuild projects.
pub const ENVIRONMENT_VARIABLE: Table = Table {
    name: "codebuild_environment_variable",
    doc: "Environment variables of CodeBuild projects: what was detected in them, never their values.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &VARIABLES,
    reads: &[Read::with(
        "list",
        "codebuild:BatchGetProjects",
        &["codebuild:ListProjects", "codebuild:BatchGetProjects"],
    )],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&ENVIRONMENT_VARIABLE, &PIPELINE, &PROJECT],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &["codepipeline_pipeline"],
            span: Span::Regional,
            run: |place| Box::pin(live::pipelines(place)),
        },
        Collector {
            tables: &["codebuild_project", "codebuild_environment_variable"],
            span: Span::Regional,
            run: |place| Box::pin(live::projects(place)),
        },
    ],
};

/// Commands that change what runs in an account.
const APPLYING: &[&str] = &[
    "terraform apply",
    "terragrunt apply",
    "terragrunt run-all apply",
    "tofu apply",
    "cdk deploy",
    "pulumi up",
    "sam deploy",
    "serverless deploy",
    "sls deploy",
    "copilot deploy",
    "cloudformation deploy",
    "cloudformation create-stack",
    "cloudformation update-stack",
    "cloudformation execute-change-set",
    "lambda update-function-code",
    "ecs update-service",
    "kubectl apply",
    "helm upgrade",
];

/// What a build specification does, where it is written out; one that is the path of a file, or is left out, lies in the source
/// (AWS CodeBuild User Guide, "Build specification reference").
pub(super) fn applies(specification: &str) -> Option<bool> {
    let text = specification
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    if !text.contains("phases") {
        return None;
    }
    // `terraform -chdir=infra apply` and the like have words between.
    let words = |command: &str| {
        let mut rest = text.as_str();
        command.split(' ').all(|word| match rest.find(word) {
            Some(at) if at < 200 || rest.len() == text.len() => {
                rest = &rest[at + word.len()..];
                true
            }
            _ => false,
        })
    };
    Some(APPLYING.iter().any(|command| words(command)))
}

#[cfg(test)]
mod tests {
    use super::applies;

    #[test]
    fn a_build_that_applies_is_told_from_one_that_tests() {
        let spec = |command: &str| {
            format!("version: 0.2\nphases:\n  build:\n    commands:\n      - {command}\n")
        };
        for (command, wanted) in [
            ("terraform apply -auto-approve", true),
            ("terraform -chdir=infra apply plan.out", true),
            ("npx cdk deploy --all", true),
            ("cargo test", false),
            ("terraform plan", false),
        ] {
            assert_eq!(applies(&spec(command)), Some(wanted), "{command}");
        }
        assert_eq!(applies("ci/buildspec.yml"), None);
        assert_eq!(applies(""), None);
    }
}

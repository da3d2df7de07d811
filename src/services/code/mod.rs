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

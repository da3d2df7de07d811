//! How files declare them.

use crate::services::declared::Spelling;
use crate::services::declared::ids::arn;

pub(in crate::services) const SPELLINGS: &[Spelling] = &[Spelling {
    kinds: &["aws_ecr_repository", "AWS::ECR::Repository"],
    map: |by, rows| {
        rows.row("ecr_repository", by, arn(by))
            .put("name", by.name("name|repository_name"))
            .set(
                "scan_on_push",
                by.at("image_scanning_configuration.scan_on_push")
                    .flag()
                    .or(false),
            );
    },
}];

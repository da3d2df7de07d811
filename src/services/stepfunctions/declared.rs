//! How files declare them.

use crate::services::declared::ids::{arn, name};
use crate::services::declared::{Declared, Later, Rows, Spelling, Told};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[Spelling {
    kinds: &["aws_sfn_state_machine", "AWS::StepFunctions::StateMachine"],
    map: machine,
}];

fn machine(by: &Declared, rows: &mut Rows) {
    let text = by.at("definition|definition_string");
    let called = match text.text() {
        Told::Known(definition) => match super::called(&definition) {
            Some(all) => Told::Known(all.into_iter().map(str::to_owned).collect::<Vec<_>>()),
            None => Told::Unknown(Later {
                why: "the definition is no JSON".to_owned(),
                ..Later::default()
            }),
        },
        Told::Unknown(later) => pattern(later),
        // CloudFormation takes the definition as an object too.
        Told::Absent => {
            let mut found = std::collections::BTreeSet::new();
            match text.json() {
                Told::Known(definition) => {
                    super::families(&definition, &mut found);
                    Told::Known(found.into_iter().map(str::to_owned).collect())
                }
                Told::Unknown(later) => Told::Unknown(later),
                Told::Absent => Told::Absent,
            }
        }
    };
    rows.row("sfn_state_machine", by, arn(by))
        .put("name", name(by))
        .set("role_arn", by.role("role_arn"))
        .set("families", called);
}

/// A definition that holds references is open as a text; which services it calls can be plain all the same.
fn pattern(later: Later) -> Told<Vec<String>> {
    match super::called(&later.pattern) {
        Some(all) => Told::Known(all.into_iter().map(str::to_owned).collect()),
        None => Told::Unknown(later),
    }
}

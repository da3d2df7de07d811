//! Local values: a plan does not hold them, so `--source` tells what they are made of.

use hcl_edit::expr::{Array, Expression, Traversal, TraversalOperator};
use hcl_edit::visit::{Visit, visit_array, visit_traversal};
use std::collections::BTreeMap;

/// Local values by module without indexes and name.
pub(super) type Locals = BTreeMap<(String, String), Local>;

/// What a local value is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// The text, where it is written out.
    pub text: Option<String>,
    /// What it refers to, as a plan writes references: `aws_iam_role.r.arn`.
    pub refs: Vec<String>,
    /// A list in it holds texts of its own beside what it refers to.
    pub mixed: bool,
}

impl Local {
    /// Reads an expression.
    pub(super) fn of(expression: &Expression) -> Self {
        let mut refs = References::default();
        refs.visit_expr(expression);
        Self {
            text: expression.as_str().map(str::to_owned),
            refs: refs.names,
            mixed: refs.mixed,
        }
    }
}

#[derive(Default)]
struct References {
    names: Vec<String>,
    mixed: bool,
}

impl Visit for References {
    fn visit_array(&mut self, node: &Array) {
        self.mixed |= node.iter().any(|item| item.as_str().is_some());
        visit_array(self, node);
    }

    fn visit_traversal(&mut self, node: &Traversal) {
        if let Expression::Variable(name) = &node.expr {
            let mut text = name.as_str().to_owned();
            for operator in &node.operators {
                match operator.value() {
                    TraversalOperator::GetAttr(name) => {
                        text.push('.');
                        text.push_str(name.as_str());
                    }
                    TraversalOperator::Index(index) => match (index.as_str(), index.as_number()) {
                        (Some(key), _) => text.push_str(&format!("[{key:?}]")),
                        (None, Some(number)) => text.push_str(&format!("[{number}]")),
                        _ => break,
                    },
                    // A plan names the resource alone where a splat or a computed index follows.
                    _ => break,
                }
            }
            self.names.push(text);
        }
        visit_traversal(self, node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_written_as_a_plan_writes_them() {
        let of = |text: &str| {
            text.parse::<Expression>()
                .map(|expression| Local::of(&expression).refs)
                .unwrap_or_default()
        };
        assert_eq!(of("aws_iam_role.r.arn"), ["aws_iam_role.r.arn"]);
        assert_eq!(of("aws_subnet.private[*].id"), ["aws_subnet.private"]);
        assert_eq!(
            of("var.own ? aws_iam_role.a[0].arn : module.b[\"x\"].role"),
            ["var.own", "aws_iam_role.a[0].arn", "module.b[\"x\"].role"]
        );
        assert_eq!(of("\"${aws_s3_bucket.b.arn}/*\""), ["aws_s3_bucket.b.arn"]);
        assert!(of("\"arn:aws:s3:::b\"").is_empty());
        let mixed = |text: &str| {
            text.parse::<Expression>()
                .is_ok_and(|expression| Local::of(&expression).mixed)
        };
        assert!(mixed("concat(aws_subnet.private[*].id, [\"subnet-0a\"])"));
        assert!(!mixed(
            "concat(aws_subnet.private[*].id, [aws_subnet.other.id])"
        ));
    }
}

//! What stacks export to one another.

use super::super::tree::Tree;
use super::Set;
use super::resolve::Scope;
use std::collections::BTreeMap;

impl Set {
    /// Exported outputs: the stack and the value of each.
    pub(super) fn exports(&self, scope: Scope<'_>) -> BTreeMap<String, (usize, &Tree)> {
        let mut all = BTreeMap::new();
        for (index, stack) in self.stacks.iter().enumerate() {
            for output in stack.tree.get("Outputs").map_or(&[][..], Tree::members) {
                let Some(name) = output
                    .value
                    .get("Export")
                    .and_then(|export| export.get("Name"))
                else {
                    continue;
                };
                let name = match name.text() {
                    Some(name) => Some(name.into_owned()),
                    None => Scope {
                        stack: index,
                        depth: scope.depth + 1,
                        ..scope
                    }
                    .node(name)
                    .text()
                    .known(),
                };
                if let (Some(name), Some(value)) = (name, output.value.get("Value")) {
                    all.insert(name, (index, value));
                }
            }
        }
        all
    }
}

//! What a way assumes of the account and Region of a stack.

use super::{Choice, Stack};

impl Stack {
    /// The Region of the stack: what a way assumes of an unknown one holds for its resources too.
    pub fn region_in(&self, index: usize, choice: &Choice) -> String {
        chosen(choice, index, "AWS::Region").unwrap_or_else(|| self.region.clone())
    }

    /// The account of the stack, as [`Stack::region_in`] gives its Region.
    pub fn account_in(&self, index: usize, choice: &Choice) -> String {
        chosen(choice, index, "AWS::AccountId").unwrap_or_else(|| self.account_id.clone())
    }
}

/// What a way assumes of a pseudo parameter.
pub(super) fn chosen(choice: &Choice, index: usize, name: &str) -> Option<String> {
    choice.get(&(index, name.to_owned())).cloned().flatten()
}

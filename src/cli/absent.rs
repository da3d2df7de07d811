//! Commands that this build was made without: somebody who follows the documentation learns why, and where to get them.

use super::Usage;

/// Whatever is given to it.
#[derive(Debug, clap::Args)]
pub(super) struct Absent {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    given: Vec<String>,
}

impl Absent {
    pub fn run(&self, command: &str) -> anyhow::Result<u8> {
        let _ = &self.given;
        Err(Usage(format!(
            "this program was built with --no-default-features, without what `{command}` needs; a released program has it, and so has one that is built with `cargo build --release`"
        ))
        .into())
    }
}

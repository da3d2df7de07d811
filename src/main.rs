//! Parse, run, exit code; nothing else.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    outcrop::cli::run(outcrop::cli::Cli::parse())
}

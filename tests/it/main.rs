//! The one integration test binary.

#![expect(clippy::expect_used, reason = "a test that fails says so")]

mod answers;
mod browser;
mod brute;
mod calls;
mod canaries;
mod cases;
mod cli;
mod cli_runs;
mod docs;
mod editors;
mod estates;
mod evidence;
mod examples;
#[cfg(feature = "parquet")]
mod export;
mod files;
mod first_wave;
mod fix;
mod formats;
mod gate;
mod gate_files;
#[expect(clippy::panic, reason = "a test that fails says so")]
mod handoff;
mod house;
mod interrupted;
mod law;
mod laws;
#[cfg(feature = "live")]
#[expect(clippy::panic, reason = "a test that fails says so")]
mod live;
#[cfg(feature = "live")]
mod live_sessions;
#[cfg(feature = "mcp")]
mod mcp;
#[cfg(feature = "live")]
mod onward;
mod output_files;
mod own_rules;
#[cfg(feature = "live")]
#[expect(clippy::panic, reason = "a test that fails says so")]
mod parts;
#[expect(clippy::panic, reason = "a test that fails says so")]
mod paths;
#[expect(clippy::panic, reason = "a test that fails says so")]
mod paths_of_compute;
mod policy;
mod provenance;
mod queries;
mod questions;
#[cfg(unix)]
mod release;
mod rules;
mod second_wave;
mod secrets;
#[cfg(feature = "live")]
mod sending;
mod third_wave;
#[expect(clippy::panic, reason = "a test that fails says so")]
mod traces;
mod trends;
mod validators;
mod world;

//! The one integration test binary.

mod cases;
mod cli;
mod estates;
mod house;
mod law;
mod laws;
#[cfg(feature = "live")]
mod live;
mod rules;
mod secrets;

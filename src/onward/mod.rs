//! Results on their way to others: what is said to a topic, a bus or a webhook, and what is laid into a lake.
//!
//! What carries them there stands in `sources::live`; here is what they are.

pub mod changes;
#[cfg(feature = "parquet")]
pub mod lake;

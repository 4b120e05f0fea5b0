//! What telemetry says of the composed stack, held against what the targets and the callers saw, and against its page.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "telemetry/heard.rs"]
mod heard;
#[path = "telemetry/page.rs"]
mod page;
#[path = "telemetry/quiet.rs"]
mod quiet;
#[path = "telemetry/run.rs"]
mod run;
#[path = "telemetry/storm.rs"]
mod storm;
#[path = "telemetry/wire.rs"]
mod wire;

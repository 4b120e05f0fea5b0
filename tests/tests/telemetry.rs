//! What telemetry says of the composed stack, held against what the targets and the callers saw.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "telemetry/storm.rs"]
mod storm;
#[path = "telemetry/wire.rs"]
mod wire;

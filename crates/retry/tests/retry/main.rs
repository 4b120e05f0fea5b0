//! The promises of the policy, each kept by the layer and in tower's own `Retry`.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod another;
mod bounds;
mod closed;
mod headers;
mod invariants;
mod kinds;
mod leaving;
mod numbers;
mod shared;
mod support;
mod validate;
mod waits;

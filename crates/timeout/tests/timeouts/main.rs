//! The layer's behaviour, on a paused clock.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod body;
mod contract;
mod learning;
mod support;
mod typed;
mod waiting;

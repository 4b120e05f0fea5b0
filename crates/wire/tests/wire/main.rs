//! What the crate promises, through its public functions alone.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod alike;
mod allocations;
mod amazon;
mod answers;
mod custom;
mod cutting;
mod edits;
mod errors;
mod glance;
mod limits;
mod panics;
mod routes;
mod shapes;
mod transcripts;
mod traps;

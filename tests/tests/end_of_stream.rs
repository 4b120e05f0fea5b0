//! How an answer ended, over real sockets: what the caller gets, what the completion says, and what the provider saw.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "end_of_stream/after.rs"]
mod after;
#[path = "end_of_stream/before.rs"]
mod before;
#[path = "end_of_stream/flood.rs"]
mod flood;
#[path = "end_of_stream/gateway.rs"]
mod gateway;
#[path = "end_of_stream/given_up.rs"]
mod given_up;
#[path = "end_of_stream/good.rs"]
mod good;
#[path = "end_of_stream/handmade.rs"]
mod handmade;
#[path = "end_of_stream/line.rs"]
mod line;
#[path = "end_of_stream/taken.rs"]
mod taken;

//! The gateway, over real sockets on loopback.

#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]

mod answers;
mod callers;
mod ends;
mod errors;
mod gone;
mod kit;
mod operators;
#[cfg(unix)]
mod process;
mod reload;
mod sdk;
mod shutdown;
mod storm;

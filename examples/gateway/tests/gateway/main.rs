//! The gateway, over real sockets on loopback.

#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]

mod answers;
mod callers;
mod ends;
mod errors;
mod file;
mod gone;
mod kit;
#[cfg(target_os = "linux")]
mod memory;
mod operators;
#[cfg(unix)]
mod process;
mod reload;
mod sdk;
mod shutdown;
mod storm;

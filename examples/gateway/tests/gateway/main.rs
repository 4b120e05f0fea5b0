//! The gateway, over real sockets on loopback.

mod answers;
mod callers;
mod ends;
mod errors;
mod gone;
mod kit;
mod reload;
mod shutdown;
mod storm;

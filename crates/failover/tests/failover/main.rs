//! What failover promises, on a paused clock.

#![allow(clippy::unwrap_used, reason = "a helper of a test may panic too")]

mod calls;
mod cancelled;
mod capabilities;
mod control;
mod cooling;
#[cfg(feature = "discover")]
mod discovered;
mod gates;
mod layered;
mod probes;
mod property;
mod readiness;
mod recovery;
mod scripted;
mod strategies;
mod tour;
mod traffic;
mod typed;

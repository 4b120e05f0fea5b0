//! The layer on a paused clock, around a scripted service.
#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]

mod attempts;
mod budget;
mod cancelled;
mod failures;
mod late;
mod learning;
mod race;
mod refused;
mod scripted;
mod typed;

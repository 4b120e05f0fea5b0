//! What the layers write down.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod calls;
mod causes;
mod events;
mod held_back;
mod settings;
mod spans;
mod support;
mod tokens;

//! The primitive of the budget: std's, or loom's when its interleavings are explored.

#[cfg(not(buttress_loom))]
pub(crate) use std::sync::atomic::AtomicU64;

#[cfg(buttress_loom)]
pub(crate) use loom::sync::atomic::AtomicU64;

//! The locks of the record: std's, or loom's when their interleavings are explored.

#[cfg(not(buttress_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(buttress_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};

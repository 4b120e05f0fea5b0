//! The primitives of what calls share: std's, or loom's when their interleavings are explored.
//!
//! Words that stand alone (a counter, an average that each sample replaces) take std's own: no interleaving of theirs can
//! disagree with anything.

#[cfg(not(buttress_loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard, RwLock,
    atomic::{AtomicBool, AtomicU32, AtomicU64},
};

#[cfg(buttress_loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard, RwLock,
    atomic::{AtomicBool, AtomicU32, AtomicU64},
};

#![doc = include_str!("../README.md")]

#[cfg(feature = "bpe")]
mod bpe;
mod calls;
mod cost;
mod ended;
mod engine;
mod error;
mod factors;
mod future;
mod gate;
mod handle;
mod keys;
mod layer;
mod permit;
mod policy;
mod queue;
mod service;
mod shared;
mod snapshot;
mod sync;
mod text_bytes;
mod wait;

#[cfg(feature = "bpe")]
pub use bpe::Bpe;
pub use cost::{Cost, Estimate};
pub use engine::dimension::Dimension;
pub use error::{Exceeded, Why};
pub use future::ResponseFuture;
pub use handle::LimitHandle;
pub use keys::{ByKey, Key, Unkeyed};
pub use layer::LimitLayer;
pub use policy::{InvalidPolicy, Policy, Window};
pub use service::Limit;
pub use snapshot::{Level, Snapshot};
pub use text_bytes::TextBytes;

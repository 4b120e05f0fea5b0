#![doc = include_str!("../README.md")]

mod backoff;
mod budget;
mod decide;
mod future;
mod headers;
mod invalid;
mod layer;
#[cfg(test)]
#[cfg(buttress_loom)]
mod loom_tests;
mod policy;
mod random;
mod replay;
mod retries;
mod service;
mod sync;
mod validate;
mod wait;

pub use backoff::{Backoff, Jitter};
pub use budget::RetryBudget;
pub use future::ResponseFuture;
pub use headers::{Headers, NoHeaders, Stamp};
pub use invalid::InvalidRetries;
pub use layer::RetryLayer;
pub use policy::RetryPolicy;
pub use replay::Replay;
pub use retries::Retries;
pub use service::Retry;
pub use validate::{AnyAnswer, Check, Refused, Validate};
pub use wait::Wait;

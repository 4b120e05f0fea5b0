#![doc = include_str!("../README.md")]
//!
//! [`Call`]: buttress_call::Call
//! [`Kind::cools`]: buttress_call::Kind::cools
//! [`Kind::fails_over`]: buttress_call::Kind::fails_over
//! [`Shape`]: buttress_call::Shape
//! [`Targets`]: buttress_call::Targets
//! [`gate`]: Failover::gate

mod candidates;
mod capability;
mod carried;
mod change;
mod cooling;
mod exhausted;
mod fleet;
#[cfg(feature = "discover")]
mod follow;
mod future;
mod handle;
mod invalid;
mod labelled;
mod layer;
mod log;
#[cfg(test)]
#[cfg(buttress_loom)]
mod loom_tests;
mod prober;
mod random;
mod roster;
mod service;
mod state;
mod strategies;
mod strategy;
mod sync;
mod target;
mod tour;
mod traffic;
mod waiting;
mod warm_up;

pub use candidates::{Candidate, Candidates};
pub use capability::Lack;
pub use change::Change;
pub use cooling::Cooldown;
pub use exhausted::{Attempt, Exhausted, Reason};
#[cfg(feature = "discover")]
pub use follow::Follow;
pub use future::ResponseFuture;
pub use handle::{FailoverHandle, TargetSnapshot, TargetState};
pub use invalid::InvalidTargets;
pub use labelled::{AnsweredBy, Labelled, LabelledFuture, labelled};
pub use layer::FailoverLayer;
pub use prober::Prober;
pub use service::Failover;
pub use strategy::{Affinity, Cheapest, InOrder, InvalidBound, MostReliable, PowerOfTwo, Strategy, Weighted};
pub use target::{Target, boxed};

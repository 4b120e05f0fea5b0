#![doc = include_str!("../README.md")]
//!
//! [`Call`]: buttress_call::Call
//! [`Kind::cools`]: buttress_call::Kind::cools
//! [`Kind::fails_over`]: buttress_call::Kind::fails_over
//! [`Shape`]: buttress_call::Shape
//! [`Targets`]: buttress_call::Targets
//! [`gate`]: Failover::gate

mod carried;
mod change;
mod cooling;
mod exhausted;
mod fleet;
mod future;
mod handle;
mod invalid;
mod log;
mod roster;
mod service;
mod state;
mod target;
mod tour;
mod traffic;
mod waiting;

pub use change::Change;
pub use cooling::Cooldown;
pub use exhausted::{Attempt, Exhausted, Reason};
pub use future::ResponseFuture;
pub use handle::{FailoverHandle, TargetSnapshot, TargetState};
pub use invalid::InvalidTargets;
pub use service::Failover;
pub use target::{Target, boxed};

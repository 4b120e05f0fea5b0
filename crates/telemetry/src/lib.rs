#![doc = include_str!("../README.md")]

mod attempt;
mod call;
mod events;
mod future;
#[cfg(feature = "metrics")]
mod keys;
mod layer;
#[cfg(test)]
#[cfg(buttress_loom)]
mod loom_tests;
#[cfg(feature = "metrics")]
mod meter;
#[cfg(not(feature = "metrics"))]
#[path = "no_meter.rs"]
mod meter;
mod models;
pub mod names;
mod price;
mod record;
mod recorder;
mod service;
mod settings;
mod snapshot;
mod span;
mod sync;
mod telemetry;
mod window;

pub use events::{Change, Event, What};
pub use future::ResponseFuture;
pub use layer::TelemetryLayer;
pub use price::{Amount, Price};
pub use service::Recorded;
pub use settings::{InvalidSettings, Settings};
pub use snapshot::{Attempts, Calls, Failures, HeldBack, Quantiles, Snapshot, Spent, Target, Work};
pub use telemetry::Telemetry;

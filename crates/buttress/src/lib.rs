// The tour compiles where all that it shows is there.
#![cfg_attr(
    all(
        feature = "admin",
        feature = "axum",
        feature = "client",
        feature = "config",
        feature = "control",
        feature = "full",
        feature = "tonic"
    ),
    doc = include_str!("../README.md")
)]
#![cfg_attr(
    not(all(
        feature = "admin",
        feature = "axum",
        feature = "client",
        feature = "config",
        feature = "control",
        feature = "full",
        feature = "tonic"
    )),
    doc = "Tower layers that keep a client of a large language model standing when the model's provider does not."
)]

#[cfg(feature = "admin")]
pub mod admin;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "config")]
pub mod config;
#[cfg(feature = "control")]
pub mod control;
#[cfg(feature = "full")]
mod handles;
#[cfg(feature = "full")]
mod policies;
#[cfg(feature = "full")]
pub mod presets;
#[cfg(feature = "full")]
pub mod stack;

#[cfg(feature = "config")]
pub use config::Config;
#[cfg(feature = "full")]
pub use handles::{Handles, TargetHandles};
#[cfg(feature = "full")]
pub use policies::Policies;
#[cfg(feature = "full")]
pub use stack::Stack;

pub use buttress_call as call;
pub use buttress_call::{BoxError, Error, Kind, check, find};

#[cfg(feature = "breaker")]
pub use buttress_breaker as breaker;
#[cfg(feature = "failover")]
pub use buttress_failover as failover;
#[cfg(feature = "hedge")]
pub use buttress_hedge as hedge;
#[cfg(feature = "limit")]
pub use buttress_limit as limit;
#[cfg(feature = "provider")]
pub use buttress_provider as provider;
#[cfg(feature = "retry")]
pub use buttress_retry as retry;
#[cfg(feature = "telemetry")]
pub use buttress_telemetry as telemetry;
#[cfg(feature = "timeout")]
pub use buttress_timeout as timeout;
#[cfg(feature = "provider")]
pub use buttress_wire as wire;

//! All layers, in the order that works, around named targets.
//!
//! ```text
//! Telemetry(call) -> Timeout(total) -> Buffer -> Hedge -> Failover
//!     [ Retry -> Limit -> Breaker -> Telemetry(attempt) -> Timeout(attempt) -> Provider -> client ]
//! ```
//!
//! [`Policies`](crate::Policies) say what each layer is told, a [`Target`] is a client with the layers of its own, and a [`Stack`] the
//! whole. Each breaker is its target's gate in the failover: an open target is passed over without a call, and a good
//! [probe](Stack::prober) closes it. Whoever wants another order composes the layers by hand: a stack does nothing that
//! they do not.

mod http_client;
mod response;
mod service;
mod target;

pub use self::{
    http_client::HttpClient,
    response::{ResponseBody, ResponseFuture},
    service::{Stack, list_models},
    target::{Target, TargetService},
};

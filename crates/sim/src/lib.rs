#![doc = include_str!("../README.md")]

mod answer;
mod body;
mod bucket;
mod call;
mod clock;
mod deliver;
mod error;
mod fault;
mod generation;
mod gzip;
mod latency;
mod log;
mod model;
mod rule;
mod script;
mod seed;
mod server;
mod service;
mod sim;
mod text;
mod wire;

pub use body::SimBody;
pub use bucket::Bucket;
pub use error::{ConfigError, SimError};
pub use fault::{Fault, ParseFaultError};
pub use latency::Latency;
pub use log::{Ending, LOG_CAPACITY, Seen};
pub use model::{Model, Tokens};
pub use rule::Rule;
pub use server::Server;
pub use service::{ResponseFuture, SimService};
pub use sim::Sim;
pub use wire::Wire;

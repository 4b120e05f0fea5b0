//! An HTTPS client with a pool, for a target to stand on.
//!
//! hyper-util's client over rustls, with its settings in one plain value and errors that say what kind of failure they
//! are. Any other client does as well: nothing in the layers knows this one.
//!
//! ```
//! use std::time::Duration;
//! use buttress::{Policies, client::{Client, ClientSettings}, presets, provider::Provider, stack::Target};
//! # use buttress::BoxError;
//! # fn example() -> Result<(), BoxError> {
//!
//! let settings = ClientSettings { connect_timeout: Duration::from_secs(2), ..ClientSettings::default() };
//! let client = Client::new(settings)?;
//! let policies = presets::interactive();
//! let openai = Target::new("openai", Provider::openai().api_key("sk-..."), client.own_pool(), &policies)?;
//! let backup = Target::new("backup", Provider::compatible("backup", "https://llm.internal"), client.own_pool(), &policies)?;
//! let llm = policies.stack([openai, backup])?;
//! # let _ = llm;
//! # Ok(())
//! # }
//! ```
//!
//! **One pool a target**: [`own_pool`](Client::own_pool) makes a client of the same settings with connections of its own,
//! so that what one target does to its connections is no other's business.
//!
//! **Certificates** are checked against the system's roots, or against those given. With rustls and ring, a Rust toolchain
//! and a C compiler (ring's) are all that a build needs.
//!
//! **HTTP/1.1** unless [`ClientSettings::http2`] is set. A stream holds its connection either way, and over HTTP/1.1 a call
//! that is given up closes it, which every provider understands. Over HTTP/2 this pool has one connection for each host,
//! and calls beyond the provider's limit of streams wait for it unseen, as part of their time to first token.

mod connector;
mod error;
mod service;
mod settings;

pub use self::{
    error::InvalidClient,
    service::{Client, ResponseFuture},
    settings::{ClientSettings, Http2, Roots},
};

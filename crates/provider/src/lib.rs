#![doc = include_str!("../README.md")]

mod body;
mod broken;
mod buffer;
mod commit;
mod endpoint;
mod future;
mod hide;
mod layer;
mod provider;
mod reader;
mod service;

pub use body::ProviderBody;
pub use broken::Said;
pub use buffer::{BodyTooLarge, BufferFuture, BufferLayer, Buffered};
pub use commit::Commit;
pub use future::ResponseFuture;
pub use layer::ProviderLayer;
pub use provider::{InvalidProvider, Provider};
pub use service::ProviderService;

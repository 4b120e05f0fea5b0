#![doc = include_str!("../README.md")]

mod address;
mod body;
mod broken;
mod buffer;
mod check;
mod commit;
mod endpoint;
mod form;
mod future;
mod hide;
mod layer;
mod pieces;
mod presets;
mod provider;
mod reader;
mod service;
mod sign;
mod whole;

pub use body::ProviderBody;
pub use broken::Said;
pub use buffer::{BodyTooLarge, BufferFuture, BufferLayer, Buffered};
pub use check::InvalidProvider;
pub use commit::Commit;
pub use future::ResponseFuture;
pub use layer::ProviderLayer;
pub use provider::Provider;
pub use service::ProviderService;
pub use sign::Sign;
pub use whole::Whole;

#![doc = include_str!("../README.md")]

mod answer;
mod anthropic;
mod classify;
mod details;
mod dialect;
mod duration;
mod edit;
mod error;
mod event;
mod json;
mod limits;
mod openai;
mod request;
mod shape;
mod sse;
mod stream;
mod usage;

pub use answer::{Answer, answer};
pub use dialect::Dialect;
pub use edit::{Edit, Edited, edit};
pub use error::ApiError;
pub use event::{Close, Event};
pub use limits::{charging, limits};
pub use request::RequestError;
pub use shape::shape;
pub use stream::Decoder;

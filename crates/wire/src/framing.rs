//! Where one event of a stream ends and the next begins.
//!
//! Each form says only how it is cut ([`Cut`]); holding what is split, and refusing what is too long, is done once, by
//! the [`Framer`]. Most events lie whole inside one input and are looked at in place; only one that is split is copied.

mod array;
mod framer;
mod lines;
pub(crate) mod message;
pub(crate) mod sse;

pub(crate) use array::Element;
pub(crate) use framer::{Cut, Found, Framer};
pub(crate) use lines::Line;

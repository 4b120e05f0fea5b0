//! Framing of server-sent events: where one ends, and what its lines are.
//!
//! Lines end in LF, CR or CRLF, and an empty line ends an event; any of them may be split between two inputs. Most
//! events lie whole inside one input and are looked at in place; only one that is split is copied.

mod fields;
mod framer;

pub(crate) use fields::Fields;
pub(crate) use framer::{Found, Framer};

//! What an LLM call carries in, how it ended, and how a tower layer learns it.

pub mod hint;
mod kind;
mod limits;
mod outcome;
mod shape;

pub use kind::{Cooling, Kind, Retry, Settle};
pub use limits::{Charging, Limit, Limits, OutputCharge};
pub use outcome::{Ended, Failure, Outcome, Usage};
pub use shape::Shape;

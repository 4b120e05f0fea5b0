//! What the tests that span crates share: an adversarial service, the layers around it, and the rules they keep.

pub mod fleet;
pub mod journey;
pub mod probe;
pub mod random;
pub mod rig;
pub mod rules;
pub mod stack;
pub mod subject;
pub mod table;
pub mod way;

//! Experiments and benchmarks of Buttress's layers, beside their peers.
fn main() {}

//! The two clocks: virtual time for everything that is simulated, and the real one for what is measured.

use tokio::runtime::{Builder, Runtime};

/// Runs a simulation in virtual time, on one thread.
///
/// The clock stands while anything can run and then jumps to the next timer, so an hour of traffic takes as long as its
/// events do, and the order of events depends on nothing but the seed.
pub(crate) fn simulate<F: Future>(simulation: F) -> F::Output {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O has nothing that could fail to start").block_on(simulation)
}

/// A runtime on the real clock, for one thread's share of a measurement.
pub(crate) fn real() -> Runtime {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime without I/O has nothing that could fail to start")
}

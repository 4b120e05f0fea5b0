//! What holds for any bytes whatever; the targets say which reader they feed.

#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../crates/wire/tests/wire/amazon.rs"]
mod amazon;
mod answers;
mod decoder;
mod errors;
mod headers;
mod requests;

pub use answers::answers;
pub use decoder::{decoder, messages};
pub use errors::errors;
pub use headers::headers;
pub use requests::requests;

use std::time::Duration;

use cpu_time::ThreadTime;

/// Runs what reads `bytes` of input and asserts that it keeps within this memory, and within a time of the processor's that
/// only more than linear work could need.
fn bounded(bytes: usize, memory: usize, mut read: impl FnMut()) {
    let begun = ThreadTime::now();
    let used = allocation_counter::measure(&mut read).bytes_max as usize;
    assert!(used <= memory, "{used} bytes of memory for {bytes} of input, at most {memory}");
    // Read at 100 kB/s and slower, with every check of the fuzzer.
    let limit = Duration::from_secs(1) + Duration::from_micros(10) * bytes as u32;
    assert!(begun.elapsed() < limit, "{:?} for {bytes} bytes", begun.elapsed());
}

/// A number made of the input: the same whenever it is run again.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

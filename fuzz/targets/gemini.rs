#![no_main]

use buttress_wire::Dialect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| buttress_fuzz::decoder(Dialect::Gemini, stream));

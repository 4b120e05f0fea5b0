#![no_main]

use buttress_wire::Dialect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| buttress_fuzz::messages(Dialect::BedrockInvoke, text));

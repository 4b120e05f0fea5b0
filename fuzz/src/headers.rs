//! Rate-limit headers and hints.

use std::time::{Duration, SystemTime};

use buttress_call::hint;
use buttress_wire::{Vendor, limits};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::bounded;

/// Headers, a line each, to every vendor.
pub fn headers(lines: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n').take(100) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    let day = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for now in [SystemTime::UNIX_EPOCH, day] {
        if let Some(hint) = hint::retry_after(&headers, now) {
            assert!(!hint.is_zero() && hint <= hint::MAX_HINT, "{hint:?}");
        }
        for vendor in Vendor::ALL {
            let limits_now = || limits(vendor, &headers, now);
            let read = limits_now();
            for limit in [read.requests, read.tokens, read.input_tokens, read.output_tokens] {
                assert!(limit.reset.is_none_or(|reset| reset <= hint::MAX_HINT), "{limit:?}");
            }
            bounded(lines.len(), 16 * lines.len() + (32 << 10), || {
                limits_now();
            });
        }
    }
    hint::should_retry(&headers);
}

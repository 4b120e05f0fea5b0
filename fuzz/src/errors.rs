//! Error answers.

use std::time::SystemTime;

use buttress_wire::{ApiError, Vendor};
use http::{HeaderMap, StatusCode};

use crate::bounded;

/// The body of an error answer, to every vendor. In front of it stands the status: a line, as in the table of facts
/// (`vendor | status | ... | body`), or 500.
pub fn errors(line: &[u8]) {
    let columns: Vec<_> = line.splitn(6, |byte| *byte == b'|').collect();
    let status = columns.get(1).and_then(|status| StatusCode::from_bytes(status.trim_ascii()).ok());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = columns.last().map_or(line, |body| body.trim_ascii());
    let mut headers = HeaderMap::new();
    if let Some(value) = columns.get(4).and_then(|value| value.trim_ascii().try_into().ok()) {
        headers.insert("x-amzn-errortype", value);
    }
    for vendor in Vendor::ALL {
        let read = || ApiError::from_answer(vendor, status, &headers, body, SystemTime::UNIX_EPOCH);
        let error = read();
        assert_eq!(error, read());
        assert!(error.message.len() <= 1024 && error.code.as_ref().is_none_or(|code| code.len() <= 128));
        let _ = (error.to_string(), ApiError::of_event(vendor, body));
        bounded(body.len(), 16 * body.len() + (32 << 10), || drop(read()));
    }
}

//! Messages of Amazon's event stream.

/// An event of this type, with its headers, lengths and checksums.
pub(super) fn event(name: &str, payload: &[u8]) -> Vec<u8> {
    let headers = [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    let mut written = Vec::new();
    for (name, value) in headers {
        written.push(name.len() as u8);
        written.extend(name.as_bytes());
        // A text.
        written.push(7);
        written.extend((value.len() as u16).to_be_bytes());
        written.extend(value.as_bytes());
    }
    let mut message = Vec::new();
    message.extend(((written.len() + payload.len() + 16) as u32).to_be_bytes());
    message.extend((written.len() as u32).to_be_bytes());
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message.extend(written);
    message.extend(payload);
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message
}

//! Writes Amazon's event stream, for transcripts that people can read.

use base64::{Engine, prelude::BASE64_STANDARD};

/// Makes the stream that a text tells, a line each.
pub(crate) fn stream(text: &[u8]) -> Vec<u8> {
    let mut stream = Stream::default();
    for line in std::str::from_utf8(text).unwrap().lines() {
        stream.add(line).unwrap_or_else(|| panic!("{line}"));
    }
    stream.bytes
}

/// A stream that is told line by line.
#[derive(Default)]
pub(crate) struct Stream {
    pub(crate) bytes: Vec<u8>,
    /// Where the last message begins.
    last: usize,
}

impl Stream {
    /// Adds what a line tells; `None` if it tells nothing.
    ///
    /// - `event NAME PAYLOAD`, `exception NAME PAYLOAD`, `error CODE MESSAGE`;
    /// - `chunk PAYLOAD`: an event of `InvokeModel`, which packs what the model says;
    /// - `flip N`: the last message's byte N is damaged;
    /// - `cut N`: the last N bytes are missing.
    pub(crate) fn add(&mut self, line: &str) -> Option<()> {
        let (what, rest) = line.split_once(' ')?;
        let (name, payload) = rest.split_once(' ').unwrap_or_default();
        let message = match what {
            "event" => event(name, payload.as_bytes()),
            "chunk" => event("chunk", packed(rest.as_bytes()).as_bytes()),
            "exception" => message(
                &[
                    (":message-type", "exception"),
                    (":exception-type", name),
                    (":content-type", "application/json"),
                ],
                payload.as_bytes(),
            ),
            "error" => message(
                &[(":message-type", "error"), (":error-code", name), (":error-message", payload)],
                b"",
            ),
            "flip" => {
                *self.bytes.get_mut(self.last..)?.get_mut(rest.parse::<usize>().ok()?)? ^= 0x10;
                return Some(());
            }
            "cut" => {
                self.bytes.truncate(self.bytes.len().checked_sub(rest.parse().ok()?)?);
                return Some(());
            }
            _ => return None,
        };
        self.last = self.bytes.len();
        self.bytes.extend(message);
        Some(())
    }
}

fn event(name: &str, payload: &[u8]) -> Vec<u8> {
    message(
        &[(":event-type", name), (":content-type", "application/json"), (":message-type", "event")],
        payload,
    )
}

/// The payload of an event that packs what a model says.
pub(crate) fn packed(payload: &[u8]) -> String {
    format!("{{\"bytes\":\"{}\",\"p\":\"abcd\"}}", BASE64_STANDARD.encode(payload))
}

/// A message whose headers are all texts.
pub(crate) fn message(texts: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in texts {
        headers.push(name.len() as u8);
        headers.extend(name.as_bytes());
        headers.push(7);
        headers.extend((value.len() as u16).to_be_bytes());
        headers.extend(value.as_bytes());
    }
    raw(&headers, payload)
}

/// A message of these bytes, with its lengths and checksums.
pub(crate) fn raw(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    message.extend(((headers.len() + payload.len() + 16) as u32).to_be_bytes());
    message.extend((headers.len() as u32).to_be_bytes());
    message.extend(crc32(&message).to_be_bytes());
    message.extend(headers);
    message.extend(payload);
    message.extend(crc32(&message).to_be_bytes());
    message
}

/// The checksum of zlib, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// The vectors that Amazon's own libraries are tested with.
#[test]
fn the_format_is_amazons() {
    let empty = [0, 0, 0, 16, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
    assert_eq!(raw(b"", b""), empty);
    let prelude = [0, 0, 0, 29, 0, 0, 0, 0, 0xfd, 0x52, 0x8c, 0x5a];
    let message = [&prelude[..], b"{'foo':'bar'}", &[0xc3, 0x65, 0x39, 0x36]].concat();
    assert_eq!(raw(b"", b"{'foo':'bar'}"), message);
}

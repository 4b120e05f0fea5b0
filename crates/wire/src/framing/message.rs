//! Amazon's event stream: binary messages, each with its length, its headers and two checksums.
//!
//! Big-endian: length of all (u32), of the headers (u32), checksum of these eight bytes; headers; payload; checksum of
//! all before it. Both are CRC-32, that of zlib.

use super::Cut;

const PRELUDE: usize = 12;
/// Prelude and last checksum.
const AROUND: usize = PRELUDE + 4;
const MAX_HEADERS: usize = 128 << 10;
const MAX_PAYLOAD: usize = 24 << 20;

/// How far a message was scanned.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    prelude: [u8; PRELUDE],
    seen: usize,
    /// The prelude is wrong, so nobody knows where the message ends.
    lost: bool,
}

impl Cut for Scan {
    fn between(_: &[u8]) -> usize {
        0
    }

    fn begin(_: u8) -> Self {
        Self::default()
    }

    fn scan(&mut self, bytes: &[u8]) -> Option<usize> {
        let before = self.seen;
        self.seen = before.saturating_add(bytes.len());
        if before < PRELUDE {
            let count = bytes.len().min(PRELUDE - before);
            self.prelude[before..before + count].copy_from_slice(&bytes[..count]);
            if self.seen < PRELUDE {
                return None;
            }
        }
        let Some(total) = length(&self.prelude) else {
            self.lost = true;
            return Some(PRELUDE - before);
        };
        (self.seen >= total).then(|| total - before)
    }

    fn lost(&self) -> bool {
        self.lost
    }
}

/// The length that a prelude tells, if it is possible and its checksum is right.
fn length(prelude: &[u8; PRELUDE]) -> Option<usize> {
    let total = number(prelude, 0)? as usize;
    let headers = number(prelude, 4)? as usize;
    let payload = total.checked_sub(headers.checked_add(AROUND)?)?;
    let possible = headers <= MAX_HEADERS && payload <= MAX_PAYLOAD;
    (possible && number(prelude, 8)? == crc32fast::hash(&prelude[..8])).then_some(total)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// An event of this type.
    Event { name: &'a [u8], payload: &'a [u8] },
    /// The answer failed: with a type that the service declares, and its fields as JSON.
    Exception { name: &'a [u8], payload: &'a [u8] },
    /// The answer failed: with a code, and a text.
    Error { code: &'a [u8], message: &'a [u8] },
}

impl<'a> Message<'a> {
    /// Reads a whole message; says what is wrong with it if it cannot be read.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let (body, checksum) =
            bytes.split_last_chunk::<4>().ok_or("a message of the event stream is cut short")?;
        if crc32fast::hash(body) != u32::from_be_bytes(*checksum) {
            return Err("the checksum of a message of the event stream is wrong");
        }
        Self::parse(body).ok_or("the headers of a message of the event stream are wrong")
    }

    fn parse(body: &'a [u8]) -> Option<Self> {
        let headers = number(body, 4)? as usize;
        let (mut headers, payload) = body.get(PRELUDE..)?.split_at_checked(headers)?;
        let (mut kind, mut name, mut message) = (None, None, None);
        while !headers.is_empty() {
            let header = Header::read(&mut headers)?;
            match header.name {
                b":message-type" => kind = header.text,
                b":event-type" | b":exception-type" | b":error-code" => name = header.text,
                b":error-message" => message = header.text,
                _ => {}
            }
        }
        let name = name.unwrap_or_default();
        Some(match kind? {
            b"event" => Message::Event { name, payload },
            b"exception" => Message::Exception { name, payload },
            b"error" => Message::Error { code: name, message: message.unwrap_or_default() },
            _ => return None,
        })
    }
}

struct Header<'a> {
    name: &'a [u8],
    /// The value, if it is a text.
    text: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    /// Takes the next header from the front of `bytes`.
    fn read(bytes: &mut &'a [u8]) -> Option<Self> {
        let length = *bytes.split_off_first()?;
        let name = bytes.split_off(..usize::from(length))?;
        let kind = *bytes.split_off_first()?;
        let length = match kind {
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            5 | 8 => 8,
            9 => 16,
            // Bytes and text say how long they are.
            6 | 7 => u16::from_be_bytes(*bytes.split_off(..2)?.first_chunk()?),
            _ => return None,
        };
        let value = bytes.split_off(..usize::from(length))?;
        Some(Header { name, text: (kind == 7).then_some(value) })
    }
}

//! Gzip without compression: stored blocks are valid, and that is all a fault needs.

use bytes::{BufMut, Bytes, BytesMut};

/// Writes one gzip member, chunk by chunk.
#[derive(Debug, Default)]
pub(crate) struct Gzip {
    begun: bool,
    crc: u32,
    length: u32,
}

impl Gzip {
    /// The chunk as stored blocks, which a reader can decode at once.
    pub(crate) fn write(&mut self, chunk: &[u8]) -> Bytes {
        let mut out = BytesMut::new();
        if !self.begun {
            self.begun = true;
            out.put_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
        }
        for block in chunk.chunks(usize::from(u16::MAX)) {
            put_block(&mut out, block, false);
        }
        self.crc = crc32(self.crc, chunk);
        self.length = self.length.wrapping_add(chunk.len() as u32);
        out.freeze()
    }

    /// The last block and the checksum.
    pub(crate) fn finish(&mut self) -> Bytes {
        let mut out = BytesMut::from(&self.write(&[])[..]);
        put_block(&mut out, &[], true);
        out.put_u32_le(self.crc);
        out.put_u32_le(self.length);
        out.freeze()
    }
}

fn put_block(out: &mut BytesMut, block: &[u8], last: bool) {
    let length = block.len() as u16;
    out.put_u8(u8::from(last));
    out.put_u16_le(length);
    out.put_u16_le(!length);
    out.put_slice(block);
}

fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!crc, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc32(0, b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(crc32(0, b"1234"), b"56789"), 0xCBF4_3926);
    }
}

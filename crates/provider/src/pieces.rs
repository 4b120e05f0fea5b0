//! What of an answer is read, and not passed on yet.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Up to here a piece is small.
const SMALL_PIECE: usize = 1 << 10;
/// So many pieces are held as they came, however small.
const PIECES: usize = 32;

/// Pieces of an answer, in their order.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// Mostly there is one. The others come after it.
    first: Option<Bytes>,
    more: VecDeque<Bytes>,
    /// What came after those in small pieces. Kept apart, a piece costs more than its few bytes.
    gathered: BytesMut,
    len: usize,
}

impl Pieces {
    /// How many bytes they are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        self.len += piece.len();
        if self.first.is_none() && self.more.is_empty() && self.gathered.is_empty() {
            self.first = Some(piece);
            return;
        }
        // With the first one there are as many as that.
        let enough = self.more.len() + 1 >= PIECES || !self.gathered.is_empty();
        if piece.len() < SMALL_PIECE && enough {
            self.gathered.extend_from_slice(&piece);
            return;
        }
        if !self.gathered.is_empty() {
            self.more.push_back(self.gathered.split().freeze());
        }
        self.more.push_back(piece);
    }

    /// Takes the next piece.
    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        let gathered = || (!self.gathered.is_empty()).then(|| self.gathered.split().freeze());
        let piece = self.first.take().or_else(|| self.more.pop_front()).or_else(gathered)?;
        self.len -= piece.len();
        Some(piece)
    }

    /// All of them as one, which stays here.
    pub(crate) fn join(&mut self) -> Bytes {
        if !self.more.is_empty() || !self.gathered.is_empty() {
            let mut joined = BytesMut::with_capacity(self.len);
            for piece in self.first.take().into_iter().chain(self.more.drain(..)) {
                joined.extend_from_slice(&piece);
            }
            joined.extend_from_slice(&std::mem::take(&mut self.gathered));
            self.first = Some(joined.freeze());
        }
        self.first.clone().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(pieces: &mut Pieces, range: std::ops::Range<u16>) {
        for number in range {
            pieces.push(Bytes::copy_from_slice(&number.to_be_bytes()));
        }
    }

    fn expected(range: std::ops::Range<u16>) -> Vec<u8> {
        range.flat_map(u16::to_be_bytes).collect()
    }

    #[test]
    fn they_come_out_as_they_went_in() {
        let mut pieces = Pieces::default();
        let mut out = Vec::new();
        push(&mut pieces, 0..100);
        pieces.push(Bytes::new());
        pieces.push(Bytes::from(vec![7; 2000]));
        assert_eq!(pieces.len(), 2200);
        for _ in 0..10 {
            out.extend_from_slice(&pieces.pop().unwrap_or_default());
        }
        assert_eq!(out, expected(0..10), "the first ones as they came");
        push(&mut pieces, 100..103);
        while let Some(piece) = pieces.pop() {
            out.extend_from_slice(&piece);
        }
        assert_eq!(out, [expected(0..100), vec![7; 2000], expected(100..103)].concat());
        assert_eq!((pieces.len(), pieces.pop()), (0, None));
    }

    #[test]
    fn joined_they_are_one_piece_that_stays() {
        let mut pieces = Pieces::default();
        assert_eq!(pieces.join(), "");
        push(&mut pieces, 0..100);
        let joined = pieces.join();
        assert_eq!(joined, expected(0..100));
        assert_eq!(pieces.join().as_ptr(), joined.as_ptr(), "joined once");
        assert_eq!((pieces.len(), pieces.pop(), pieces.pop()), (200, Some(joined), None));
    }
}

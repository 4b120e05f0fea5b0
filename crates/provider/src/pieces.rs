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
    /// Mostly there is one, or a prelude and the first content. The others come after them.
    first: [Option<Bytes>; 2],
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
        if self.more.is_empty()
            && self.gathered.is_empty()
            && let Some(place) = self.first.iter_mut().find(|place| place.is_none())
        {
            *place = Some(piece);
            return;
        }
        // With the first ones there are as many as that.
        let enough = self.more.len() + self.first.len() >= PIECES || !self.gathered.is_empty();
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
        let [first, second] = &mut self.first;
        let next = std::mem::replace(first, second.take());
        let gathered = || (!self.gathered.is_empty()).then(|| self.gathered.split().freeze());
        let piece = next.or_else(|| self.more.pop_front()).or_else(gathered)?;
        self.len -= piece.len();
        Some(piece)
    }

    /// All of them as one, which stays here.
    pub(crate) fn join(&mut self) -> Bytes {
        if self.first[0].as_ref().map_or(0, Bytes::len) < self.len {
            let mut joined = BytesMut::with_capacity(self.len);
            let first = std::mem::take(&mut self.first);
            for piece in first.into_iter().flatten().chain(self.more.drain(..)) {
                joined.extend_from_slice(&piece);
            }
            joined.extend_from_slice(&std::mem::take(&mut self.gathered));
            self.first[0] = Some(joined.freeze());
        }
        self.first[0].clone().unwrap_or_default()
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
    fn a_prelude_and_the_first_content_take_no_memory_of_their_own() {
        let mut pieces = Pieces::default();
        for _ in 0..3 {
            pieces.push(Bytes::from_static(b"prelude"));
            pieces.push(Bytes::from_static(b"content"));
            assert_eq!(pieces.pop().as_deref(), Some(&b"prelude"[..]));
            pieces.push(Bytes::from_static(b"more"));
            assert_eq!((pieces.pop().unwrap(), pieces.pop().unwrap()), ("content".into(), "more".into()));
        }
        assert_eq!((pieces.len(), pieces.more.capacity()), (0, 0));
    }

    #[test]
    fn joined_are_only_those_that_are_still_there() {
        let mut pieces = Pieces::default();
        push(&mut pieces, 0..5);
        for left in 1..5 {
            pieces.pop();
            assert_eq!(pieces.join(), expected(left..5));
            pieces = Pieces::default();
            push(&mut pieces, left..5);
        }
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

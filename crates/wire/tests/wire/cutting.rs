//! However a stream is cut into pieces, and whatever its lines end in, it says the same.

use buttress_wire::{Close, Decoder, Event};
use proptest::prelude::*;

use crate::transcripts::{ALL, Transcript, decode};

/// What the lines of a transcript may end in.
fn line_ends(transcript: &Transcript) -> &'static [&'static str] {
    if transcript.has_lines { &LINE_ENDS } else { &LINE_ENDS[..1] }
}

/// The transcript with its line ends replaced. None holds a line end inside an event's text.
fn with_line_ends(transcript: &Transcript, end: &str) -> Vec<u8> {
    if !transcript.has_lines {
        return transcript.bytes.clone();
    }
    String::from_utf8(transcript.bytes.clone()).unwrap().replace('\n', end).into_bytes()
}

fn whole(transcript: &Transcript, max_event: usize) -> (Vec<Event>, Close) {
    decode(Decoder::new(transcript.dialect).max_event(max_event), [&transcript.bytes[..]])
}

const LINE_ENDS: [&str; 3] = ["\n", "\r\n", "\r"];
const NO_LIMIT: usize = 1 << 20;

#[test]
fn a_cut_at_any_byte_changes_nothing() {
    for transcript in ALL.iter() {
        let expected = whole(transcript, NO_LIMIT);
        for end in line_ends(transcript) {
            let bytes = with_line_ends(transcript, end);
            for at in 0..=bytes.len() {
                let (first, second) = bytes.split_at(at);
                let got = decode(Decoder::new(transcript.dialect), [first, second]);
                assert_eq!(got, expected, "{} with {end:?} cut at {at}", transcript.name);
            }
        }
    }
}

#[test]
fn single_bytes_change_nothing() {
    for transcript in ALL.iter() {
        for end in line_ends(transcript) {
            let bytes = with_line_ends(transcript, end);
            let got = decode(Decoder::new(transcript.dialect), bytes.chunks(1));
            assert_eq!(got, whole(transcript, NO_LIMIT), "{} with {end:?}", transcript.name);
        }
    }
}

#[test]
fn the_limit_of_an_event_falls_alike_wherever_the_cut_is() {
    // Some events fit each limit, and some do not.
    for (which, transcript) in ALL.iter().enumerate() {
        let ends = line_ends(transcript);
        // Each limit with another end, and in the next transcript with the next: all of them would take minutes.
        for (nth, limit) in [60, 150, 210].into_iter().enumerate() {
            let end = ends[(which + nth) % ends.len()];
            let bytes = with_line_ends(transcript, end);
            let decoder = || Decoder::new(transcript.dialect).max_event(limit);
            let expected = decode(decoder(), [&bytes[..]]);
            for at in 0..=bytes.len() {
                let (first, second) = bytes.split_at(at);
                let got = decode(decoder(), [first, second]);
                assert_eq!(got, expected, "{} with {end:?}, at most {limit}, cut at {at}", transcript.name);
            }
        }
    }
}

proptest! {
    #[test]
    fn random_pieces_change_nothing(
        which in 0..ALL.len(),
        end in proptest::sample::select(&LINE_ENDS[..]),
        sizes in proptest::collection::vec(0usize..90, 1..60),
    ) {
        let transcript = &ALL[which];
        let bytes = with_line_ends(transcript, end);
        let mut rest = &bytes[..];
        let mut pieces = Vec::new();
        for size in sizes {
            let (piece, tail) = rest.split_at(size.min(rest.len()));
            pieces.push(piece);
            rest = tail;
        }
        pieces.push(rest);
        prop_assert_eq!(decode(Decoder::new(transcript.dialect), pieces), whole(transcript, NO_LIMIT));
    }
}

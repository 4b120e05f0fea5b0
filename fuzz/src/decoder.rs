//! Streams.

use buttress_wire::{Close, Decoder, Dialect, Event};

use crate::{amazon, bounded, hash};

/// So long is the input whose time is measured.
const LONG: usize = 128 << 10;

/// The same events however a stream is split; bounded memory; linear time; no panic.
pub fn decoder(dialect: Dialect, stream: &[u8]) {
    for max in [40, 1 << 20] {
        let decoder = || Decoder::new(dialect).max_event(max);
        let whole = read(decoder(), [stream]);
        assert_eq!(read(decoder(), stream.chunks(1)), whole, "byte by byte");
        assert_eq!(read(decoder(), pieces(stream)), whole, "in pieces");
        check(&whole);
        // What is held of an event, what an error keeps of it, and texts on the way there.
        let memory = 16 * stream.len().min(max) + (32 << 10);
        bounded(stream.len(), memory, || drain(decoder(), pieces(stream)));
    }
    if !stream.is_empty() && hash(stream).is_multiple_of(64) {
        let long = stream.repeat(LONG / stream.len() + 1);
        bounded(long.len(), 16 * long.len() + (32 << 10), || drain(Decoder::new(dialect), [&long[..]]));
    }
}

/// The same for Amazon's event stream, whose checksums no fuzzer hits: beside the bytes as they are, the messages that
/// they tell, a line each.
pub fn messages(dialect: Dialect, text: &[u8]) {
    decoder(dialect, text);
    let text = String::from_utf8_lossy(text);
    let mut stream = amazon::Stream::default();
    for line in text.lines() {
        let _ = stream.add(line);
    }
    decoder(dialect, &stream.bytes);
}

/// Everything that a decoder says.
fn read<'a>(mut decoder: Decoder, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, Close) {
    let mut events = Vec::new();
    let mut given = 0;
    for mut piece in pieces {
        given += piece.len() as u64;
        loop {
            let before = decoder.position();
            let Some(event) = decoder.next(&mut piece) else { break };
            assert!(before <= decoder.position() && decoder.position() <= given);
            events.push(event);
        }
        assert!(piece.is_empty(), "a decoder that wants more has taken all");
    }
    let ended = decoder.ended();
    let mut close = decoder.close();
    assert!(!close.complete || decoder.complete());
    events.extend(close.event.take());
    assert!(close.complete || !ended || events.last().is_some_and(|event| event.error.is_some()));
    (events, close)
}

fn drain<'a>(mut decoder: Decoder, pieces: impl IntoIterator<Item = &'a [u8]>) {
    for mut piece in pieces {
        while decoder.next(&mut piece).is_some() {}
    }
    decoder.close();
}

fn check((events, close): &(Vec<Event>, Close)) {
    assert!(!close.complete || events.iter().all(|event| event.error.is_none()));
    for event in events {
        if let Some(usage) = event.usage {
            assert!(usage.cached_input <= usage.input && usage.cache_write <= usage.input, "{usage:?}");
            assert!(usage.reasoning <= usage.output, "{usage:?}");
        }
        if let Some(error) = &event.error {
            assert!(error.message.len() <= 1024 && error.code.as_ref().is_none_or(|code| code.len() <= 128));
        }
    }
}

/// Pieces of all sizes, told by the stream itself.
fn pieces(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = stream;
    let mut state = hash(stream);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (piece, after) = rest.split_at(((state >> 33) as usize % 60).min(rest.len()));
        rest = after;
        Some(piece)
    })
}

//! Watching a stream costs no allocation.

use buttress_wire::{Decoder, Dialect};

use crate::transcripts::named;

#[test]
fn ordinary_events_after_the_first_content_allocate_nothing() {
    for (name, dialect) in [
        ("openai/text", Dialect::OpenAi),
        ("openai/azure", Dialect::OpenAi),
        ("anthropic/text", Dialect::Anthropic),
        ("anthropic/data_only_spaced", Dialect::Anthropic),
    ] {
        let transcript = named(name);
        let mut decoder = Decoder::new(dialect);
        let mut input = &transcript.bytes[..];
        let first = |decoder: &mut Decoder, input: &mut &[u8]| {
            loop {
                let start = *input;
                if decoder.next(input).expect("content").content {
                    return &transcript.bytes[transcript.bytes.len() - start.len()..]
                        [..start.len() - input.len()];
                }
            }
        };
        let event = first(&mut decoder, &mut input);
        let stream = event.repeat(1000);
        let mut contents = 0;
        let counted = allocation_counter::measure(|| {
            let mut input = &stream[..];
            while let Some(event) = decoder.next(&mut input) {
                contents += usize::from(event.content);
            }
        });
        assert_eq!((contents, counted.count_total), (1000, 0), "{name}");
    }
}

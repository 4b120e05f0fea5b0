//! Watching a stream costs no allocation.

use buttress_wire::Decoder;

use crate::transcripts::named;

#[test]
fn ordinary_events_after_the_first_content_allocate_nothing() {
    for name in [
        "openai/text",
        "openai/azure",
        "responses/text",
        "responses/data_only",
        "anthropic/text",
        "anthropic/data_only_spaced",
        "gemini/text",
        "gemini/array",
        "bedrock/text",
        "bedrock_invoke/anthropic",
        "cohere/text",
        "ollama/chat",
        "ollama/generate",
        "tgi/text",
    ] {
        let transcript = named(name);
        let mut decoder = Decoder::new(transcript.dialect);
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

#[test]
fn a_plain_chat_allocates_nothing_from_its_first_event_to_its_last() {
    for name in ["openai/text", "openai/deepseek", "openai/mistral", "openai/together"] {
        let transcript = named(name);
        let mut decoder = Decoder::new(transcript.dialect);
        let mut usage = None;
        let counted = allocation_counter::measure(|| {
            let mut input = &transcript.bytes[..];
            while let Some(event) = decoder.next(&mut input) {
                usage = event.usage.or(usage);
            }
        });
        assert!(decoder.ended() && usage.is_some(), "{name}");
        assert_eq!(counted.count_total, 0, "{name}");
    }
}

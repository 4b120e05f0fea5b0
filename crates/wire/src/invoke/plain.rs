//! The older models of Bedrock: a text in each chunk, and a reason to stop in the last.

use buttress_call::{Kind, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::metrics;
use crate::{
    Answer, ApiError, Dialect, Event, EventReader, Frame,
    answer::error,
    json::{count, each, field, filled, object, text},
};

/// What is remembered between chunks.
#[derive(Debug, Default)]
pub(super) struct Reader {
    stopped: bool,
    /// Of the prompt: told once.
    input: u64,
}

/// A chunk of a stream, or a whole answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    /// Meta.
    generation: Option<&'a RawValue>,
    /// Amazon's Titan.
    #[serde(rename = "outputText")]
    output_text: Option<&'a RawValue>,
    /// Anthropic, before Messages.
    completion: Option<&'a RawValue>,
    /// Cohere, and AI21.
    text: Option<&'a RawValue>,
    /// Mistral's `outputs`, Cohere's `generations`, Titan's `results`: a part each.
    outputs: Option<&'a RawValue>,
    generations: Option<&'a RawValue>,
    results: Option<&'a RawValue>,
    stop_reason: Option<&'a RawValue>,
    #[serde(rename = "completionReason")]
    completion_reason: Option<&'a RawValue>,
    finish_reason: Option<&'a RawValue>,
    prompt_token_count: Option<&'a RawValue>,
    generation_token_count: Option<&'a RawValue>,
    #[serde(rename = "amazon-bedrock-invocationMetrics")]
    metrics: Option<&'a RawValue>,
}

/// What a chunk says: its own words and those of its parts.
#[derive(Default)]
struct Said {
    content: bool,
    finished: bool,
    stop: Option<Kind>,
}

impl Said {
    fn add(&mut self, chunk: &Chunk<'_>) {
        self.content |=
            [chunk.generation, chunk.output_text, chunk.completion, chunk.text].into_iter().any(filled);
        for reason in [chunk.stop_reason, chunk.completion_reason, chunk.finish_reason] {
            if let Some(reason) = text(reason) {
                self.finished = true;
                if matches!(&*reason, "CONTENT_FILTERED" | "ERROR_TOXIC" | "content_filtered") {
                    self.stop = Some(Kind::Filtered);
                }
            }
        }
    }

    fn of(chunk: &Chunk<'_>) -> Self {
        let mut said = Said::default();
        said.add(chunk);
        for parts in [chunk.outputs, chunk.generations, chunk.results] {
            each(parts, |part| said.add(&field(Some(part)).unwrap_or_default()));
        }
        said
    }
}

impl EventReader for Reader {
    fn read(&mut self, Frame { data, .. }: Frame<'_>) -> Event {
        let Some(chunk) = object::<Chunk<'_>>(data) else { return Event::malformed() };
        if filled(chunk.error) {
            return Event::failed(ApiError::inside(Dialect::BedrockInvoke, data));
        }
        let said = Said::of(&chunk);
        self.stopped |= said.finished;
        Event {
            content: said.content,
            finished: said.finished,
            stop: said.stop,
            usage: usage(&chunk, &mut self.input),
            // The last of all.
            end: chunk.metrics.is_some(),
            ..Event::default()
        }
    }

    fn finished(&self) -> bool {
        self.stopped
    }
}

/// Bedrock's own counts, or else Meta's: that of the prompt in the first chunk, that of the answer in each.
fn usage(chunk: &Chunk<'_>, input: &mut u64) -> Option<Usage> {
    metrics(chunk.metrics).or_else(|| {
        let (prompt, output) = (count(chunk.prompt_token_count), count(chunk.generation_token_count));
        *input = prompt.unwrap_or(*input);
        prompt.or(output)?;
        Some(Usage::new(*input, output.unwrap_or(0)))
    })
}

/// Reads a whole answer.
pub(super) fn answer(body: &[u8]) -> Answer {
    if let Some(error) = error(Dialect::BedrockInvoke, body) {
        return Answer::Error(error);
    }
    let chunk: Chunk<'_> = object(body).unwrap_or_default();
    Answer::complete(usage(&chunk, &mut 0), Said::of(&chunk).stop)
}

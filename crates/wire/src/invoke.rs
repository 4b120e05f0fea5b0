//! Streams of Amazon Bedrock's `InvokeModel`: whatever the model speaks, inside Amazon's frames.

mod plain;

use base64::{Engine, prelude::BASE64_STANDARD};
use buttress_call::Usage;
use memchr::memchr;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Answer, Event, EventReader, Frame, anthropic, bedrock,
    json::{count, field, has_leading_type, object},
    openai,
};

/// What is remembered between chunks.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    native: Native,
    /// Where chunks are unpacked.
    unpacked: Vec<u8>,
}

/// What the model speaks, told by its first chunk.
#[derive(Debug, Default)]
enum Native {
    #[default]
    Unknown,
    Anthropic(anthropic::Reader),
    OpenAi(openai::Reader),
    /// Amazon's own Nova wraps Converse's events in their names.
    Converse(bedrock::Reader),
    /// Text, and a reason to stop.
    Plain(plain::Reader),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Chunk<'a> {
    #[serde(borrow)]
    bytes: Option<&'a RawValue>,
}

/// What tells the languages apart, and what Bedrock adds to the last chunk of each.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Top<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    choices: Option<&'a RawValue>,
    message_start: Option<&'a RawValue>,
    content_block_start: Option<&'a RawValue>,
    content_block_delta: Option<&'a RawValue>,
    content_block_stop: Option<&'a RawValue>,
    message_stop: Option<&'a RawValue>,
    metadata: Option<&'a RawValue>,
    #[serde(rename = "amazon-bedrock-invocationMetrics")]
    metrics: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metrics<'a> {
    #[serde(borrow)]
    input_token_count: Option<&'a RawValue>,
    output_token_count: Option<&'a RawValue>,
}

impl EventReader for Reader {
    fn read(&mut self, Frame { name, data }: Frame<'_>) -> Event {
        if name != Some(b"chunk") {
            return Event::default();
        }
        if let Native::Anthropic(reader) = &self.native
            && reader.has_content()
            && is_content(data)
        {
            return Event::content();
        }
        let Some(packed) = packed(data) else { return Event::malformed() };
        self.unpacked.clear();
        if BASE64_STANDARD.decode_vec(packed, &mut self.unpacked).is_err() {
            return Event::malformed();
        }
        self.native.read(&self.unpacked)
    }

    fn finished(&self) -> bool {
        match &self.native {
            Native::Unknown => false,
            Native::Anthropic(reader) => reader.finished(),
            Native::OpenAi(reader) => reader.finished(),
            Native::Converse(reader) => reader.finished(),
            Native::Plain(reader) => reader.finished(),
        }
    }
}

/// So many bytes hold the type of an event that says it first.
const HEAD_BYTES: usize = 36;

/// Whether a chunk packs a content event of Anthropic's, by the first bytes of it and the last. Only these are unpacked.
fn is_content(data: &[u8]) -> bool {
    // Three bytes are four characters.
    const HEAD: usize = HEAD_BYTES / 3 * 4;

    let Some(packed) = data.strip_prefix(b"{\"bytes\":\"") else { return false };
    let Some(length) = memchr(b'"', packed) else { return false };
    let packed = &packed[..length];
    let (Some(head), Some(tail)) = (packed.first_chunk::<HEAD>(), packed.last_chunk::<4>()) else {
        return false;
    };
    let mut ends = [0; HEAD_BYTES + 3];
    let (first, last) = ends.split_at_mut(HEAD_BYTES);
    let Ok(HEAD_BYTES) = BASE64_STANDARD.decode_slice(head, first) else { return false };
    let Ok(count) = BASE64_STANDARD.decode_slice(tail, last) else { return false };
    data.ends_with(b"}") && has_leading_type(&ends[..HEAD_BYTES + count], anthropic::CONTENT)
}

/// The text of the `bytes` of a chunk.
fn packed(data: &[u8]) -> Option<&[u8]> {
    let chunk: Chunk<'_> = object(data)?;
    chunk.bytes?.get().strip_prefix('"')?.strip_suffix('"').map(str::as_bytes)
}

impl Native {
    fn read(&mut self, data: &[u8]) -> Event {
        match self {
            Native::Anthropic(reader) => reader.read(Frame::new(None, data)),
            Native::OpenAi(reader) => with_metrics(reader.read(Frame::new(None, data)), data),
            Native::Converse(reader) => converse(reader, data),
            Native::Plain(reader) => reader.read(Frame::new(None, data)),
            Native::Unknown => {
                let Some(top) = object::<Top<'_>>(data) else { return Event::malformed() };
                *self = if top.r#type.is_some() {
                    Native::Anthropic(anthropic::Reader::default())
                } else if top.choices.is_some() {
                    Native::OpenAi(openai::Reader::default())
                } else if top.event().is_some() {
                    Native::Converse(bedrock::Reader::default())
                } else {
                    Native::Plain(plain::Reader::default())
                };
                self.read(data)
            }
        }
    }
}

impl<'a> Top<'a> {
    /// The event of Converse that this is, and its name.
    fn event(&self) -> Option<(&'static [u8], &'a RawValue)> {
        [
            (&b"contentBlockDelta"[..], self.content_block_delta),
            (b"messageStop", self.message_stop),
            (b"metadata", self.metadata),
            (b"messageStart", self.message_start),
            (b"contentBlockStart", self.content_block_start),
            (b"contentBlockStop", self.content_block_stop),
        ]
        .into_iter()
        .find_map(|(name, event)| Some((name, event?)))
    }
}

fn converse(reader: &mut bedrock::Reader, data: &[u8]) -> Event {
    let Some(top) = object::<Top<'_>>(data) else { return Event::malformed() };
    let Some((name, event)) = top.event() else { return Event::default() };
    reader.read(Frame::new(Some(name), event.get().as_bytes()))
}

/// OpenAI's last chunk tells no usage unless it was asked to.
fn with_metrics(event: Event, data: &[u8]) -> Event {
    if !event.finished || event.usage.is_some() {
        return event;
    }
    let top: Top<'_> = object(data).unwrap_or_default();
    Event { usage: metrics(top.metrics), ..event }
}

/// The counts that Bedrock adds to the last chunk, whoever made the model.
fn metrics(raw: Option<&RawValue>) -> Option<Usage> {
    let metrics: Metrics<'_> = field(raw)?;
    let (input, output) = (count(metrics.input_token_count), count(metrics.output_token_count));
    input.or(output)?;
    Some(Usage::new(input.unwrap_or(0), output.unwrap_or(0)))
}

/// Reads a whole answer, in whichever language.
pub(crate) fn answer(body: &[u8]) -> Answer {
    let top: Top<'_> = object(body).unwrap_or_default();
    if top.r#type.is_some() {
        anthropic::answer(body)
    } else if top.choices.is_some() {
        openai::answer(body)
    } else {
        match bedrock::answer(body) {
            Answer::Complete { usage: None, stop: None } => plain::answer(body),
            answer => answer,
        }
    }
}

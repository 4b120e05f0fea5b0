//! Streams of OpenAI chat completions, and of what speaks them.

mod glance;

use buttress_call::{Kind, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    ApiError, Dialect, Event,
    details::Details,
    json::{count, each, field, filled, object, text},
    usage,
};

/// What is remembered between events.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// Content was seen: from here on events are glanced at first.
    content: bool,
    /// The choices that were seen, and those that have a finish reason, a bit each.
    seen: u128,
    finished: u128,
}

/// A chunk of a stream, or a whole answer.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Chunk<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    r#type: Option<&'a RawValue>,
    object: Option<&'a RawValue>,
    choices: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
    x_groq: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Groq<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice<'a> {
    #[serde(borrow)]
    index: Option<&'a RawValue>,
    delta: Option<&'a RawValue>,
    /// Legacy completions.
    text: Option<&'a RawValue>,
    finish_reason: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    refusal: Option<&'a RawValue>,
    /// DeepSeek, vLLM, and others.
    reasoning_content: Option<&'a RawValue>,
    /// OpenRouter, Groq, newer vLLM.
    reasoning: Option<&'a RawValue>,
    tool_calls: Option<&'a RawValue>,
    function_call: Option<&'a RawValue>,
    audio: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ToolCall<'a> {
    #[serde(borrow)]
    function: Option<&'a RawValue>,
    /// A tool that takes free text.
    custom: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Function<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    arguments: Option<&'a RawValue>,
    input: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Audio<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    transcript: Option<&'a RawValue>,
}

/// What the choices of a chunk say together.
#[derive(Default)]
pub(crate) struct Choices<'a> {
    any: bool,
    content: bool,
    seen: u128,
    finished: u128,
    /// A finish reason is `error`.
    failed: bool,
    error: Option<&'a RawValue>,
    pub(crate) stop: Option<Kind>,
}

impl<'a> Choices<'a> {
    pub(crate) fn read(chunk: &Chunk<'a>) -> Self {
        let mut choices = Choices::default();
        each(chunk.choices, |choice| choices.add(choice));
        choices
    }

    fn add(&mut self, raw: &'a RawValue) {
        let choice: Choice<'_> = field(Some(raw)).unwrap_or_default();
        self.any = true;
        // OpenAI allows 128 choices; more share the last bit.
        let bit = 1 << count(choice.index).unwrap_or(0).min(127);
        self.seen |= bit;
        self.content |= filled(choice.text) || field(choice.delta).is_some_and(|delta| has_content(&delta));
        self.error = self.error.or(choice.error.filter(|error| filled(Some(error))));
        if let Some(reason) = text(choice.finish_reason) {
            self.finished |= bit;
            match &*reason {
                "error" => self.failed = true,
                "content_filter" => self.stop = Some(Kind::Filtered),
                _ => {}
            }
        }
    }
}

fn has_content(delta: &Delta<'_>) -> bool {
    let called = |function| {
        let function: Function<'_> = field(function).unwrap_or_default();
        filled(function.name) || filled(function.arguments) || filled(function.input)
    };
    let mut content = filled(delta.content)
        || filled(delta.refusal)
        || filled(delta.reasoning_content)
        || filled(delta.reasoning)
        || called(delta.function_call)
        || field(delta.audio).is_some_and(|audio: Audio<'_>| filled(audio.data) || filled(audio.transcript));
    each(delta.tool_calls, |call| {
        content |=
            field(Some(call)).is_some_and(|call: ToolCall<'_>| called(call.function) || called(call.custom));
    });
    content
}

/// The error that a chunk, an answer, or an event of that name holds.
///
/// Looked for before anything else: a chunk with an `error` may have choices, too.
pub(crate) fn error(chunk: &Chunk<'_>, choices: &Choices<'_>, body: &[u8], named: bool) -> Option<ApiError> {
    let is_error = |raw| text(raw).as_deref() == Some("error");
    // Some servers put an empty `error` beside their choices; one that stands alone is an error, if a mute one.
    let top = filled(chunk.error) || (!choices.any && matches!(chunk.error, Some(e) if e.get() != "false"));
    let groq: Groq<'_> = field(chunk.x_groq).unwrap_or_default();
    if top || named || is_error(chunk.object) || is_error(chunk.r#type) {
        return Some(ApiError::inside(Dialect::OpenAi, body));
    }
    let details = if let Some(error) = groq.error.filter(|error| filled(Some(error))).or(choices.error) {
        Details::of_error(error)
    } else if choices.failed {
        Details::default()
    } else {
        return None;
    };
    Some(ApiError::conclude(Dialect::OpenAi, None, &details))
}

/// The usage that a chunk or an answer holds.
pub(crate) fn usage(chunk: &Chunk<'_>) -> Option<Usage> {
    usage::openai(chunk.usage).or_else(|| usage::openai(field::<Groq<'_>>(chunk.x_groq)?.usage))
}

impl Reader {
    pub(crate) fn read(&mut self, name: Option<&[u8]>, data: &[u8]) -> Event {
        let named_error = name == Some(b"error");
        if self.content && !named_error && glance::is_ordinary(data) {
            // Ordinary means choice 0, which needs a finish reason from here on.
            self.seen |= 1;
            return Event { content: true, ..Event::default() };
        }
        let event = self.parse(data, named_error);
        self.content |= event.content;
        event
    }

    fn parse(&mut self, data: &[u8], named_error: bool) -> Event {
        let Some(chunk) = object::<Chunk<'_>>(data) else {
            return match data.trim_ascii() {
                text if named_error => Event::failed(ApiError::inside(Dialect::OpenAi, text)),
                b"[DONE]" => Event { end: true, ..Event::default() },
                b"" => Event::default(),
                _ => Event::malformed(),
            };
        };
        let choices = Choices::read(&chunk);
        self.seen |= choices.seen;
        self.finished |= choices.finished;
        let error = error(&chunk, &choices, data, named_error).map(Box::new);
        let usage = usage(&chunk);
        Event {
            content: choices.content,
            finished: choices.finished != 0,
            stop: choices.stop,
            usage,
            usage_only: usage.is_some() && !choices.any && error.is_none(),
            error,
            ..Event::default()
        }
    }

    /// Whether every choice seen has a finish reason: the end of a stream whose server leaves `[DONE]` out.
    pub(crate) fn finished(&self) -> bool {
        self.seen != 0 && self.seen == self.finished
    }
}

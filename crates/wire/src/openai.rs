//! Streams of OpenAI chat completions, and of what speaks them.

mod glance;
mod whole;

use buttress_call::{Kind, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

pub(crate) use self::whole::{answer, object_answer};
use crate::{
    ApiError, Dialect, Event, EventReader, Frame,
    choices::Choices,
    details::Details,
    json::{count, each, field, filled, object, text},
    usage,
};

/// What is remembered between events.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// Content was seen: from here on events are glanced at first.
    content: bool,
    choices: Choices,
}

/// A chunk of a stream, or a whole answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Chunk<'a> {
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
    /// OpenRouter.
    images: Option<&'a RawValue>,
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
#[expect(clippy::struct_excessive_bools, reason = "a chunk can be any mixture of these")]
struct Said<'a> {
    any: bool,
    content: bool,
    finished: bool,
    /// Of the stream, this chunk included.
    choices: Choices,
    /// A finish reason is `error`.
    failed: bool,
    error: Option<&'a RawValue>,
    stop: Option<Kind>,
}

impl<'a> Said<'a> {
    fn read(chunk: &Chunk<'a>, before: Choices) -> Self {
        let mut said = Said { choices: before, ..Said::default() };
        each(chunk.choices, |choice| said.add(choice));
        said
    }

    fn add(&mut self, raw: &'a RawValue) {
        self.see(&field(Some(raw)).unwrap_or_default());
    }

    fn see(&mut self, choice: &Choice<'a>) {
        self.any = true;
        self.content |= filled(choice.text) || field(choice.delta).is_some_and(|delta| has_content(&delta));
        self.error = self.error.or(choice.error.filter(|error| filled(Some(error))));
        let reason = text(choice.finish_reason);
        self.choices.see(count(choice.index), reason.is_some());
        self.finished |= reason.is_some();
        match reason.as_deref() {
            Some("error") => self.failed = true,
            Some("content_filter") => self.stop = Some(Kind::Filtered),
            _ => {}
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
        || filled(delta.images)
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
fn error(chunk: &Chunk<'_>, said: &Said<'_>, body: &[u8], named: bool) -> Option<ApiError> {
    let is_error = |raw| text(raw).as_deref() == Some("error");
    // Some servers put an empty `error` beside their choices; one that stands alone is an error, if a mute one.
    let top = filled(chunk.error) || (!said.any && matches!(chunk.error, Some(e) if e.get() != "false"));
    let groq: Groq<'_> = field(chunk.x_groq).unwrap_or_default();
    if top || named || is_error(chunk.object) || is_error(chunk.r#type) {
        return Some(ApiError::inside(Dialect::OpenAi, body));
    }
    let details = if let Some(error) = groq.error.filter(|error| filled(Some(error))).or(said.error) {
        Details::of_error(error)
    } else if said.failed {
        Details::default()
    } else {
        return None;
    };
    Some(ApiError::conclude(Dialect::OpenAi, None, &details))
}

/// The usage that a chunk or an answer holds.
fn usage(chunk: &Chunk<'_>) -> Option<Usage> {
    usage::openai(chunk.usage).or_else(|| usage::openai(field::<Groq<'_>>(chunk.x_groq)?.usage))
}

impl EventReader for Reader {
    fn read(&mut self, Frame { name, data }: Frame<'_>) -> Event {
        let named_error = name == Some(b"error");
        if self.content && !named_error && glance::is_ordinary(data) {
            // Ordinary means choice 0, which needs a finish reason from here on.
            self.choices.see(None, false);
            return Event::content();
        }
        let event = self.parse(data, named_error);
        self.content |= event.content;
        event
    }

    /// Audio and images may be longer than any limit.
    fn read_head(&self, Frame { data, .. }: Frame<'_>) -> Event {
        Event { content: glance::begins_media(data), ..Event::default() }
    }

    /// Whether every choice seen has a finish reason: the end of a stream whose server leaves `[DONE]` out.
    fn finished(&self) -> bool {
        self.choices.finished()
    }
}

impl Reader {
    fn parse(&mut self, data: &[u8], named_error: bool) -> Event {
        let Some(chunk) = object::<Chunk<'_>>(data) else {
            return match data.trim_ascii() {
                text if named_error => Event::failed(ApiError::inside(Dialect::OpenAi, text)),
                b"[DONE]" => Event { end: true, ..Event::default() },
                b"" => Event::default(),
                _ => Event::malformed(),
            };
        };
        let said = Said::read(&chunk, self.choices);
        self.choices = said.choices;
        let error = error(&chunk, &said, data, named_error).map(Box::new);
        let usage = usage(&chunk);
        Event {
            content: said.content,
            finished: said.finished,
            stop: said.stop,
            usage,
            usage_only: usage.is_some() && !said.any && error.is_none(),
            error,
            ..Event::default()
        }
    }
}

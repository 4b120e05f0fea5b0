//! What a chunk's choices say.

use std::fmt;

use buttress_call::Kind;
use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    choices::Choices,
    json::{Object, count, each, field, filled, text},
};

/// What the choices of a chunk say together.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "a chunk can be any mixture of these")]
pub(super) struct Said<'a> {
    pub(super) any: bool,
    pub(super) content: bool,
    pub(super) finished: bool,
    pub(super) choices: Choices,
    /// A finish reason is `error`.
    pub(super) failed: bool,
    pub(super) error: Option<&'a RawValue>,
    pub(super) stop: Option<Kind>,
}

impl<'a> Said<'a> {
    /// Reads whatever stands there, each choice by itself.
    pub(super) fn read(choices: Option<&'a RawValue>) -> Self {
        let mut said = Said::default();
        each(choices, |choice| said.see(&field(Some(choice)).unwrap_or_default()));
        said
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

/// In one pass, which only objects pass.
impl<'de: 'a, 'a> Deserialize<'de> for Said<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InPlace;

        impl<'de> Visitor<'de> for InPlace {
            type Value = Said<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("choices")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Said<'de>, A::Error> {
                let mut said = Said::default();
                while let Some(Object(choice)) = seq.next_element::<Object<Choice<'de>>>()? {
                    said.see(&choice);
                }
                Ok(said)
            }
        }

        deserializer.deserialize_seq(InPlace)
    }
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

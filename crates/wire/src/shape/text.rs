//! The text in a prompt: how much, and a hash of it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{self, Word};

/// The text seen so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    pub(super) bytes: u64,
    /// FNV-1a, each text followed by a byte that UTF-8 does not have.
    pub(super) hash: u64,
}

impl Default for Text {
    fn default() -> Self {
        Text { bytes: 0, hash: 0xcbf2_9ce4_8422_2325 }
    }
}

impl Text {
    /// Takes in a message, a list of parts, or a plain string.
    pub(super) fn add(&mut self, raw: &RawValue) {
        let before = *self;
        let read = Walk(self).deserialize(&mut serde_json::Deserializer::from_str(raw.get()));
        if read.is_err() {
            // Nested too deep, or half of a surrogate pair. Every byte of it is the best guess.
            *self = before;
            self.take(raw.get());
        }
    }

    fn take(&mut self, text: &str) {
        self.bytes += text.len() as u64;
        for byte in text.bytes().chain([0xff]) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// Walks a value, and takes the strings that are text.
struct Walk<'t>(&'t mut Text);

/// What stands under a key.
#[derive(Clone, Copy)]
enum Key {
    /// Text, or parts that hold text.
    Text,
    /// JSON that the model reads as it stands.
    Json,
    /// A text; Ollama's is an object.
    TextOrJson,
    /// The data of Anthropic's images and documents, text only if its type says so.
    Data,
    /// What a part is.
    Type,
    /// Media, marks, ids.
    Other,
}

impl Key {
    fn of(name: &str) -> Self {
        match name {
            "content" | "source" | "text" | "thinking" | "reasoning_content" | "refusal" | "tool_calls"
            | "function" | "function_call" | "name" | "title"
            // Responses.
            | "output" | "summary"
            // Gemini.
            | "parts" | "functionCall" | "functionResponse"
            // Bedrock.
            | "toolUse" | "toolResult" | "reasoningContent" | "reasoningText" => Key::Text,
            "arguments" => Key::TextOrJson,
            "input" | "args" | "response" | "json" => Key::Json,
            "data" => Key::Data,
            "type" => Key::Type,
            _ => Key::Other,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.take(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Walk(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut kind, mut data) = (None, None);
        while let Some(Word(name)) = map.next_key()? {
            match Key::of(&name) {
                Key::Text => map.next_value_seed(Walk(self.0))?,
                Key::Json => self.0.take(map.next_value::<&RawValue>()?.get()),
                Key::TextOrJson => {
                    let value: &RawValue = map.next_value()?;
                    if value.get().starts_with('{') { self.0.take(value.get()) } else { self.0.add(value) }
                }
                Key::Data => data = Some(map.next_value()?),
                Key::Type => kind = Some(map.next_value()?),
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if json::text(kind).as_deref() == Some("text")
            && let Some(data) = json::text(data)
        {
            self.0.take(&data);
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

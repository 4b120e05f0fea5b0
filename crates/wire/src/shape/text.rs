//! The text in a prompt: how much, and a hash of it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{self, Word};

/// The text seen so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Text {
    pub(super) bytes: u64,
    /// The sum of the texts' hashes: their order is all the same, as is that of a request's fields.
    pub(super) hash: u64,
    /// From here on bytes are counted, and no more.
    pub(super) unhashed: bool,
}

impl Text {
    /// Takes in a message, a list of parts, or a plain string.
    pub(super) fn add(&mut self, raw: &RawValue) {
        let before = *self;
        let read = Walk::of(self).deserialize(&mut serde_json::Deserializer::from_str(raw.get()));
        if read.is_err() {
            // Nested too deep, or half of a surrogate pair. Every byte of it is the best guess.
            *self = before;
            self.take(raw.get());
        }
    }

    fn take(&mut self, text: &str) {
        self.bytes += text.len() as u64;
        if !self.unhashed {
            self.hash = self.hash.wrapping_add(hash(text.as_bytes()));
        }
    }
}

/// The same in every process, so that instances of a gateway agree on where a conversation goes.
///
/// Eight bytes at a time, because prompts are long: each word is multiplied in, and the upper half of the product folded
/// onto the lower.
fn hash(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word) * 0x9e37_79b9_7f4a_7c15;
        (product >> 64) as u64 ^ product as u64
    };
    let (words, rest) = bytes.as_chunks();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = words.iter().chain([&last]).map(|word| u64::from_le_bytes(*word));
    words.fold(fold(0xcbf2_9ce4_8422_2325, bytes.len() as u64), fold)
}

/// Walks a value, and takes the strings that are text.
pub(super) struct Walk<'t> {
    text: &'t mut Text,
    /// Whether the value is a message of the system's, if that is asked.
    is_system: Option<&'t mut bool>,
}

impl<'t> Walk<'t> {
    fn of(text: &'t mut Text) -> Self {
        Walk { text, is_system: None }
    }

    /// A message: says whether it is the system's, too. One that has two roles is an error.
    pub(super) fn of_turn(text: &'t mut Text, is_system: &'t mut bool) -> Self {
        Walk { text, is_system: Some(is_system) }
    }
}

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
    /// Whose a message is.
    Role,
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
            "role" => Key::Role,
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
        self.text.take(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Walk::of(self.text))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut kind, mut data, mut role) = (None, None, None);
        while let Some(Word(name)) = map.next_key()? {
            match Key::of(&name) {
                Key::Text => map.next_value_seed(Walk::of(self.text))?,
                Key::Json => self.text.take(map.next_value::<&RawValue>()?.get()),
                Key::TextOrJson => {
                    let value: &RawValue = map.next_value()?;
                    match value.get().as_bytes() {
                        [b'{', ..] => self.text.take(value.get()),
                        _ => self.text.add(value),
                    }
                }
                Key::Data => data = Some(map.next_value()?),
                Key::Type => kind = Some(map.next_value()?),
                Key::Role if self.is_system.is_some() => {
                    if role.replace(map.next_value()?).is_some() {
                        return Err(A::Error::duplicate_field("role"));
                    }
                }
                Key::Role | Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if json::text(kind).as_deref() == Some("text")
            && let Some(data) = json::text(data)
        {
            self.text.take(&data);
        }
        if let Some(is_system) = self.is_system {
            *is_system = is_systems(role);
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

/// Whether a message's role is the system's.
pub(super) fn is_systems(role: Option<&RawValue>) -> bool {
    matches!(json::text(role).as_deref(), Some("system" | "developer"))
}

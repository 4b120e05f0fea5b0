//! Changing a request's body without touching what is not to be changed.

use std::{borrow::Cow, fmt, ops::Range};

use bytes::{BufMut, Bytes, BytesMut};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{Dialect, RequestError, json::text};

/// What to change in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edit<'a> {
    /// The model to ask for instead. Where the URL names it ([`Dialect::has_model_in_body`]), the body is left alone:
    /// [`Route::with_model`](crate::Route::with_model) changes the path.
    pub model: Option<&'a str>,
    /// Whether to ask for the usage at the end of a stream, where the dialect sends it only when asked.
    pub ask_usage: bool,
}

impl<'a> Edit<'a> {
    /// No change.
    pub const fn new() -> Self {
        Edit { model: None, ask_usage: false }
    }

    /// The same, with this model.
    #[must_use]
    pub const fn with_model(mut self, model: &'a str) -> Self {
        self.model = Some(model);
        self
    }

    /// The same, asking for the usage.
    #[must_use]
    pub const fn with_usage_asked(mut self) -> Self {
        self.ask_usage = true;
        self
    }
}

/// A request's body after an [`Edit`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edited {
    /// The body to send: the very same bytes if there was nothing to change.
    pub body: Bytes,
    /// The usage is asked for now, and the caller had not asked: the event that only carries it
    /// ([`Event::usage_only`](crate::Event::usage_only)) is not for the caller.
    pub usage_asked: bool,
}

/// Changes the body of a request. Every field that is not changed keeps its bytes and its place.
///
/// A `stream_options` that is not an object is left alone, for the provider to refuse.
pub fn edit(dialect: Dialect, body: &Bytes, edit: &Edit<'_>) -> Result<Edited, RequestError> {
    let fields = Fields::read(body)?;
    let mut splices = Splices { base: body.as_ptr().addr(), list: Vec::new() };
    if let Some(model) = edit.model.filter(|_| dialect.has_model_in_body()) {
        fields.set_model(model, &mut splices);
    }
    let ask = edit.ask_usage && dialect == Dialect::OpenAi && fields.is_true("stream");
    let usage_asked = ask && fields.ask_usage(&mut splices);
    Ok(Edited { body: splices.apply(body), usage_asked })
}

/// An object's fields in their order. A key may stand twice; servers read the last.
struct Fields<'a> {
    object: &'a [u8],
    list: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Fields<'a> {
    fn read(object: &'a [u8]) -> Result<Self, RequestError> {
        if !object.trim_ascii_start().starts_with(b"{") {
            return Err(RequestError::not_an_object());
        }
        let List(list) = serde_json::from_slice(object)?;
        Ok(Fields { object, list })
    }

    fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.list.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.get() == "true")
    }

    /// Replaces the value wherever the key stands, or adds both at the end.
    fn set(&self, name: &str, value: &str, splices: &mut Splices) {
        let mut found = false;
        for (_, old) in self.list.iter().filter(|(key, _)| key == name) {
            splices.replace(old.get().as_bytes(), value.to_owned());
            found = true;
        }
        if found {
            return;
        }
        if let Some((_, last)) = self.list.last() {
            splices.insert_after(last.get().as_bytes(), format!(",\"{name}\":{value}"));
        } else {
            let brace = self.object.len() - self.object.trim_ascii_start().len();
            splices.insert_after(&self.object[..=brace], format!("\"{name}\":{value}"));
        }
    }

    fn set_model(&self, model: &str, splices: &mut Splices) {
        if text(self.get("model")).as_deref() != Some(model) {
            self.set("model", &serde_json::Value::from(model).to_string(), splices);
        }
    }

    /// Says whether anything had to be changed.
    fn ask_usage(&self, splices: &mut Splices) -> bool {
        let options = self.get("stream_options").map(RawValue::get).filter(|options| *options != "null");
        let Some(options) = options else {
            self.set("stream_options", r#"{"include_usage":true}"#, splices);
            return true;
        };
        match Fields::read(options.as_bytes()) {
            Ok(options) if !options.is_true("include_usage") => {
                options.set("include_usage", "true", splices);
                true
            }
            _ => false,
        }
    }
}

/// Changes to a body, found by address: every value read from it is a part of it.
struct Splices {
    base: usize,
    list: Vec<(Range<usize>, String)>,
}

impl Splices {
    fn replace(&mut self, part: &[u8], with: String) {
        let start = part.as_ptr().addr() - self.base;
        self.list.push((start..start + part.len(), with));
    }

    fn insert_after(&mut self, part: &[u8], with: String) {
        let end = part.as_ptr().addr() - self.base + part.len();
        self.list.push((end..end, with));
    }

    fn apply(mut self, body: &Bytes) -> Bytes {
        if self.list.is_empty() {
            return body.clone();
        }
        self.list.sort_by_key(|(range, _)| range.start);
        let added: usize = self.list.iter().map(|(_, with)| with.len()).sum();
        let mut edited = BytesMut::with_capacity(body.len() + added);
        let mut at = 0;
        for (range, with) in self.list {
            edited.put_slice(&body[at..range.start]);
            edited.put_slice(with.as_bytes());
            at = range.end;
        }
        edited.put_slice(&body[at..]);
        edited.freeze()
    }
}

/// The fields of an object as they stand, which a map type would sort or merge.
struct List<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for List<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = List<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(field) = map.next_entry()? {
                    list.push(field);
                }
                Ok(List(list))
            }
        }

        deserializer.deserialize_map(Read)
    }
}

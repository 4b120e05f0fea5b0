//! Changing a request's body without touching what is not to be changed.

use std::{borrow::Cow, fmt, ops::Range};

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    Dialect, RequestError,
    json::{Word, text},
};

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
    let mut splices = Splices::new(body);
    if let Some(model) = edit.model.filter(|_| dialect.has_model_in_body()) {
        fields.set_model(model, &mut splices);
    }
    let ask = edit.ask_usage && dialect == Dialect::OpenAi && fields.is_true("stream");
    let usage_asked = ask && fields.ask_usage(&mut splices);
    Ok(Edited { body: splices.apply(body), usage_asked })
}

/// The fields that matter here.
const NAMES: [&str; 4] = ["model", "stream", "stream_options", "include_usage"];

/// The wish for usage, behind another field.
const WISH: &str = r#","stream_options":{"include_usage":true}"#;

/// What an object has of them. (Nothing else is kept: a request may have any number of fields.)
struct Fields<'a> {
    object: &'a [u8],
    found: [Found<'a>; NAMES.len()],
}

/// A field. A key may stand twice; servers read the last.
#[derive(Default)]
struct Found<'a> {
    last: Option<&'a RawValue>,
    before: Vec<&'a RawValue>,
}

impl<'a> Fields<'a> {
    fn read(object: &'a [u8]) -> Result<Self, RequestError> {
        if !object.trim_ascii_start().starts_with(b"{") {
            return Err(RequestError::not_an_object());
        }
        let text = std::str::from_utf8(object)
            .map_err(|error| RequestError::not_text(&object[..error.valid_up_to()]))?;
        let mut fields = Fields { object, found: Default::default() };
        let mut json = serde_json::Deserializer::from_str(text);
        Note(&mut fields).deserialize(&mut json)?;
        json.end()?;
        Ok(fields)
    }

    fn field(&self, name: &str) -> Option<&Found<'a>> {
        Some(&self.found[NAMES.iter().position(|known| *known == name)?])
    }

    fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.field(name)?.last
    }

    fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.get() == "true")
    }

    /// Replaces the value wherever the key stands, or adds both at the end.
    fn set(&self, name: &str, value: &str, splices: &mut Splices) {
        if let Some(Found { last: Some(last), before }) = self.field(name) {
            for old in before.iter().chain([last]) {
                splices.replace(old.get().as_bytes(), [value].concat());
            }
        } else {
            let before = self.before_its_end();
            let comma = if before.ends_with(b"{") { "" } else { "," };
            splices.insert_after(before, [comma, "\"", name, "\":", value].concat());
        }
    }

    /// The object up to its last field: where another one goes.
    fn before_its_end(&self) -> &'a [u8] {
        let object = self.object.trim_ascii_end();
        object.strip_suffix(b"}").unwrap_or(object).trim_ascii_end()
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
            if self.get("stream_options").is_none() {
                // The rule, and nothing to build: it streams, so it has a field.
                splices.insert_after(self.before_its_end(), WISH);
            } else {
                self.set("stream_options", r#"{"include_usage":true}"#, splices);
            }
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

/// Notes an object's fields as they stand, which a map type would sort or merge.
struct Note<'f, 'a>(&'f mut Fields<'a>);

impl<'a> DeserializeSeed<'a> for Note<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Note<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Word(key)) = map.next_key()? {
            if let Some(at) = NAMES.iter().position(|name| *name == key) {
                let found = &mut self.0.found[at];
                found.before.extend(found.last.replace(map.next_value()?));
            } else if key == "messages" {
                map.next_value::<Passed>()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// A list that is passed over one by one: what `serde_json` passes over at once it notes the depth of, on the heap.
struct Passed;

impl<'de> Deserialize<'de> for Passed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IgnoredAny).map(|IgnoredAny| Passed)
    }
}

/// Changes to a body, found by address: every value read from it is a part of it.
struct Splices {
    base: usize,
    /// Mostly there is one.
    first: Option<Splice>,
    more: Vec<Splice>,
}

type Splice = (Range<usize>, Cow<'static, str>);

impl Splices {
    fn new(body: &[u8]) -> Self {
        Splices { base: body.as_ptr().addr(), first: None, more: Vec::new() }
    }

    fn replace(&mut self, part: &[u8], with: impl Into<Cow<'static, str>>) {
        let start = part.as_ptr().addr() - self.base;
        self.push((start..start + part.len(), with.into()));
    }

    fn insert_after(&mut self, part: &[u8], with: impl Into<Cow<'static, str>>) {
        let end = part.as_ptr().addr() - self.base + part.len();
        self.push((end..end, with.into()));
    }

    fn push(&mut self, splice: Splice) {
        match self.first {
            Some(_) => self.more.push(splice),
            None => self.first = Some(splice),
        }
    }

    fn apply(self, body: &Bytes) -> Bytes {
        let Splices { first: Some(first), mut more, .. } = self else { return body.clone() };
        let alone;
        let all = if more.is_empty() {
            alone = first;
            std::slice::from_ref(&alone)
        } else {
            more.insert(0, first);
            more.sort_by_key(|(range, _)| range.start);
            &more
        };
        let added: usize = all.iter().map(|(_, with)| with.len()).sum();
        let mut edited = Vec::with_capacity(body.len() + added);
        let mut at = 0;
        for (range, with) in all {
            edited.extend_from_slice(&body[at..range.start]);
            edited.extend_from_slice(with.as_bytes());
            at = range.end;
        }
        edited.extend_from_slice(&body[at..]);
        edited.into()
    }
}

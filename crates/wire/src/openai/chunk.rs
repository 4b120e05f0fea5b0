//! A chunk of a stream, or a whole answer, as one object.

use buttress_call::Usage;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::choice::Said;
use crate::{
    ApiError, Dialect,
    details::Details,
    json::{Object, field, filled, object, object_of, text},
    usage,
};

/// What is said beside the choices and the usage is looked at only where it matters.
#[derive(Default)]
pub(super) struct Chunk<'a> {
    error: Option<&'a RawValue>,
    r#type: Option<&'a RawValue>,
    object: Option<&'a RawValue>,
    x_groq: Option<&'a RawValue>,
    pub(super) said: Said<'a>,
    usage: Option<Usage>,
}

/// Its fields, with choices and usage as they are to be read.
#[derive(Deserialize)]
struct Fields<'a, C, U> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    #[serde(borrow)]
    x_groq: Option<&'a RawValue>,
    choices: Option<C>,
    usage: Option<U>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Groq<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
}

impl<'a> Chunk<'a> {
    /// Reads an object, whatever its fields are.
    pub(super) fn read(json: &'a [u8]) -> Option<Self> {
        Self::in_one_pass(json).or_else(|| Self::piece_by_piece(json))
    }

    /// Reads an object that is as it should be, which nearly all are: its choices are objects, and its usage is one. That it
    /// can be read says that all of it is well-formed.
    pub(super) fn in_one_pass(json: &'a [u8]) -> Option<Self> {
        let fields: Fields<'a, Said<'a>, Object<usage::OpenAi<'a>>> =
            object_of(std::str::from_utf8(json).ok()?)?;
        let Fields { error, r#type, object, x_groq, choices, usage } = fields;
        let usage = usage.and_then(|Object(usage)| usage.sum());
        Some(Chunk { error, r#type, object, x_groq, said: choices.unwrap_or_default(), usage })
    }

    /// Reads an object's fields one by one: one that is not as it should be says nothing.
    pub(super) fn piece_by_piece(json: &'a [u8]) -> Option<Self> {
        let fields: Fields<'a, &'a RawValue, &'a RawValue> = object(json)?;
        let Fields { error, r#type, object, x_groq, choices, usage } = fields;
        Some(Chunk { error, r#type, object, x_groq, said: Said::read(choices), usage: usage::openai(usage) })
    }

    /// The error that it holds, or that an event of that name is.
    ///
    /// Looked for before anything else: a chunk with an `error` may have choices, too.
    pub(super) fn error(&self, json: &[u8], named: bool) -> Option<ApiError> {
        let is_error = |raw| text(raw).as_deref() == Some("error");
        // Some servers put an empty `error` beside their choices; one that stands alone is an error, if a mute one.
        let top =
            filled(self.error) || (!self.said.any && matches!(self.error, Some(e) if e.get() != "false"));
        if top || named || is_error(self.object) || is_error(self.r#type) {
            return Some(ApiError::inside(Dialect::OpenAi, json));
        }
        let groq = self.groq().error.filter(|error| filled(Some(error)));
        let details = if let Some(error) = groq.or(self.said.error) {
            Details::of_error(error)
        } else if self.said.failed {
            Details::default()
        } else {
            return None;
        };
        Some(ApiError::conclude(Dialect::OpenAi, None, &details))
    }

    /// The usage that it holds.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.usage.or_else(|| usage::openai(self.groq().usage))
    }

    fn groq(&self) -> Groq<'a> {
        field(self.x_groq).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::Index};

    use super::*;

    /// All that is ever asked of a chunk.
    fn told(chunk: &Chunk<'_>, json: &[u8]) -> impl PartialEq + std::fmt::Debug + use<> {
        let Said { any, content, finished, choices, stop, .. } = chunk.said;
        let errors = [false, true].map(|named| chunk.error(json, named));
        ((any, content, finished, format!("{choices:?}"), stop), errors, chunk.usage())
    }

    #[track_caller]
    fn one_pass_tells_the_same(json: &str) {
        let patient = Chunk::piece_by_piece(json.as_bytes()).expect(json);
        let chunk = Chunk::in_one_pass(json.as_bytes()).expect(json);
        assert_eq!(told(&chunk, json.as_bytes()), told(&patient, json.as_bytes()), "{json}");
    }

    const CHUNKS: [&str; 9] = [
        r#"{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,
            "finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"A"},"finish_reason":null}],"error":null}"#,
        r#"{"choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{"}}]}},
            {"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"content_filter"}],"usage":{"total_tokens":4}}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":18,"completion_tokens":4,"total_tokens":22,
            "prompt_tokens_details":{"cached_tokens":7},"completion_tokens_details":{"reasoning_tokens":3}}}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":3}}}"#,
        r#"{"choices":[{"index":0,"delta":{},"error":{"code":503,"message":"no"},"finish_reason":"error"}]}"#,
        r#"{"object":"error","message":"no such model","type":"x","code":404}"#,
        r#"{"choices":null,"error":{"type":"overloaded_error"},"usage":null}"#,
    ];

    #[test]
    fn what_is_as_it_should_be_is_read_in_one_pass() {
        CHUNKS.into_iter().chain(["{}", r#" { "choices" : [ ] } "#]).for_each(one_pass_tells_the_same);
    }

    #[test]
    fn what_is_not_as_it_should_be_is_read_piece_by_piece() {
        for json in [
            &br#"{"choices":[["stop"]]}"#[..],
            br#"{"choices":[null]}"#,
            br#"{"choices":{"index":0}}"#,
            br#"{"choices":[{"index":0,"index":1}]}"#,
            br#"{"usage":[1,2]}"#,
            br#"{"usage":{"prompt_tokens":1,"prompt_tokens":2}}"#,
            b"{\"id\":\"\xFF\"}",
        ] {
            let shown = String::from_utf8_lossy(json);
            assert!(Chunk::in_one_pass(json).is_none(), "{shown}");
            let (read, patient) = (Chunk::read(json), Chunk::piece_by_piece(json));
            assert_eq!(told(&read.unwrap(), json), told(&patient.unwrap(), json), "{shown}");
        }
    }

    #[test]
    fn what_is_no_object_is_not_read_at_all() {
        for json in [r#"{"choices":[],"choices":[]}"#, r#"{"choices":[{"text":"}]}"#, "[]", "{}{}", "7", ""] {
            assert!(Chunk::read(json.as_bytes()).is_none(), "{json}");
        }
    }

    /// Where values stand in it.
    fn values(json: &str) -> Vec<std::ops::Range<usize>> {
        let after = json.match_indices([':', '[', ',']).map(|(at, _)| at + 1);
        let value = |at: usize| {
            let mut values = serde_json::Deserializer::from_str(&json[at..]).into_iter::<&RawValue>();
            Some(at..at + values.next()?.ok()?.get().len())
        };
        after.filter_map(value).collect()
    }

    const VALUES: [&str; 16] = [
        "null",
        "false",
        "true",
        "0",
        "1",
        "-1.5e3",
        "\"\"",
        "\"error\"",
        "\"stop\"",
        "[]",
        "{}",
        "[null]",
        "[{}]",
        r#"{"code":503}"#,
        r#"{"content":"a"}"#,
        r#"{"prompt_tokens":3,"completion_tokens":4}"#,
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn one_pass_never_tells_anything_else_whatever_its_values_are(
            chunk in prop::sample::select(&CHUNKS[..]),
            changes in prop::collection::vec((any::<Index>(), prop::sample::select(&VALUES[..])), 1..4),
        ) {
            let mut json = chunk.to_owned();
            for (place, value) in changes {
                let values = values(&json);
                json.replace_range(place.get(&values).clone(), value);
            }
            if let Some(chunk) = Chunk::in_one_pass(json.as_bytes()) {
                let patient = Chunk::piece_by_piece(json.as_bytes()).unwrap();
                prop_assert_eq!(told(&chunk, json.as_bytes()), told(&patient, json.as_bytes()), "{}", json);
            }
        }

        #[test]
        fn one_pass_never_reads_what_is_not_there(
            chunk in prop::sample::select(&CHUNKS[..]), place in any::<Index>(), byte in any::<u8>(), cut in any::<bool>(),
        ) {
            let mut json = chunk.as_bytes().to_vec();
            let place = place.index(json.len());
            if cut { json.truncate(place) } else { json[place] = byte }
            if let Some(chunk) = Chunk::in_one_pass(&json) {
                prop_assert!(serde_json::from_slice::<&RawValue>(&json).is_ok());
                let patient = Chunk::piece_by_piece(&json).unwrap();
                prop_assert_eq!(told(&chunk, &json), told(&patient, &json));
            }
        }
    }
}

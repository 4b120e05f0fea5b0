//! Reading JSON without trusting its types.
//!
//! Providers put numbers where strings were promised, and `null` anywhere. So structs keep their fields as
//! [`RawValue`]: a field of the wrong type then costs that field, not the event.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::value::RawValue;

/// Reads an object. Anything else is an error, even an array, which serde would take for a struct's fields in order.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    if !json.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    serde_json::from_slice(json).ok()
}

/// The same for text, whose strings need not be checked again.
pub(crate) fn object_of<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    if !json.trim_ascii_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(json).ok()
}

/// The same for a field.
pub(crate) fn field<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    object_of(raw?.get())
}

/// An object that is read where it stands, and nothing else: an array neither.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Map<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Map(PhantomData))
    }
}

/// Whether a value says anything: not `null`, `false`, or an empty string, array or object.
pub(crate) fn filled(raw: Option<&RawValue>) -> bool {
    let Some(raw) = raw else { return false };
    let text = raw.get();
    match text.as_bytes() {
        b"null" | b"false" | b"\"\"" => false,
        [b'[' | b'{', inner @ .., _] => !inner.trim_ascii().is_empty(),
        _ => true,
    }
}

/// A string or a key, borrowed unless it is escaped: a plain `Cow` never borrows.
#[derive(Deserialize)]
pub(crate) struct Word<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// A string's text, or a number's digits. Nothing for other types, and nothing for an empty string.
pub(crate) fn text(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let raw = raw?.get();
    let text = match raw.as_bytes().first()? {
        b'"' => serde_json::from_str::<Word<'_>>(raw).ok()?.0,
        b'-' | b'0'..=b'9' => Cow::Borrowed(raw),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The `type` of an object that says it first, as all that is generated does; `None` if it stands elsewhere, or if the
/// object is not whole.
///
/// For a glance: the rest of the object is not looked at.
pub(crate) fn leading_type(json: &[u8]) -> Option<&[u8]> {
    type_of_head(json).filter(|_| json.ends_with(b"}"))
}

/// The same for an object of which the end may be missing.
pub(crate) fn type_of_head(json: &[u8]) -> Option<&[u8]> {
    let name = from_leading_type(json)?;
    let end = memchr::memchr2(b'"', b'\\', name)?;
    (name[end] == b'"').then_some(&name[..end])
}

/// Whether this is the [`leading_type`]: one word is compared faster than its end is found.
pub(crate) fn has_leading_type(json: &[u8], name: &[u8]) -> bool {
    let after = from_leading_type(json).and_then(|rest| rest.strip_prefix(name));
    after.is_some_and(|after| after.starts_with(b"\"")) && json.ends_with(b"}")
}

/// The JSON from the text of its leading `type` on.
fn from_leading_type(json: &[u8]) -> Option<&[u8]> {
    fn past<'a>(json: &'a [u8], token: &[u8]) -> Option<&'a [u8]> {
        json.trim_ascii_start().strip_prefix(token)
    }
    past(past(past(past(json, b"{")?, b"\"type\"")?, b":")?, b"\"")
}

/// A count. Negative numbers, and those too large for JSON to carry exactly, say nothing.
pub(crate) fn count(raw: Option<&RawValue>) -> Option<u64> {
    const EXACT: u64 = 1 << 53;

    let raw = raw?.get();
    let count = match raw.parse::<u64>() {
        Ok(count) => count,
        // `12.0`, which is how some languages print an integer. A negative number fails the comparison.
        Err(_) => raw.parse::<f64>().ok().filter(|number| (0.0..=EXACT as f64).contains(number))? as u64,
    };
    (count <= EXACT).then_some(count)
}

/// Calls `see` with each element of an array, without collecting them. Whatever is not an array has none.
pub(crate) fn each<'a>(raw: Option<&'a RawValue>, see: impl FnMut(&'a RawValue)) {
    struct Each<F>(F);

    impl<'a, F: FnMut(&'a RawValue)> Visitor<'a> for Each<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'a>>(mut self, mut seq: A) -> Result<(), A::Error> {
            while let Some(element) = seq.next_element()? {
                (self.0)(element);
            }
            Ok(())
        }
    }

    if let Some(raw) = raw {
        // An error can only be the wrong type: the syntax was checked when the raw value was read.
        let _ = serde_json::Deserializer::from_str(raw.get()).deserialize_seq(Each(see));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn empty_values_of_every_type_say_nothing() {
        for json in ["null", "false", r#""""#, "[]", "{}", "[ ]", "{\n}"] {
            assert!(!filled(Some(raw(json))), "{json}");
        }
        for json in ["0", "true", r#"" ""#, "[0]", r#"{"a":null}"#] {
            assert!(filled(Some(raw(json))), "{json}");
        }
    }

    #[test]
    fn an_array_is_never_taken_for_a_struct() {
        #[derive(Deserialize)]
        struct First {
            #[expect(dead_code)]
            first: u8,
        }
        assert!(object::<First>(b"[1]").is_none());
        assert!(object::<First>(br#"{"first":1}"#).is_some());
    }

    #[test]
    fn counts_are_whole_positive_and_exact() {
        for (json, expected) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("12.0", Some(12)),
            ("1e3", Some(1000)),
            ("-1", None),
            ("-0.5", None),
            ("1e300", None),
            ("18446744073709551616", None),
            ("9007199254740993", None),
            (r#""12""#, None),
            ("null", None),
            ("[1]", None),
        ] {
            assert_eq!(count(Some(raw(json))), expected, "{json}");
        }
    }

    #[test]
    fn text_borrows_unless_it_is_escaped() {
        assert!(matches!(text(Some(raw(r#""plain""#))), Some(Cow::Borrowed("plain"))));
        assert_eq!(text(Some(raw(r#""a\nb""#))).unwrap(), "a\nb");
        assert_eq!(text(Some(raw("429"))).unwrap(), "429");
        assert_eq!(text(Some(raw(r#""""#))), None);
        assert_eq!(text(Some(raw(r#"{"a":1}"#))), None);
    }

    #[test]
    fn each_sees_every_element_and_nothing_in_what_is_no_array() {
        let mut seen = Vec::new();
        each(Some(raw(r#"[1, "two", {"three":[3]}]"#)), |element| seen.push(element.get()));
        assert_eq!(seen, ["1", r#""two""#, r#"{"three":[3]}"#]);
        for json in ["{}", "7", "null", "[]"] {
            each(Some(raw(json)), |_| panic!("{json} has no elements"));
        }
        each(None, |_| panic!("nothing has no elements"));
    }
}

//! Gemini's token counts, which every chunk has.

use buttress_call::Usage;
use memchr::{memchr, memchr2};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{count, field};

/// The counts of a `usageMetadata`, each with all that came before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    prompt: Option<u64>,
    tool_use: Option<u64>,
    cached: Option<u64>,
    candidates: Option<u64>,
    thoughts: Option<u64>,
    total: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are the wire's")]
struct UsageMetadata<'a> {
    #[serde(borrow)]
    prompt_token_count: Option<&'a RawValue>,
    tool_use_prompt_token_count: Option<&'a RawValue>,
    cached_content_token_count: Option<&'a RawValue>,
    candidates_token_count: Option<&'a RawValue>,
    thoughts_token_count: Option<&'a RawValue>,
    total_token_count: Option<&'a RawValue>,
}

/// Reads a `usageMetadata`.
pub(super) fn read(raw: Option<&RawValue>) -> Option<Usage> {
    let usage: UsageMetadata<'_> = field(raw)?;
    let counts = Counts {
        prompt: count(usage.prompt_token_count),
        tool_use: count(usage.tool_use_prompt_token_count),
        cached: count(usage.cached_content_token_count),
        candidates: count(usage.candidates_token_count),
        thoughts: count(usage.thoughts_token_count),
        total: count(usage.total_token_count),
    };
    counts.usage()
}

/// Reads a `usageMetadata` at the front of the rest of an object in its usual form: plain counts, and lists and names that
/// do not matter, in an object that only such fields follow. `None` if it has any other: then it must be parsed.
///
/// So it cannot be one that stands deeper, in what a tool is called with: of such a one the parent would end before the
/// object does.
pub(super) fn glance(json: &[u8]) -> Option<Usage> {
    let mut counts = Counts::default();
    let rest = fields(json.strip_prefix(b"{")?, |key, value| counts.take(key, value))?.trim_ascii_start();
    let rest = match rest.split_first()? {
        (b',', more) => fields(more, plain)?,
        (b'}', rest) => rest,
        _ => return None,
    };
    if rest.is_empty() { counts.usage() } else { None }
}

/// Reads the fields of an object after its brace, or after a comma; gives what follows the object. `take` gives what
/// follows a value.
fn fields<'a>(
    mut rest: &'a [u8],
    mut take: impl FnMut(&[u8], &'a [u8]) -> Option<&'a [u8]>,
) -> Option<&'a [u8]> {
    loop {
        rest = rest.trim_ascii_start().strip_prefix(b"\"")?;
        let end = memchr(b'"', rest)?;
        let (key, value) = (&rest[..end], rest[end + 1..].trim_ascii_start().strip_prefix(b":")?);
        rest = take(key, value.trim_ascii_start())?.trim_ascii_start();
        match rest.split_first()? {
            (b',', after) => rest = after,
            (b'}', after) => return Some(after),
            _ => return None,
        }
    }
}

/// What follows the value of a field that does not matter, if it is a plain one.
fn plain<'a>(key: &[u8], value: &'a [u8]) -> Option<&'a [u8]> {
    if matches!(key, b"error" | b"candidates" | b"promptFeedback" | b"usageMetadata") {
        return None;
    }
    match value.first()? {
        b'0'..=b'9' => Some(digits(value)?.1),
        b'"' => string(value),
        b'[' => list(value),
        _ => None,
    }
}

/// A count of few digits, and what follows.
fn digits(json: &[u8]) -> Option<(u64, &[u8])> {
    let end = json.iter().position(|byte| !byte.is_ascii_digit())?;
    let leading_zero = json[0] == b'0' && end > 1;
    // 15 digits stay below 2^53. A fraction or an exponent would follow at once.
    if end > 15 || leading_zero || matches!(json[end], b'.' | b'e' | b'E') {
        return None;
    }
    Some((json[..end].iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')), &json[end..]))
}

/// What follows a text without escapes.
fn string(json: &[u8]) -> Option<&[u8]> {
    let text = json.strip_prefix(b"\"")?;
    let end = memchr2(b'"', b'\\', text)?;
    (text[end] == b'"').then(|| &text[end + 1..])
}

/// What follows a list of flat objects.
fn list(json: &[u8]) -> Option<&[u8]> {
    let end = memchr(b']', json)?;
    let inside = &json[1..end];
    // The bracket is the list's own if there is no other list inside, and if it does not stand in a text: then all quotes
    // before it pair up.
    let in_text = inside.iter().fold(false, |in_text, byte| in_text ^ (*byte == b'"'));
    let own = memchr2(b'[', b'\\', inside).is_none() && !in_text;
    own.then(|| &json[end + 1..])
}

impl Counts {
    /// Takes in a field; gives what follows its value.
    fn take<'a>(&mut self, key: &[u8], value: &'a [u8]) -> Option<&'a [u8]> {
        match self.get(key) {
            None => plain(key, value),
            Some(slot @ None) if value.first()?.is_ascii_digit() => {
                let (count, rest) = digits(value)?;
                *slot = Some(count);
                Some(rest)
            }
            // Twice, or not a count.
            Some(_) => None,
        }
    }

    fn get(&mut self, key: &[u8]) -> Option<&mut Option<u64>> {
        Some(match key {
            b"promptTokenCount" => &mut self.prompt,
            b"toolUsePromptTokenCount" => &mut self.tool_use,
            b"cachedContentTokenCount" => &mut self.cached,
            b"candidatesTokenCount" => &mut self.candidates,
            b"thoughtsTokenCount" => &mut self.thoughts,
            b"totalTokenCount" => &mut self.total,
            _ => return None,
        })
    }

    /// Thoughts are counted outside the candidates, cached tokens inside the prompt.
    fn usage(self) -> Option<Usage> {
        self.prompt.or(self.candidates).or(self.thoughts).or(self.total)?;
        // No overflow: each count is at most 2^53.
        let input = self.prompt.unwrap_or(0) + self.tool_use.unwrap_or(0);
        let output = self.candidates.unwrap_or(0) + self.thoughts.unwrap_or(0);
        // What only the total counts was generated, too.
        let output = output.max(self.total.unwrap_or(0).saturating_sub(input));
        let mut usage = Usage::new(input, output);
        usage.cached_input = self.cached.unwrap_or(0).min(input);
        usage.reasoning = self.thoughts.unwrap_or(0).min(output);
        Some(usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Option<Usage> {
        read(serde_json::from_str(json).ok())
    }

    #[test]
    fn thoughts_are_beside_the_candidates_and_the_cache_is_inside_the_prompt() {
        let json = r#"{"promptTokenCount":100,"cachedContentTokenCount":60,"candidatesTokenCount":20,
            "thoughtsTokenCount":30,"toolUsePromptTokenCount":5,"totalTokenCount":155}"#;
        let mut expected = Usage::new(105, 50);
        (expected.cached_input, expected.reasoning) = (60, 30);
        assert_eq!(parsed(json), Some(expected));
        assert_eq!(parsed(r#"{"promptTokenCount":8,"totalTokenCount":50}"#), Some(Usage::new(8, 42)));
        for json in ["{}", "null", "[]", r#"{"promptTokenCount":"8"}"#] {
            assert_eq!(parsed(json), None, "{json}");
        }
    }

    #[test]
    fn a_glance_sees_the_same_or_nothing() {
        for json in [
            r#"{"promptTokenCount":8,"candidatesTokenCount":2,"totalTokenCount":10}"#,
            r#"{ "promptTokenCount" : 8 , "promptTokensDetails":[{"modality":"TEXT","tokenCount":8}], "totalTokenCount":9 }"#,
            r#"{"promptTokenCount":8,"trafficType":"ON_DEMAND","serviceTier":7}"#,
        ] {
            for after in ["}", r#","modelVersion":"gemini","responseId":"x"}"#, " , \"a\" : 1 }"] {
                let rest = format!("{json}{after}");
                assert!(glance(rest.as_bytes()).is_some(), "{rest}");
                assert_eq!(glance(rest.as_bytes()), parsed(json), "{rest}");
            }
        }
        for json in [
            "{}",
            r#"{"promptTokenCount":8"#,
            r#"{"promptTokenCount":8,"promptTokenCount":9}"#,
            r#"{"promptTokenCount":8.5}"#,
            r#"{"promptTokenCount":8e1}"#,
            r#"{"promptTokenCount":08}"#,
            r#"{"promptTokenCount":-8}"#,
            r#"{"promptTokenCount":null}"#,
            r#"{"promptTokenCount":9007199254740993}"#,
            r#"{"promptTokenCount":8,"a":[["]",1]]}"#,
            r#"{"promptTokenCount":8,"a":["],",":1}"]}"#,
            r#"{"promptTokenCount":8,"a":"\"}"}"#,
            r#"{"promptTokenCount":8,"a":{"totalTokenCount":9}}"#,
            r#"{"promptTokenCount":8}}"#,
            r#"{"promptTokenCount":8},"a":{"b":1}"#,
            r#"{"promptTokenCount":8},"a":1}"#,
            r#"{"promptTokenCount":8},"error":"no""#,
        ] {
            assert_eq!(glance(format!("{json}}}").as_bytes()), None, "{json}");
        }
    }
}

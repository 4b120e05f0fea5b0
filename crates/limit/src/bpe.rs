//! The exact count for OpenAI's models.

use bpe_openai::{Tokenizer, cl100k_base, o200k_base};
use serde_json::Value;

use crate::{Cost, Estimate, TextBytes, text_bytes::bytes};

/// Tokens around each message, and before the answer, by OpenAI's own recipe for counting.
const EACH_MESSAGE: u64 = 3;
const PRIMING: u64 = 3;
/// Models that read with the older vocabulary; every other model of OpenAI's reads with `o200k_base`.
const CL100K: [&str; 4] = ["gpt-4-", "gpt-3.5", "gpt-35", "text-embedding-"];
const OPENAI: [&str; 6] = ["gpt-", "o1", "o3", "o4", "chatgpt-", "text-embedding-"];

/// Counts the tokens of a prompt for an OpenAI model exactly, with the model's own vocabulary.
///
/// Anything else, and any body that cannot be read, is estimated by [`TextBytes`]. Counting takes some 10 µs for each
/// kilobyte of text, so it is worth its while where quotas are tight and prompts are unlike each other; a learnt factor
/// does as well for prompts that are alike. Images are not counted, tool definitions as their JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bpe;

impl<B: 'static> Cost<http::Request<B>> for Bpe {
    fn cost(&self, request: &http::Request<B>) -> Estimate {
        let estimate = TextBytes.cost(request);
        let tokenizer = estimate.model.as_deref().and_then(tokenizer);
        let exact = tokenizer.and_then(|tokenizer| Some(count(tokenizer, &bytes(request.body())?)));
        Estimate { input: exact.flatten().unwrap_or(estimate.input), ..estimate }
    }

    fn prepare(&self, request: &mut http::Request<B>) {
        TextBytes.prepare(request);
    }
}

fn tokenizer(model: &str) -> Option<&'static Tokenizer> {
    // Some gateways put the vendor first.
    let model = model.rsplit('/').next().unwrap_or(model);
    if !OPENAI.iter().any(|prefix| model.starts_with(prefix)) {
        return None;
    }
    let older = model == "gpt-4" || CL100K.iter().any(|prefix| model.starts_with(prefix));
    Some(if older { cl100k_base() } else { o200k_base() })
}

fn count(tokenizer: &Tokenizer, body: &[u8]) -> Option<u64> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let tokens = |text: &str| tokenizer.count(text) as u64;
    let messages = body.get("messages").and_then(Value::as_array);
    let mut total = messages.map_or(0, |_| PRIMING);
    for message in messages.into_iter().flatten() {
        total += EACH_MESSAGE;
        for field in message.as_object().into_iter().flatten() {
            each_text(field.1, &mut |text| total += tokens(text));
        }
    }
    for field in ["input", "prompt"].into_iter().filter_map(|field| body.get(field)) {
        each_text(field, &mut |text| total += tokens(text));
    }
    if let Some(tools) = body.get("tools") {
        total += tokens(&tools.to_string());
    }
    Some(total)
}

/// The texts in a value; what names a type, and media, are not among them.
fn each_text(value: &Value, take: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => take(text),
        Value::Array(values) => values.iter().for_each(|value| each_text(value, take)),
        Value::Object(fields) => {
            let texts = fields.iter().filter(|(name, _)| {
                !matches!(name.as_str(), "type" | "id" | "image_url" | "input_audio" | "file")
            });
            texts.for_each(|(_, value)| each_text(value, take));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use buttress_call::Call;
    use bytes::Bytes;
    use http_body_util::Full;

    use super::*;

    fn cost(body: &str) -> Estimate {
        Bpe.cost(&http::Request::new(Full::new(Bytes::copy_from_slice(body.as_bytes()))))
    }

    #[test]
    fn a_prompt_is_counted_by_the_models_own_vocabulary() {
        // "tiktoken is great!" is six tokens in cl100k_base, by OpenAI's cookbook; the role is one more.
        let body =
            r#"{"model":"gpt-4","max_tokens":9,"messages":[{"role":"user","content":"tiktoken is great!"}]}"#;
        let estimate = cost(body);
        assert_eq!((estimate.input, estimate.max_output), (3 + 3 + 1 + 6, Some(9)));
    }

    #[test]
    fn each_model_reads_with_its_own_vocabulary() {
        // By OpenAI's cookbook this is nine tokens in cl100k_base and eight in o200k_base.
        let cost = |model| cost(&format!(r#"{{"model":"{model}","prompt":"お誕生日おめでとう"}}"#)).input;
        assert_eq!(["gpt-4", "gpt-4-turbo", "gpt-3.5-turbo", "azure/gpt-35-turbo"].map(cost), [9; 4]);
        assert_eq!(["gpt-4o", "gpt-4.1", "gpt-5", "openai/o3-mini"].map(cost), [8; 4]);
    }

    #[test]
    fn the_texts_of_parts_and_of_tool_calls_are_counted() {
        let message = |rest| cost(&format!(r#"{{"model":"gpt-4","messages":[{{{rest}}}]}}"#)).input;
        let empty = message("");
        assert_eq!(empty, 3 + 3);
        // By OpenAI's cookbook: six and seven tokens.
        assert_eq!(message(r#""content":[{"type":"text","text":"tiktoken is great!"}]"#), empty + 6);
        let call = r#"{"id":"call_7","type":"function","function":{"arguments":"2 + 2 = 4"}}"#;
        assert_eq!(message(&format!(r#""tool_calls":[{call},{call}]"#)), empty + 14);
    }

    #[test]
    fn tools_are_counted_as_their_json() {
        let tools = r#"[{"function":{"name":"get_weather"},"type":"function"}]"#;
        let text = serde_json::to_string(tools).unwrap();
        let [of_tools, of_text] = [("tools", tools), ("prompt", &text)].map(|(field, value)| {
            cost(&format!(r#"{{"model":"gpt-4o","input":"2 + 2 = 4","{field}":{value}}}"#)).input
        });
        assert!(of_text > 7, "{of_text}");
        assert_eq!(of_tools, of_text);
    }

    #[test]
    fn what_was_read_of_the_body_is_kept() {
        let mut request = http::Request::new(r#"{"model":"gpt-4","prompt":"2 + 2 = 4"}"#.to_owned());
        Bpe.prepare(&mut request);
        let shape = Call::get(request.extensions()).and_then(Call::shape).map(|shape| shape.model.clone());
        assert_eq!(shape, Some(Some("gpt-4".into())));
    }

    #[test]
    fn another_vendors_model_is_estimated_by_bytes() {
        let body = r#"{"model":"mistral-large","messages":[{"role":"user","content":"four and four"}]}"#;
        assert_eq!(cost(body), TextBytes.cost(&http::Request::new(Bytes::from_static(body.as_bytes()))));
    }

    #[test]
    fn images_are_left_out() {
        let with = r#"{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"text","text":"what?"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAAAAAAAAAAAAAAAAAA"}}]}]}"#;
        let without =
            r#"{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"text","text":"what?"}]}]}"#;
        assert_eq!(cost(with).input, cost(without).input);
    }
}

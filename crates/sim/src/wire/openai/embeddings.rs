//! Vectors. They say nothing, but they are always the same.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::super::{Ask, Embeds, Problem, Reply, json, request};

/// As many as the vectors of a small model have.
const DIMENSIONS: u64 = 1536;
const MOST_DIMENSIONS: u64 = 4096;
/// The real API takes so many texts at a time.
const MOST_INPUTS: usize = 2048;

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Embedding>,
    model: &'a str,
    usage: Usage,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the wire's names")]
struct Embedding {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector {
    Numbers(Vec<f32>),
    Base64(String),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    total_tokens: u64,
}

pub(super) fn read(body: &Value) -> Result<Ask, Problem> {
    let model = request::model(body)?;
    let invalid = |rule| Err(Problem::Invalid { field: "input", rule });
    let (inputs, input_tokens) = match &body["input"] {
        Value::Null => return Err(Problem::Missing("input")),
        text @ Value::String(_) => (1, request::tokens([text].into_iter())),
        Value::Array(list) if list.is_empty() || list.len() > MOST_INPUTS => {
            return invalid("an array of 1 to 2048 inputs");
        }
        // One text that is tokens already.
        Value::Array(tokens) if tokens.iter().all(Value::is_u64) => (1, tokens.len() as u64),
        Value::Array(texts) if texts.iter().all(|text| text.is_string() || text.is_array()) => {
            (texts.len(), request::tokens(texts.iter()))
        }
        _ => return invalid("a string, or an array of strings or tokens"),
    };
    let dimensions = request::limit(&body["dimensions"], "dimensions")?.unwrap_or(DIMENSIONS);
    if dimensions > MOST_DIMENSIONS {
        return Err(Problem::Invalid { field: "dimensions", rule: "at most 4096" });
    }
    let base64 = body["encoding_format"] == "base64";
    let embeds = Embeds { inputs, dimensions: dimensions as usize, base64 };
    Ok(Ask {
        model,
        stream: false,
        // Nothing is generated.
        max_tokens: Some(0),
        include_usage: false,
        input_tokens,
        embeds: Some(embeds),
    })
}

pub(super) fn write(reply: &Reply, embeds: Embeds) -> Bytes {
    let data = (0..embeds.inputs).map(|index| {
        let numbers = vector(index, embeds.dimensions);
        let embedding =
            if embeds.base64 { Vector::Base64(base64(&numbers)) } else { Vector::Numbers(numbers) };
        Embedding { object: "embedding", index, embedding }
    });
    let usage = Usage { prompt_tokens: reply.input, total_tokens: reply.input };
    json(&List { object: "list", data: data.collect(), model: &reply.model, usage }).into()
}

/// A vector of length one, another for each input.
fn vector(index: usize, dimensions: usize) -> Vec<f32> {
    let size = 1.0 / (dimensions as f32).sqrt();
    (0..dimensions)
        .map(|place| if (place + index).is_multiple_of(index + 2) { -size } else { size })
        .collect()
}

fn base64(numbers: &[f32]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let [a, b, c] = [0, 1, 2].map(|place| three.get(place).copied().unwrap_or(0));
        let bits = u32::from_be_bytes([0, a, b, c]);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_what_everybody_reads() {
        for (numbers, text) in [
            (&[][..], ""),
            (&[1.0], "AACAPw=="),
            (&[0.5, -2.0], "AAAAPwAAAMA="),
            (&[1.0, 1.0, 1.0], "AACAPwAAgD8AAIA/"),
        ] {
            assert_eq!(base64(numbers), text, "{numbers:?}");
        }
    }

    #[test]
    fn vectors_have_length_one_and_differ() {
        let length = |vector: &[f32]| vector.iter().map(|number| number * number).sum::<f32>();
        assert!((length(&vector(0, 1536)) - 1.0).abs() < 1e-3);
        assert_ne!(vector(0, 8), vector(1, 8));
    }
}

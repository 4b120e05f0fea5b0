//! Reading a request's body.

mod request;
mod text;
mod turns;

use buttress_call::Shape;
use serde_json::value::RawValue;

use self::{request::Request, text::Text, turns::Turns};
use crate::{Dialect, RequestError, Route, json};

/// Reads what a request's body asks for. What the URL says in its place, a [`Route`](crate::Route) tells.
///
/// - `model` and `stream` are the body's own. Ollama streams unless it is told not to.
/// - `max_output` counts all choices together: `n` multiplies it, as it does what OpenAI reserves.
/// - `tools` is whether there is a list of tool definitions with anything in it: `tools`, `functions`, or
///   `toolConfig.tools`, whatever the dialect. A `tool_choice` of `none` changes nothing: the provider reads them.
/// - `text_bytes` counts the text of messages, system prompt and tool calls, unescaped, and the JSON of tool
///   definitions. Images, audio and files are left out: their tokens have nothing to do with their bytes.
/// - `prefix` is a 64-bit hash of the texts of the system prompt and of the first message after it, the same in every
///   process. How they are wrapped in JSON does not matter, so cache marks that move as a conversation grows leave it
///   alone; nor does their order.
///
/// Fields of the wrong type are taken as absent: the provider will say what is wrong with them.
pub fn shape(dialect: Dialect, body: &[u8]) -> Result<Shape, RequestError> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(RequestError::not_an_object());
    }
    if let Some(request) = in_one_pass(body) {
        return Ok(shape_of(dialect, &request, request.turns()));
    }
    let request: Request<'_, &RawValue> = serde_json::from_slice(body)?;
    Ok(shape_of(dialect, &request, request.turns().map(|turns| Turns::read(turns)).as_ref()))
}

/// Reads a request whose messages are as they should be, which nearly all are: where they stand.
fn in_one_pass(body: &[u8]) -> Option<Request<'_, Turns>> {
    json::object_of(std::str::from_utf8(body).ok()?)
}

fn shape_of<M>(dialect: Dialect, request: &Request<'_, M>, turns: Option<&Turns>) -> Shape {
    let input = request.input_turns(dialect).filter(|_| turns.is_none()).map(Turns::read);
    let turns = turns.or(input.as_ref());
    let mut text = Text::default();
    let system = request.system(dialect).map(|system| {
        text.add(system);
        text.hash
    });
    for other in request.texts(dialect) {
        text.add(other);
    }
    let tools: u64 = request.tools().map(|list| list.get().len() as u64).sum();

    let mut shape = Shape::default();
    shape.model = request.model().map(|model| model.as_ref().into());
    shape.stream = request.stream(dialect);
    shape.tools = tools > 0;
    shape.max_output = request.cap().map(|cap| cap.saturating_mul(request.choices()));
    shape.text_bytes = text.bytes + tools + turns.map_or(0, Turns::bytes);
    let prefixes = [system, turns.and_then(Turns::prefix)];
    shape.prefix = prefixes.into_iter().flatten().reduce(u64::wrapping_add);
    shape
}

/// Reads what a request asks for, out of its path and its body. `dialect` is the main one of the API, if that is known;
/// OpenAI's otherwise.
///
/// What is read with a wrong dialect is still right in what the dialects agree on: model, stream, text.
pub fn shape_at(dialect: Dialect, path: &str, body: &[u8]) -> Result<Shape, RequestError> {
    let route = Route::of(dialect, path);
    let mut shape = shape(route.as_ref().map_or(dialect, |route| route.dialect), body)?;
    if let Some(route) = route {
        route.complete(&mut shape);
    }
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::Index};

    use super::*;

    fn piece_by_piece(dialect: Dialect, body: &[u8]) -> Shape {
        let request: Request<'_, &RawValue> = serde_json::from_slice(body).unwrap();
        shape_of(dialect, &request, request.turns().map(|turns| Turns::read(turns)).as_ref())
    }

    const BODIES: [&str; 4] = [
        r#"{"model":"m","stream":true,"messages":[{"role":"developer","content":"Be brief."},
            {"role":"user","content":[{"type":"text","text":"Q\n"},{"type":"image_url","image_url":{"url":"data:"}}]},
            {"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{\"a\":1}"}}]}],"n":2,"max_tokens":7}"#,
        r#"{"system":[{"type":"text","text":"S"}],"messages":[{"content":"A","role":"user"},{"content":[
            {"type":"document","source":{"media_type":"text/plain","data":"0123","type":"text"}}]}],"tools":[{"a":{}}]}"#,
        r#"{"contents":[{"role":"user","parts":[{"text":"Q"},{"functionResponse":{"name":"f","response":{"a":[1]}}}]}]}"#,
        r#"{"input":[{"role":"system","content":"S"},{"role":"user","content":"Q"}],"instructions":"I"}"#,
    ];

    #[test]
    fn messages_as_they_should_be_are_read_where_they_stand() {
        for body in BODIES {
            assert!(in_one_pass(body.as_bytes()).is_some(), "{body}");
        }
    }

    #[test]
    fn others_are_read_each_by_itself() {
        for body in [
            r#"{"messages":{"role":"user"}}"#,
            r#"{"messages":"Q"}"#,
            r#"{"messages":[{"role":"user","content":"\ud800"},{"content":"Q"}]}"#,
            r#"{"messages":[{"role":"system","role":"user","content":"Q"},{"content":"A"}]}"#,
        ] {
            assert!(in_one_pass(body.as_bytes()).is_none(), "{body}");
            assert_eq!(
                shape(Dialect::OpenAi, body.as_bytes()).unwrap(),
                piece_by_piece(Dialect::OpenAi, body.as_bytes())
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn where_they_stand_nothing_else_is_read(
            body in prop::sample::select(&BODIES[..]),
            place in any::<Index>(),
            byte in any::<Option<u8>>(),
            field in prop::sample::select(&[
                "null,", "[],", "{},", r#""a":[{}],"#, r#""role":"system","#, r#""role":7,"#, r#""messages":[],"#, r#""input":"I","#,
                r#"{"role":"system","content":"S"},"#, r#""content":"C","#, r#""content":"\ud800","#, r#""text":1e999,"#,
            ][..]),
        ) {
            let mut body = body.as_bytes().to_vec();
            if let Some(byte) = byte {
                *place.get_mut(&mut body) = byte;
            } else {
                let opened: Vec<usize> = (0..body.len()).filter(|at| b"[{".contains(&body[*at])).collect();
                let at = place.get(&opened) + 1;
                body.splice(at..at, field.bytes());
            }
            for dialect in Dialect::ALL {
                let Some(request) = in_one_pass(&body) else { continue };
                let shape = shape_of(dialect, &request, request.turns());
                prop_assert_eq!(shape, piece_by_piece(dialect, &body), "{}", String::from_utf8_lossy(&body));
            }
        }
    }
}

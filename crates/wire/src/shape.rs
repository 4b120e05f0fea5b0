//! Reading a request's body.

mod request;
mod text;

use buttress_call::Shape;

use self::{request::Request, text::Text};
use crate::{Dialect, RequestError, Route, json};

/// Reads what a request's body asks for. What the URL says in its place, a [`Route`](crate::Route) tells.
///
/// - `model` and `stream` are the body's own. Ollama streams unless it is told not to.
/// - `max_output` counts all choices together: `n` multiplies it, as it does what OpenAI reserves.
/// - `tools` is whether there is a list of tool definitions with anything in it: `tools`, `functions`, or
///   `toolConfig.tools`, whatever the dialect. A `tool_choice` of `none` changes nothing: the provider reads them.
/// - `text_bytes` counts the text of messages, system prompt and tool calls, unescaped, and the JSON of tool
///   definitions. Images, audio and files are left out: their tokens have nothing to do with their bytes.
/// - `prefix` is the 64-bit FNV-1a hash of the texts of the system prompt and of the first message after it. How they
///   are wrapped in JSON does not matter, so cache marks that move as a conversation grows leave it alone.
///
/// Fields of the wrong type are taken as absent: the provider will say what is wrong with them.
pub fn shape(dialect: Dialect, body: &[u8]) -> Result<Shape, RequestError> {
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(RequestError::not_an_object());
    }
    let request: Request<'_> = serde_json::from_slice(body)?;
    let mut text = Text::default();
    let mut prefix = None;
    let mut prefix_whole = false;
    if let Some(system) = request.system(dialect) {
        text.add(system);
        prefix = Some(text.hash);
    }
    json::each(request.turns(dialect), |turn| {
        text.add(turn);
        if !prefix_whole {
            prefix = Some(text.hash);
            prefix_whole = !request::is_system(turn);
        }
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
    shape.text_bytes = text.bytes + tools;
    shape.prefix = prefix;
    Ok(shape)
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

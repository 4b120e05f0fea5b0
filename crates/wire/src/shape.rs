//! Reading a request's body.

mod text;

use buttress_call::Shape;
use serde::Deserialize;
use serde_json::value::RawValue;

use self::text::Text;
use crate::{Dialect, RequestError, json};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Request<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    stream: Option<&'a RawValue>,
    max_completion_tokens: Option<&'a RawValue>,
    max_tokens: Option<&'a RawValue>,
    n: Option<&'a RawValue>,
    /// Anthropic's system prompt.
    system: Option<&'a RawValue>,
    messages: Option<&'a RawValue>,
    tools: Option<&'a RawValue>,
    /// OpenAI's tools, as they were first called.
    functions: Option<&'a RawValue>,
    /// Bedrock's.
    #[serde(rename = "toolConfig")]
    tool_config: Option<&'a RawValue>,
    /// Legacy completions.
    prompt: Option<&'a RawValue>,
    /// Embeddings.
    input: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    role: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ToolConfig<'a> {
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
}

impl<'a> Request<'a> {
    /// The lists of tool definitions: by one name or another they stand in the request of every dialect.
    fn tools(&self) -> impl Iterator<Item = &'a RawValue> {
        let config: Option<ToolConfig<'a>> = json::field(self.tool_config);
        let lists = [self.tools, self.functions, config.and_then(|config| config.tools)];
        lists.into_iter().flatten().filter(|list| list.get().starts_with('[') && json::filled(Some(list)))
    }
}

/// Reads what a request asks for.
///
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
    if dialect == Dialect::Anthropic
        && let Some(system) = request.system
    {
        text.add(system);
        prefix = Some(text.hash);
    }
    json::each(request.messages, |message| {
        text.add(message);
        if !prefix_whole {
            prefix = Some(text.hash);
            prefix_whole = !is_system(message);
        }
    });
    for other in [request.prompt, request.input].into_iter().flatten() {
        text.add(other);
    }
    let tools: u64 = request.tools().map(|list| list.get().len() as u64).sum();
    let cap = json::count(request.max_completion_tokens).or_else(|| json::count(request.max_tokens));
    let choices = json::count(request.n).unwrap_or(1).max(1);

    let mut shape = Shape::default();
    shape.model = json::text(request.model).map(|model| model.as_ref().into());
    shape.stream = request.stream.is_some_and(|stream| stream.get() == "true");
    shape.tools = tools > 0;
    shape.max_output = cap.map(|cap| cap.saturating_mul(choices));
    shape.text_bytes = text.bytes + tools;
    shape.prefix = prefix;
    Ok(shape)
}

fn is_system(message: &RawValue) -> bool {
    let role = json::field::<Message<'_>>(Some(message)).and_then(|message| json::text(message.role));
    matches!(role.as_deref(), Some("system" | "developer"))
}

//! What a request's path tells.

use std::{borrow::Cow, fmt::Write as _, ops::Range};

use buttress_call::Shape;

use crate::Dialect;

/// What the path of a request tells of it: the language of its answer and, where the URL chooses them, the model and
/// whether the answer is a stream.
///
/// An API may speak several languages: OpenAI's own has Responses beside the chat, Ollama and TGI have OpenAI's chat
/// under `/v1`, Bedrock has Converse and the models' own.
///
/// ```
/// use buttress_wire::{Dialect, Route};
///
/// let route = Route::of(Dialect::Gemini, "/v1beta/models/gemini-2.5-pro:streamGenerateContent").expect("a chat");
/// assert_eq!((route.model.as_deref(), route.stream), (Some("gemini-2.5-pro"), Some(true)));
/// assert_eq!(route.with_model("other"), "/v1beta/models/other:streamGenerateContent");
///
/// let route = Route::of(Dialect::OpenAi, "/v1/responses").expect("a chat");
/// assert_eq!((route.dialect, route.model, route.stream), (Dialect::Responses, None, None));
/// assert_eq!(Route::of(Dialect::OpenAi, "/v1/embeddings"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route<'a> {
    /// What the answer is written in.
    pub dialect: Dialect,
    /// The model, if the path names it, without its percent signs.
    pub model: Option<Cow<'a, str>>,
    /// Whether the answer is a stream, if the path decides it. If not, the body does.
    pub stream: Option<bool>,
    path: &'a str,
    at: Range<usize>,
}

impl<'a> Route<'a> {
    /// Reads a path (without its query) of an API whose main language is `dialect`. `None`: no answer is generated
    /// there, or in no language that is known here.
    pub fn of(dialect: Dialect, path: &'a str) -> Option<Self> {
        if let Dialect::Custom(_) = dialect {
            return Some(Route::in_body(dialect, path));
        }
        if path == "/v1/chat/completions" {
            // Where most calls go; the searches below come to the same.
            return Some(Route::in_body(Dialect::OpenAi, path));
        }
        let clear = google(path).or_else(|| amazon(path)).or_else(|| common(path));
        clear.or_else(|| {
            let streamed = match dialect {
                Dialect::OpenAi if path.contains("chat") || path.contains("completion") => None,
                Dialect::Cohere | Dialect::Ollama if path.ends_with("/chat") => None,
                Dialect::Ollama | Dialect::Tgi if path.ends_with("/generate") => {
                    (dialect == Dialect::Tgi).then_some(false)
                }
                Dialect::Tgi if path.ends_with("/generate_stream") => Some(true),
                // It obeys `stream` in the body.
                Dialect::Tgi if matches!(path, "" | "/") => None,
                _ => return None,
            };
            Some(Route { stream: streamed, ..Route::in_body(dialect, path) })
        })
    }

    fn in_body(dialect: Dialect, path: &'a str) -> Self {
        Route { dialect, model: None, stream: None, path, at: 0..0 }
    }

    fn in_url(dialect: Dialect, path: &'a str, model: &'a str, stream: Option<bool>) -> Self {
        let start = model.as_ptr().addr() - path.as_ptr().addr();
        let at = start..start + model.len();
        Route { dialect, model: Some(decoded(model)), stream, path, at }
    }

    /// The path with this model in place of its own; the same path if it names none.
    pub fn with_model(&self, model: &str) -> String {
        if self.model.is_none() {
            return self.path.to_owned();
        }
        let Range { start, end } = self.at;
        format!("{}{}{}", &self.path[..start], segment(model), &self.path[end..])
    }

    /// Writes what the path tells into what the body told.
    pub fn complete(&self, shape: &mut Shape) {
        if let Some(model) = &self.model {
            shape.model = Some(model.as_ref().into());
        }
        shape.stream = self.stream.unwrap_or(shape.stream);
    }
}

impl Dialect {
    /// Where an API of this dialect has its chat, under its base URL. `None` for a language of the user's own.
    ///
    /// `model` and `stream` are used where the URL chooses them. For Gemini it is the path of the Gemini API; Vertex has
    /// a longer one.
    pub fn chat_path(self, model: &str, stream: bool) -> Option<Cow<'static, str>> {
        let path = match self {
            Dialect::OpenAi => "/v1/chat/completions",
            Dialect::Responses => "/v1/responses",
            Dialect::Anthropic => "/v1/messages",
            Dialect::Cohere => "/v2/chat",
            Dialect::Ollama => "/api/chat",
            Dialect::Tgi if stream => "/generate_stream",
            Dialect::Tgi => "/generate",
            Dialect::Gemini => {
                let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
                return Some(Cow::Owned(format!("/v1beta/models/{}:{method}", segment(model))));
            }
            Dialect::Bedrock | Dialect::BedrockInvoke => {
                let method = match (self, stream) {
                    (Dialect::Bedrock, false) => "converse",
                    (Dialect::Bedrock, true) => "converse-stream",
                    (_, false) => "invoke",
                    (_, true) => "invoke-with-response-stream",
                };
                return Some(Cow::Owned(format!("/model/{}/{method}", segment(model))));
            }
            Dialect::Custom(_) => return None,
        };
        Some(Cow::Borrowed(path))
    }

    /// Whether the body of its requests names the model. If not, the URL does.
    pub fn has_model_in_body(self) -> bool {
        !matches!(self, Dialect::Gemini | Dialect::Bedrock | Dialect::BedrockInvoke)
    }
}

/// `…/models/{model}:{method}`, of Gemini, and of Vertex, where other makers' models speak their own languages.
fn google(path: &str) -> Option<Route<'_>> {
    let (before, method) = path.rsplit_once(':')?;
    let model = &before[before.rfind('/')? + 1..];
    let (dialect, stream) = match method {
        "generateContent" => (Dialect::Gemini, Some(false)),
        "streamGenerateContent" => (Dialect::Gemini, Some(true)),
        // The body decides: a stream may be asked for at either.
        "rawPredict" | "streamRawPredict" if path.contains("/publishers/anthropic/") => {
            (Dialect::Anthropic, None)
        }
        "rawPredict" | "streamRawPredict" => (Dialect::OpenAi, None),
        _ => return None,
    };
    Some(Route::in_url(dialect, path, model, stream))
}

/// `/model/{model}/{method}`.
fn amazon(path: &str) -> Option<Route<'_>> {
    let (before, method) = path.rsplit_once('/')?;
    let (before, model) = before.rsplit_once('/')?;
    let (dialect, stream) = match method {
        "converse" => (Dialect::Bedrock, false),
        "converse-stream" => (Dialect::Bedrock, true),
        "invoke" => (Dialect::BedrockInvoke, false),
        "invoke-with-response-stream" => (Dialect::BedrockInvoke, true),
        _ => return None,
    };
    before.ends_with("/model").then(|| Route::in_url(dialect, path, model, Some(stream)))
}

/// What many APIs have in common with OpenAI or Anthropic.
fn common(path: &str) -> Option<Route<'_>> {
    const METHODS: [(&str, Dialect); 3] = [
        ("/chat/completions", Dialect::OpenAi),
        ("/responses", Dialect::Responses),
        ("/messages", Dialect::Anthropic),
    ];
    let (before, dialect) =
        METHODS.iter().find_map(|(end, dialect)| Some((path.strip_suffix(end)?, *dialect)))?;
    if dialect == Dialect::Anthropic && path.contains("/threads/") {
        return None;
    }
    // Azure's deployments.
    let deployment = before.split_once("/deployments/").and_then(|(_, rest)| rest.split('/').next());
    Some(match deployment {
        Some(model) => Route::in_url(dialect, path, model, None),
        None => Route::in_body(dialect, path),
    })
}

/// A segment of a path without percent signs. One that is not UTF-8 then stays as it is.
fn decoded(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.first_chunk::<2>().filter(|_| *first == b'%');
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(segment), Cow::Owned)
}

/// A model's name as a segment of a path: what may not stand there as it is, a slash above all, becomes `%XX`.
pub fn segment(model: &str) -> String {
    let mut segment = String::with_capacity(model.len());
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            let _ = write!(segment, "%{byte:02X}");
        }
    }
    segment
}

//! A checked provider: turns the caller's request into the provider's.

use std::{collections::HashMap, fmt, sync::Arc};

use buttress_call::{Call, Shape};
use buttress_wire::{Dialect, Edit};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, header, request, uri};

/// Headers that carry credentials: the caller's are not the provider's.
const CREDENTIALS: [HeaderName; 5] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
    header::COOKIE,
];

/// Headers that the client makes anew for its own connection and body.
const CONNECTION: [HeaderName; 10] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHORIZATION,
];

pub(crate) struct Endpoint {
    pub(crate) name: Arc<str>,
    pub(crate) dialect: Dialect,
    pub(crate) scheme: uri::Scheme,
    pub(crate) authority: uri::Authority,
    /// Without a slash at its end.
    pub(crate) base_path: String,
    /// Where the chat lives.
    pub(crate) chat: Option<Uri>,
    /// Set where the caller did not.
    pub(crate) defaults: HeaderMap,
    /// Set in any case.
    pub(crate) headers: HeaderMap,
    pub(crate) credentials: Option<(HeaderName, HeaderValue)>,
    /// Taken out of whatever the provider says.
    pub(crate) key: Option<Box<str>>,
    pub(crate) models: HashMap<Box<str>, Box<str>>,
    /// For the models that are not among those.
    pub(crate) every_model: Option<Box<str>>,
    pub(crate) ask_usage: bool,
}

/// What the answer's reader must know of the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The caller wants a stream.
    pub(crate) stream: bool,
    /// Usage was asked for on the caller's behalf and must be hidden again.
    pub(crate) hide_usage: bool,
    pub(crate) expected: Expected,
}

/// What may come as an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expected {
    /// A chat's: its streams are the dialect's.
    #[default]
    Chat,
    /// Another one's: its streams, if there are any, are of a form that is not known here.
    Other,
    /// No body at all.
    Nothing,
}

impl Endpoint {
    /// Makes the request this provider's own. A body that is not a JSON object goes out as it is: the provider says
    /// what is wrong with it.
    pub(crate) fn rewrite(&self, parts: &mut request::Parts, body: Bytes) -> (Bytes, Asked) {
        // Also where it cannot be: the key must not go where the caller's own URI points.
        parts.uri = self.uri(&parts.uri).unwrap_or_else(|| self.root());
        // That of the caller's connection; the client has its own.
        parts.version = Version::default();
        let expected = self.expected(&parts.method, parts.uri.path());
        self.headers(&mut parts.headers);
        if expected == Expected::Chat {
            // An encoded answer blinds the decoder, whatever the caller could have read.
            parts.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let json = !body.is_empty() && is_json(&parts.headers);
        let shape = json.then(|| self.shape(parts, &body)).flatten();
        let Some(shape) = shape else {
            return (body, Asked { expected, ..Asked::default() });
        };
        let model =
            shape.model.as_deref().and_then(|model| self.models.get(model).or(self.every_model.as_ref()));
        let mut edit = Edit::new();
        edit.model = model.map(|model| &**model);
        edit.ask_usage = self.ask_usage && shape.stream && expected == Expected::Chat;
        let (body, hide_usage) = match buttress_wire::edit(self.dialect, &body, &edit) {
            Ok(edited) => (edited.body, edited.usage_asked),
            Err(_) => (body, false),
        };
        (body, Asked { stream: shape.stream, hide_usage, expected })
    }

    /// The caller's path under this provider's address; `/` means where its chat lives.
    fn uri(&self, asked: &Uri) -> Option<Uri> {
        let chat = self.chat_path();
        let path = match asked.path() {
            "" | "/" => chat,
            path => path,
        };
        match asked.query() {
            // The rule, and nothing to build.
            None if path == chat => self.chat.clone(),
            query => self.under_base(path, query),
        }
    }

    fn chat_path(&self) -> &'static str {
        match self.dialect {
            Dialect::Anthropic => "/v1/messages",
            _ => "/v1/chat/completions",
        }
    }

    /// Makes the address of the chat once, for all calls.
    pub(crate) fn with_chat(mut self) -> Self {
        self.chat = self.under_base(self.chat_path(), None);
        self
    }

    fn under_base(&self, path: &str, query: Option<&str>) -> Option<Uri> {
        // A base URL that ends with the version, as the SDKs want it, does not double it.
        let first = path[1..].find('/').map_or(path, |end| &path[..=end]);
        let base = self.base_path.strip_suffix(first).unwrap_or(&self.base_path);
        let path = match query {
            Some(query) => format!("{base}{path}?{query}"),
            None => format!("{base}{path}"),
        };
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .ok()
    }

    /// The address without a path, which no API answers.
    fn root(&self) -> Uri {
        let mut parts = uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(uri::PathAndQuery::from_static("/"));
        Uri::from_parts(parts).unwrap_or_default()
    }

    fn expected(&self, method: &Method, path: &str) -> Expected {
        let chat = match self.dialect {
            Dialect::Anthropic => path.ends_with("/messages"),
            // Not OpenAI's Responses, audio or images, whose streams have other events.
            _ => path.contains("chat") || path.contains("completion"),
        };
        match *method {
            Method::HEAD => Expected::Nothing,
            _ if chat => Expected::Chat,
            _ => Expected::Other,
        }
    }

    /// A text without the key.
    pub(crate) fn without_key(&self, text: Box<str>) -> Box<str> {
        match self.key.as_deref().filter(|key| text.contains(key)) {
            Some(key) => text.replace(key, "***").into(),
            None => text,
        }
    }

    /// Sets this provider's headers.
    fn headers(&self, headers: &mut HeaderMap) {
        for name in CONNECTION {
            headers.remove(name);
        }
        for (name, value) in &self.defaults {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        if self.credentials.is_some() || CREDENTIALS.iter().any(|name| self.headers.contains_key(name)) {
            for name in CREDENTIALS {
                headers.remove(name);
            }
        }
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        if let Some((name, value)) = &self.credentials {
            headers.insert(name, value.clone());
        }
    }

    /// What is known of the body, read now if nobody has read it before.
    fn shape(&self, parts: &mut request::Parts, body: &[u8]) -> Option<Arc<Shape>> {
        let call = Call::get_or_insert(&mut parts.extensions);
        if let Some(shape) = call.shape() {
            return Some(shape.clone());
        }
        let shape = Arc::new(buttress_wire::shape(self.dialect, body).ok()?);
        call.set_shape(shape.clone());
        Some(shape)
    }
}

/// Whether the request's body is said to be JSON, or nothing is said.
fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_none_or(|value| value.as_bytes().to_ascii_lowercase().windows(4).any(|word| word == b"json"))
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("dialect", &self.dialect)
            .field("authority", &self.authority)
            .field("base_path", &self.base_path)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Provider;

    fn rewritten(provider: Provider, request: http::Request<&'static str>) -> (request::Parts, Bytes, Asked) {
        let (mut parts, body) = request.into_parts();
        let (body, asked) =
            provider.build().unwrap().rewrite(&mut parts, Bytes::from_static(body.as_bytes()));
        (parts, body, asked)
    }

    fn uri(base: &str, path: &str) -> String {
        let request = http::Request::post(path).body("").unwrap();
        rewritten(Provider::compatible("x", base), request).0.uri.to_string()
    }

    #[test]
    fn the_path_goes_under_the_base_url() {
        for (base, path, want) in [
            ("http://h:1", "/v1/chat/completions", "http://h:1/v1/chat/completions"),
            ("http://h/v1", "/v1/chat/completions", "http://h/v1/chat/completions"),
            ("http://h/v1/", "/v1/models", "http://h/v1/models"),
            ("https://h/openai", "/v1/chat/completions", "https://h/openai/v1/chat/completions"),
            ("https://h/openai", "http://other/v1/models?a=1", "https://h/openai/v1/models?a=1"),
            ("http://h", "/", "http://h/v1/chat/completions"),
        ] {
            assert_eq!(uri(base, path), want);
        }
    }

    #[test]
    fn the_callers_credentials_never_go_with_the_providers() {
        let request = http::Request::post("/v1/messages")
            .header("authorization", "Bearer of-the-caller")
            .header("cookie", "session=1")
            .header("host", "gateway")
            .body("{}")
            .unwrap();
        let (parts, ..) = rewritten(Provider::anthropic().api_key("sk-ant"), request);
        assert_eq!(parts.headers["x-api-key"], "sk-ant");
        assert!(parts.headers["x-api-key"].is_sensitive());
        assert_eq!(parts.headers["anthropic-version"], "2023-06-01");
        for name in ["authorization", "cookie", "host"] {
            assert!(!parts.headers.contains_key(name), "{name}");
        }
    }

    #[test]
    fn without_a_key_the_callers_credentials_pass() {
        let request = http::Request::post("/").header("authorization", "Bearer mine").body("{}").unwrap();
        assert_eq!(rewritten(Provider::openai(), request).0.headers["authorization"], "Bearer mine");
    }

    #[test]
    fn the_callers_version_wins_over_the_default_and_a_set_header_over_both() {
        let request =
            || http::Request::post("/").header("anthropic-version", "2026-10-21").body("{}").unwrap();
        assert_eq!(rewritten(Provider::anthropic(), request()).0.headers["anthropic-version"], "2026-10-21");
        let pinned = Provider::anthropic().header("anthropic-version", "2030-01-01");
        assert_eq!(rewritten(pinned, request()).0.headers["anthropic-version"], "2030-01-01");
    }

    #[test]
    fn a_mapped_model_and_the_wish_for_usage_are_written_into_the_body() {
        let request = http::Request::post("/").body(r#"{"model":"gpt","stream":true,"seed":1.0}"#).unwrap();
        let (parts, body, asked) = rewritten(Provider::openai().model("gpt", "qwen"), request);
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(json["model"], "qwen");
        assert_eq!(json["stream_options"]["include_usage"], true);
        assert!(String::from_utf8_lossy(&body).contains("\"seed\":1.0"));
        let want = Asked { stream: true, hide_usage: true, expected: Expected::Chat };
        assert_eq!(asked, want);
        let shape = Call::get(&parts.extensions).unwrap().shape().unwrap();
        assert_eq!(shape.model.as_deref(), Some("gpt"), "the caller's own word for it");
    }

    #[test]
    fn one_model_for_all_comes_after_those_that_have_a_name() {
        let provider = || Provider::openai().model("gpt", "qwen").every_model("llama");
        for (asked, sent) in [("gpt", "qwen"), ("o5", "llama"), ("llama", "llama")] {
            let body = String::leak(format!(r#"{{"model":"{asked}"}}"#));
            let (_, body, _) = rewritten(provider(), http::Request::post("/").body(&*body).unwrap());
            assert_eq!(body, format!(r#"{{"model":"{sent}"}}"#));
        }
    }

    #[test]
    fn what_needs_no_change_goes_out_as_it_came() {
        for body in [r#"{ "model" : "m" }"#, "not json", ""] {
            let request = http::Request::post("/").body(body).unwrap();
            assert_eq!(rewritten(Provider::openai(), request).1, body);
        }
    }

    #[test]
    fn a_chat_is_asked_for_unencoded_and_anything_else_as_the_caller_wants_it() {
        let accepts = |path| {
            let request = http::Request::post(path).header("accept-encoding", "gzip").body("").unwrap();
            rewritten(Provider::openai(), request).0.headers["accept-encoding"].clone()
        };
        assert_eq!(accepts("/v1/chat/completions"), "identity");
        assert_eq!(accepts("/v1/embeddings"), "gzip");
    }
}

//! A checked provider: turns the caller's request into the provider's.

use std::{collections::HashMap, fmt, sync::Arc};

use buttress_call::{BoxError, Call, Charging, Error, Kind, Origin, Shape};
use buttress_wire::{Dialect, Edit, Route, Vendor};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header, request};

use crate::{
    Sign,
    address::{Address, Layout, Wanted},
};

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
    /// By what name the world knows it.
    pub(crate) known_as: Arc<str>,
    pub(crate) vendor: Vendor,
    pub(crate) charging: Charging,
    /// What is spoken where the path does not tell.
    pub(crate) dialect: Dialect,
    pub(crate) address: Address,
    /// Set where the caller did not.
    pub(crate) defaults: HeaderMap,
    /// Set in any case.
    pub(crate) headers: HeaderMap,
    pub(crate) credentials: Option<(HeaderName, HeaderValue)>,
    pub(crate) sign: Option<Arc<dyn Sign>>,
    /// Taken out of whatever the provider says.
    pub(crate) key: Option<Box<str>>,
    pub(crate) models: HashMap<Box<str>, Box<str>>,
    /// For the models that are not among those.
    pub(crate) every_model: Option<Box<str>>,
    pub(crate) ask_usage: bool,
}

/// What the answer's reader must know of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The caller wants a stream.
    pub(crate) stream: bool,
    /// Usage was asked for on the caller's behalf and must be hidden again.
    pub(crate) hide_usage: bool,
    /// What the answer is written in.
    pub(crate) dialect: Dialect,
    pub(crate) expected: Expected,
}

/// What may come as an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// A chat's: its streams are the dialect's.
    Chat,
    /// Another one's: its streams, if there are any, are of a form that is not known here.
    Other,
    /// No body at all.
    Nothing,
}

impl Asked {
    pub(crate) fn nothing(dialect: Dialect) -> Self {
        Asked { stream: false, hide_usage: false, dialect, expected: Expected::Nothing }
    }
}

impl Endpoint {
    /// Makes the request this provider's own. A body that is not a JSON object goes out as it is: the provider says
    /// what is wrong with it.
    pub(crate) fn rewrite(&self, parts: &mut request::Parts, body: Bytes) -> Result<(Bytes, Asked), Error> {
        let uri = std::mem::take(&mut parts.uri);
        let path = Some(uri.path()).filter(|path| !matches!(*path, "" | "/"));
        let route = path.and_then(|path| Route::of(self.dialect, path));
        let dialect = route.as_ref().map_or(self.dialect, |route| route.dialect);
        let json = !body.is_empty() && is_json(&parts.headers);
        let shape = json.then(|| shape(parts, self.dialect, uri.path(), &body)).flatten();

        let in_path = route.as_ref().and_then(|route| route.model.as_deref());
        let model = in_path.or_else(|| shape.as_ref()?.model.as_deref());
        let renamed = model.and_then(|model| self.models.get(model)).or(self.every_model.as_ref());
        let renamed = renamed.map(|model| &**model);
        let stream = route
            .as_ref()
            .and_then(|route| route.stream)
            .unwrap_or_else(|| shape.as_ref().is_some_and(|shape| shape.stream));
        let wanted =
            Wanted { dialect, path, query: uri.query(), route: route.as_ref(), model, renamed, stream };
        parts.uri = self.address.uri(&wanted).map_err(|rule| self.misdirected(uri.path(), rule))?;
        // That of the caller's connection; the client has its own.
        parts.version = Version::default();

        let expected = match parts.method {
            Method::HEAD => Expected::Nothing,
            _ if path.is_none() || route.is_some() => Expected::Chat,
            _ => Expected::Other,
        };
        self.headers(&mut parts.headers);
        if expected == Expected::Chat {
            // An encoded answer blinds the decoder, whatever the caller could have read.
            parts.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let mut asked = Asked { stream, hide_usage: false, dialect, expected };
        let mut body = body;
        if shape.is_some() {
            let mut edit = Edit::new();
            let in_body = in_path.is_none() && self.address.layout != Layout::Deployments;
            edit.model = renamed.filter(|_| in_body && model.is_some());
            edit.ask_usage = self.ask_usage && stream && expected == Expected::Chat;
            if edit != Edit::new()
                && let Ok(edited) = buttress_wire::edit(dialect, &body, &edit)
            {
                (body, asked.hide_usage) = (edited.body, edited.usage_asked);
            }
        }
        if let Some(sign) = &self.sign {
            sign.sign(parts, &body).map_err(|error| self.unsigned(error))?;
            // Whatever it has put there.
            for name in CREDENTIALS {
                if let Some(value) = parts.headers.get_mut(name) {
                    value.set_sensitive(true);
                }
            }
        }
        Ok((body, asked))
    }

    fn misdirected(&self, path: &str, rule: &'static str) -> Error {
        let message = format!("{}: path {path:?}: {rule}", self.name);
        Error::new(Kind::Invalid, Origin::Layer("provider"), message).with_provider(self.known_as.clone())
    }

    fn unsigned(&self, error: BoxError) -> Error {
        let message = format!("{}: the request could not be signed", self.name);
        let unsigned = Error::new(Kind::Auth, Origin::Layer("provider"), message);
        unsigned.with_provider(self.known_as.clone()).with_source(error)
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
        if self.credentials.is_some()
            || self.sign.is_some()
            || CREDENTIALS.iter().any(|name| self.headers.contains_key(name))
        {
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
}

/// What is known of the request, read now if nobody has read it before.
fn shape(parts: &mut request::Parts, dialect: Dialect, path: &str, body: &[u8]) -> Option<Arc<Shape>> {
    let call = Call::get_or_insert(&mut parts.extensions);
    if let Some(shape) = call.shape() {
        return Some(shape.clone());
    }
    let shape = Arc::new(buttress_wire::shape_at(dialect, path, body).ok()?);
    call.set_shape(shape.clone());
    Some(shape)
}

/// Whether the request's body is said to be JSON, or nothing is said.
fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_none_or(|value| value.as_bytes().windows(4).any(|word| word.eq_ignore_ascii_case(b"json")))
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("dialect", &self.dialect)
            .field("vendor", &self.vendor)
            .field("authority", &self.address.authority)
            .field("base_path", &self.address.base_path)
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
            provider.build().unwrap().rewrite(&mut parts, Bytes::from_static(body.as_bytes())).unwrap();
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
        let want =
            Asked { stream: true, hide_usage: true, dialect: Dialect::OpenAi, expected: Expected::Chat };
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

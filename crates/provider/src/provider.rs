//! Who the provider is: where it lives, what it speaks, how it wants to be asked.

use std::{borrow::Cow, collections::HashMap, fmt, sync::Arc};

use buttress_wire::Dialect;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, uri};

use crate::endpoint::Endpoint;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
/// The long-standing version of the Messages API. The caller's own header, or [`Provider::header`], overrides it.
const ANTHROPIC_VERSION_DEFAULT: HeaderValue = HeaderValue::from_static("2023-06-01");

/// A provider: its name, address, dialect, key, and what it calls the models.
///
/// The setters store; [`ProviderLayer::new`](crate::ProviderLayer::new) checks them all, so that a bad value gives one
/// clear error at construction. The key is never printed and never logged: `Debug` hides it, and the header that
/// carries it is marked sensitive.
///
/// ```
/// use buttress_provider::{Provider, ProviderLayer};
///
/// let local = Provider::compatible("local", "http://127.0.0.1:8000").model("gpt-5", "qwen3-8b");
/// let layer = ProviderLayer::new(local)?;
/// # let _ = layer;
/// # Ok::<(), buttress_provider::InvalidProvider>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Provider {
    name: Arc<str>,
    base_url: String,
    dialect: Dialect,
    api_key: Option<String>,
    headers: Vec<(String, String)>,
    models: HashMap<String, String>,
    every_model: Option<String>,
    ask_usage: bool,
}

impl Provider {
    /// OpenAI's own API.
    pub fn openai() -> Self {
        Self::compatible("openai", "https://api.openai.com")
    }

    /// Anthropic's Messages API.
    pub fn anthropic() -> Self {
        Provider { dialect: Dialect::Anthropic, ..Self::compatible("anthropic", "https://api.anthropic.com") }
    }

    /// Any server that speaks OpenAI's chat completions.
    ///
    /// `base_url` is what stands before `/v1/chat/completions`; one that ends with `/v1` itself, as the SDKs want it,
    /// means the same.
    pub fn compatible(name: impl Into<Arc<str>>, base_url: impl Into<String>) -> Self {
        Provider {
            name: name.into(),
            base_url: base_url.into(),
            dialect: Dialect::OpenAi,
            api_key: None,
            headers: Vec::new(),
            models: HashMap::new(),
            every_model: None,
            ask_usage: true,
        }
    }

    /// The name in errors, spans and metrics. Default: `openai` and `anthropic` for the constructors of that name.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Another address for the same API: a proxy, a region, a test server.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = base_url.into();
        self
    }

    /// The API key. Credentials that the caller's request carries are then removed, as they are if a
    /// [`header`](Self::header) of this provider is one that carries credentials. Otherwise they pass through.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// A header for every request, in place of the caller's own of that name. Its value is treated as a secret.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// What this provider calls the model that callers call `from`. Models without an entry keep their names.
    pub fn model(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.models.insert(from.into(), to.into());
        self
    }

    /// What this provider calls every model that has no entry by [`model`](Self::model): for one that serves a single model,
    /// whatever callers call it.
    pub fn every_model(mut self, to: impl Into<String>) -> Self {
        self.every_model = Some(to.into());
        self
    }

    /// Whether to ask for the token usage of streams whose caller did not, and hide it from that caller again. Default:
    /// yes. Only OpenAI's dialect needs to be asked. Turn it off for a server that refuses `stream_options`.
    pub fn ask_usage(mut self, ask: bool) -> Self {
        self.ask_usage = ask;
        self
    }

    pub(crate) fn build(self) -> Result<Endpoint, InvalidProvider> {
        let invalid = |what, value: &str, rule| InvalidProvider {
            provider: self.name.clone(),
            what,
            value: value.into(),
            rule,
        };
        if self.name.is_empty() {
            return Err(invalid("name", "", "it must not be empty"));
        }
        // Errors show it without what may be a secret.
        let base = &*printable(&self.base_url);
        let parts = self
            .base_url
            .parse::<Uri>()
            .map_err(|_| invalid("base URL", base, "it is not a URL"))?
            .into_parts();
        let scheme = parts
            .scheme
            .filter(|scheme| *scheme == uri::Scheme::HTTP || *scheme == uri::Scheme::HTTPS)
            .ok_or_else(|| invalid("base URL", base, "it must start with http:// or https://"))?;
        let authority = parts
            .authority
            .filter(|authority| !authority.host().is_empty())
            .ok_or_else(|| invalid("base URL", base, "it must name a host"))?;
        let path = parts.path_and_query;
        if path.as_ref().is_some_and(|path| path.query().is_some()) {
            return Err(invalid("base URL", base, "it must not have a query"));
        }
        if authority.as_str().contains('@') {
            return Err(invalid("base URL", base, "it must not hold credentials; use api_key"));
        }
        let base_path = path.map_or_else(String::new, |path| path.path().trim_end_matches('/').to_owned());
        let mut defaults = HeaderMap::new();
        if self.dialect == Dialect::Anthropic {
            defaults.insert(ANTHROPIC_VERSION, ANTHROPIC_VERSION_DEFAULT);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let parsed =
                name.parse::<HeaderName>().map_err(|_| invalid("header name", name, "it is not one"))?;
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| invalid("value of header", name, "it has characters that no header may have"))?;
            value.set_sensitive(true);
            headers.insert(parsed, value);
        }
        let credentials = self.api_key.as_deref().map(|key| {
            let key = key.trim();
            if key.is_empty() {
                return Err(invalid("API key", "", "it is empty"));
            }
            let (name, value) = match self.dialect {
                Dialect::Anthropic => (X_API_KEY, HeaderValue::from_str(key)),
                _ => (header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}"))),
            };
            let mut value =
                value.map_err(|_| invalid("API key", "", "it has characters that no header may have"))?;
            value.set_sensitive(true);
            Ok((name, value))
        });
        let models = self.models.iter().map(|(from, to)| {
            if from.is_empty() || to.is_empty() {
                return Err(invalid("model mapping", &format!("{from} -> {to}"), "a model must have a name"));
            }
            Ok((from.as_str().into(), to.as_str().into()))
        });
        if self.every_model.as_deref() == Some("") {
            return Err(invalid("model mapping", "* -> ", "a model must have a name"));
        }
        Ok(Endpoint {
            every_model: self.every_model.as_deref().map(Into::into),
            models: models.collect::<Result<_, _>>()?,
            credentials: credentials.transpose()?,
            key: self.api_key.as_deref().map(|key| key.trim().into()),
            name: self.name.clone(),
            dialect: self.dialect,
            scheme,
            authority,
            base_path,
            chat: None,
            defaults,
            headers,
            ask_usage: self.ask_usage,
        }
        .with_chat())
    }
}

/// A URL without what may be a secret in it: credentials before the host, and the query.
fn printable(url: &str) -> Cow<'_, str> {
    let (address, query) = match url.find(['?', '#']) {
        Some(at) => (&url[..at], format!("{}***", &url[at..=at])),
        None => (url, String::new()),
    };
    let start = address.find("//").map_or(0, |at| at + 2);
    match address[start..].rfind('@') {
        Some(at) => Cow::Owned(format!("{}***{}{query}", &address[..start], &address[start + at..])),
        None if query.is_empty() => Cow::Borrowed(url),
        None => Cow::Owned(format!("{address}{query}")),
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("name", &self.name)
            .field("base_url", &printable(&self.base_url))
            .field("dialect", &self.dialect)
            .field("api_key", &self.api_key.as_ref().map(|_| "hidden"))
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("models", &self.models)
            .field("every_model", &self.every_model)
            .finish_non_exhaustive()
    }
}

/// Why a [`Provider`] cannot be used: which value breaks which rule. A key's value is never in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidProvider {
    provider: Arc<str>,
    what: &'static str,
    value: String,
    rule: &'static str,
}

impl fmt::Display for InvalidProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvalidProvider { provider, what, value, rule } = self;
        write!(f, "provider {provider:?}: {what}")?;
        if !value.is_empty() {
            write!(f, " {value:?}")?;
        }
        write!(f, ": {rule}")
    }
}

impl std::error::Error for InvalidProvider {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(provider: Provider) -> String {
        provider.build().unwrap_err().to_string()
    }

    #[test]
    fn a_base_url_needs_a_scheme_and_a_host() {
        for url in ["api.example.com", "/v1", "", "ftp://example.com", "http://", "not a url", "http://h/v1?"]
        {
            let error = refused(Provider::compatible("local", url));
            assert!(error.contains("local") && error.contains("base URL"), "{url}: {error}");
            assert!(error.contains(url), "{error}");
        }
    }

    #[test]
    fn an_empty_key_is_refused_and_a_bad_one_is_not_printed() {
        assert!(refused(Provider::openai().api_key("  ")).contains("API key"));
        let error = refused(Provider::openai().api_key("sk-\nsecret"));
        assert!(error.contains("API key") && !error.contains("secret"), "{error}");
        let error = refused(Provider::openai().base_url("https://user:secret@example.com"));
        assert!(error.contains("credentials") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn secrets_in_a_base_url_are_never_printed() {
        for url in [
            "https://user:secret@example.com/v1?key=secret",
            "https://example.com/v1?key=secret",
            "ftp://user:secret@example.com",
            "https://user:sec/secret@exa mple.com#secret",
            "user:secret@example.com",
        ] {
            let provider = Provider::openai().base_url(url);
            let debug = format!("{provider:?}");
            let error = refused(provider);
            assert!(!format!("{debug} {error}").contains("secret"), "{debug} {error}");
            assert!(error.contains("mple.com"), "{error}");
        }
    }

    #[test]
    fn names_headers_and_models_are_checked() {
        assert!(refused(Provider::openai().name("")).contains("name"));
        assert!(refused(Provider::openai().header("bad name", "x")).contains("bad name"));
        assert!(refused(Provider::openai().header("x-a", "b\nad")).contains("x-a"));
        assert!(refused(Provider::openai().model("gpt", "")).contains("gpt"));
        assert!(refused(Provider::openai().every_model("")).contains("model mapping"));
    }

    #[test]
    fn debug_hides_the_key_and_the_values_of_headers() {
        let provider = Provider::openai().api_key("sk-secret").header("x-proxy-key", "secret-too");
        let built = format!("{:?}", provider.clone().build().unwrap());
        assert!(!format!("{provider:?} {built}").contains("secret"), "{provider:?} {built}");
    }
}

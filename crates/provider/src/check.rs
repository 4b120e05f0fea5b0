//! Checks a provider's values.

use std::{borrow::Cow, fmt, sync::Arc};

use buttress_wire::{Dialect, Vendor, charging};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, uri};

use crate::{
    Provider,
    address::{Address, Layout},
    endpoint::Endpoint,
    provider::Auth,
};

const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
/// The long-standing version of the Messages API. The caller's own header, or [`Provider::header`], overrides it.
const ANTHROPIC_VERSION_DEFAULT: HeaderValue = HeaderValue::from_static("2023-06-01");

impl Provider {
    pub(crate) fn build(self) -> Result<Endpoint, InvalidProvider> {
        if self.name.is_empty() {
            return Err(self.invalid("name", "", "it must not be empty"));
        }
        let mut defaults = HeaderMap::new();
        if self.dialect == Dialect::Anthropic {
            defaults.insert(ANTHROPIC_VERSION, ANTHROPIC_VERSION_DEFAULT);
        }
        let vendor = match (self.vendor, self.dialect) {
            // Its language knows its statuses.
            (Vendor::Other, Dialect::Custom(_)) => self.dialect.into(),
            (vendor, _) => vendor,
        };
        Ok(Endpoint {
            address: self.address()?.with_chat(self.dialect),
            models: self.checked_models()?,
            every_model: self.every_model.as_deref().map(Into::into),
            headers: self.checked_headers()?,
            credentials: self.credentials()?,
            key: self.api_key.as_deref().map(|key| key.trim().into()),
            known_as: self.provider_name(),
            name: self.name,
            charging: charging(vendor),
            vendor,
            dialect: self.dialect,
            defaults,
            sign: self.sign,
            ask_usage: self.ask_usage,
        })
    }

    fn invalid(&self, what: &'static str, value: &str, rule: &'static str) -> InvalidProvider {
        InvalidProvider { provider: self.name.clone(), what, value: value.into(), rule }
    }

    fn address(&self) -> Result<Address, InvalidProvider> {
        // Errors show it without what may be a secret.
        let base = &*printable(&self.base_url);
        let invalid = |rule| self.invalid("base URL", base, rule);
        let parts = self.base_url.parse::<Uri>().map_err(|_| invalid("it is not a URL"))?.into_parts();
        let scheme = parts
            .scheme
            .filter(|scheme| *scheme == uri::Scheme::HTTP || *scheme == uri::Scheme::HTTPS)
            .ok_or_else(|| invalid("it must start with http:// or https://"))?;
        let authority = parts
            .authority
            .filter(|authority| !authority.host().is_empty())
            .ok_or_else(|| invalid("it must name a host"))?;
        let path = parts.path_and_query;
        if path.as_ref().is_some_and(|path| path.query().is_some()) {
            return Err(invalid("it must not have a query"));
        }
        if authority.as_str().contains('@') {
            return Err(invalid("it must not hold credentials; use api_key"));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
        if let Layout::Project(prefix) = &self.layout
            && (prefix.contains("//") || !prefix.bytes().all(|byte| byte == b'/' || plain(byte)))
        {
            return Err(self.invalid("project and location", prefix, "they must be names"));
        }
        if let Some((name, value)) = &self.query
            && (value.is_empty() || !value.bytes().all(plain))
        {
            return Err(self.invalid(name, value, "it must be a word"));
        }
        let base_path = path.map_or_else(String::new, |path| path.path().trim_end_matches('/').to_owned());
        Ok(Address::new(scheme, authority, base_path, self.layout.clone(), self.query.clone()))
    }

    fn checked_headers(&self) -> Result<HeaderMap, InvalidProvider> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let parsed =
                name.parse::<HeaderName>().map_err(|_| self.invalid("header name", name, "it is not one"))?;
            let mut value = HeaderValue::from_str(value).map_err(|_| {
                self.invalid("value of header", name, "it has characters that no header may have")
            })?;
            value.set_sensitive(true);
            headers.insert(parsed, value);
        }
        Ok(headers)
    }

    fn credentials(&self) -> Result<Option<(HeaderName, HeaderValue)>, InvalidProvider> {
        let Some(key) = self.api_key.as_deref().map(str::trim) else { return Ok(None) };
        if key.is_empty() {
            return Err(self.invalid("API key", "", "it is empty"));
        }
        let (name, value) = match self.auth {
            Auth::Bearer => (header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}"))),
            Auth::Header(name) => (HeaderName::from_static(name), HeaderValue::from_str(key)),
        };
        let mut value =
            value.map_err(|_| self.invalid("API key", "", "it has characters that no header may have"))?;
        value.set_sensitive(true);
        Ok(Some((name, value)))
    }

    fn checked_models(&self) -> Result<std::collections::HashMap<Box<str>, Box<str>>, InvalidProvider> {
        if self.every_model.as_deref() == Some("") {
            return Err(self.invalid("model mapping", "* -> ", "a model must have a name"));
        }
        let models = self.models.iter().map(|(from, to)| {
            if from.is_empty() || to.is_empty() {
                let value = format!("{from} -> {to}");
                return Err(self.invalid("model mapping", &value, "a model must have a name"));
            }
            Ok((from.as_str().into(), to.as_str().into()))
        });
        models.collect()
    }
}

/// A URL without what may be a secret in it: credentials before the host, and the query.
pub(crate) fn printable(url: &str) -> Cow<'_, str> {
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

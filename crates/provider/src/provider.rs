//! Who the provider is: where it lives, what it speaks, how it wants to be asked.

use std::{collections::HashMap, fmt, sync::Arc};

use buttress_wire::{Dialect, Vendor};

use crate::{Sign, address::Layout, check::printable};

/// A provider: its name, address, dialect, key, and what it calls the models.
///
/// The constructors of the well-known ones are below; `docs/providers.md` says what is known of each. The setters store;
/// [`ProviderLayer::new`](crate::ProviderLayer::new) checks them all, so that a bad value gives one clear error at
/// construction. The key is never printed and never logged: `Debug` hides it, and the header that carries it is marked
/// sensitive.
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
    pub(crate) name: Arc<str>,
    pub(crate) vendor: Vendor,
    pub(crate) base_url: String,
    pub(crate) layout: Layout,
    pub(crate) query: Option<(&'static str, String)>,
    pub(crate) dialect: Dialect,
    pub(crate) auth: Auth,
    pub(crate) api_key: Option<String>,
    pub(crate) sign: Option<Arc<dyn Sign>>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) models: HashMap<String, String>,
    pub(crate) every_model: Option<String>,
    pub(crate) ask_usage: bool,
}

/// Where the key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    /// `authorization: Bearer …`
    Bearer,
    /// A header of its own.
    Header(&'static str),
}

impl Provider {
    /// Any server that speaks OpenAI's chat completions.
    ///
    /// `base_url` is what stands before `/v1/chat/completions`; one that ends with `/v1` itself, as the SDKs want it,
    /// means the same.
    pub fn compatible(name: impl Into<Arc<str>>, base_url: impl Into<String>) -> Self {
        Provider {
            name: name.into(),
            vendor: Vendor::Other,
            base_url: base_url.into(),
            layout: Layout::Plain,
            query: None,
            dialect: Dialect::OpenAi,
            auth: Auth::Bearer,
            api_key: None,
            sign: None,
            headers: Vec::new(),
            models: HashMap::new(),
            every_model: None,
            ask_usage: true,
        }
    }

    /// The name in errors and logs. Default: that of the constructor.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Whose errors and limits its answers carry. Default: the constructor's; for
    /// [`compatible`](Self::compatible) URLs nobody's in particular.
    pub fn vendor(mut self, vendor: Vendor) -> Self {
        self.vendor = vendor;
        self
    }

    /// What it speaks where the path does not tell, and at `/`. Default: the constructor's.
    ///
    /// Most paths do tell: `/v1/messages` is Anthropic's dialect and `/v1/responses` OpenAI's Responses, whoever serves
    /// them. A dialect of your own ([`Dialect::Custom`]) is spoken at every path.
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Another address for the same API: a proxy, a region, a test server.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = base_url.into();
        self
    }

    /// The API key. Credentials that the caller's request carries are then removed, as they are if a
    /// [`header`](Self::header) of this provider is one that carries credentials, or if it [signs](Self::sign).
    /// Otherwise they pass through.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// A token in `authorization: Bearer`, whatever header the key goes into by default. One that expires is put there by
    /// a [`Sign`].
    pub fn bearer(mut self, token: impl Into<String>) -> Self {
        self.auth = Auth::Bearer;
        self.api_key(token)
    }

    /// Signs every attempt's request, after all else was done to it.
    pub fn sign(mut self, sign: impl Sign) -> Self {
        self.sign = Some(Arc::new(sign));
        self
    }

    /// A header for every request, in place of the caller's own of that name. Its value is treated as a secret.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// What this provider calls the model that callers call `from`: in the body, or in the URL where that names it. Models
    /// without an entry keep their names.
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
    /// yes, but for those that send it unasked (Groq, Mistral). Only OpenAI's chat needs to be asked. Turn it off for a
    /// server that refuses `stream_options`.
    pub fn ask_usage(mut self, ask: bool) -> Self {
        self.ask_usage = ask;
        self
    }

    /// The provider's well-known name, OpenTelemetry's where it has one (`openai`, `aws.bedrock`, …), or else its own: for
    /// `gen_ai.provider.name`.
    pub fn provider_name(&self) -> Arc<str> {
        match self.vendor {
            Vendor::Other => self.name.clone(),
            vendor => vendor.as_str().into(),
        }
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("name", &self.name)
            .field("vendor", &self.vendor)
            .field("base_url", &printable(&self.base_url))
            .field("dialect", &self.dialect)
            .field("api_key", &self.api_key.as_ref().map(|_| "hidden"))
            .field("signs", &self.sign.is_some())
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("models", &self.models)
            .field("every_model", &self.every_model)
            .finish_non_exhaustive()
    }
}

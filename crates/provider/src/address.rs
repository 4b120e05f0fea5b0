//! Where a provider has what the caller asks for.

use std::borrow::Cow;

use buttress_wire::{Dialect, Route, segment};
use http::{Uri, uri};

/// A provider's address.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) scheme: uri::Scheme,
    pub(crate) authority: uri::Authority,
    /// Without a slash at its end.
    pub(crate) base_path: String,
    pub(crate) layout: Layout,
    /// In every URL, unless the caller's own has it.
    pub(crate) query: Option<(&'static str, String)>,
    /// Made once, for all calls: where the chat lives, under its path here.
    chat: Option<(Cow<'static, str>, Uri)>,
}

/// How a provider's paths are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// As the caller writes them.
    Plain,
    /// Azure's: a model is a deployment, and stands in the path.
    Deployments,
    /// Vertex's: models stand under a project and a location.
    Project(String),
}

/// What the caller asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) dialect: Dialect,
    /// `None` for the chat, wherever it is.
    pub(crate) path: Option<&'a str>,
    pub(crate) query: Option<&'a str>,
    pub(crate) route: Option<&'a Route<'a>>,
    /// As the caller calls it.
    pub(crate) model: Option<&'a str>,
    /// As the provider calls it, if that is something else.
    pub(crate) renamed: Option<&'a str>,
    pub(crate) stream: bool,
}

/// What Azure has under a deployment; anything else is the resource's own.
const DEPLOYED: [&str; 9] = [
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/audio/transcriptions",
    "/audio/translations",
    "/audio/speech",
    "/images/generations",
    "/images/edits",
    "/rerank",
];

const NO_MODEL: &str = "the path must name a model";
const NO_DEPLOYMENT: &str = "the body must name a model, which is the deployment";
const BAD_MODEL: &str = "a model's name cannot be a path of its own";

impl Address {
    pub(crate) fn new(
        scheme: uri::Scheme,
        authority: uri::Authority,
        base_path: String,
        layout: Layout,
        query: Option<(&'static str, String)>,
    ) -> Self {
        Address { scheme, authority, base_path, layout, query, chat: None }
    }

    /// Makes the address of the chat once, for all calls, if nothing in a call changes it.
    pub(crate) fn with_chat(mut self, dialect: Dialect) -> Self {
        let fixed = self.layout == Layout::Plain && dialect.has_model_in_body() && dialect != Dialect::Tgi;
        if fixed && let Some(path) = dialect.chat_path("", false) {
            self.chat = self.under_base(&path, None).map(|uri| (path, uri));
        }
        self
    }

    /// The URL of what is wanted, or the rule that it breaks.
    pub(crate) fn uri(&self, wanted: &Wanted<'_>) -> Result<Uri, &'static str> {
        if let Some((path, uri)) = &self.chat
            && wanted.query.is_none()
            && wanted.path.is_none_or(|wanted| wanted == path)
        {
            return Ok(uri.clone());
        }
        // Also where there can be none: the key must not go where the caller's own URI points.
        Ok(self.under_base(&self.path(wanted)?, wanted.query).unwrap_or_else(|| self.root()))
    }

    fn path<'a>(&self, wanted: &Wanted<'a>) -> Result<Cow<'a, str>, &'static str> {
        if wanted.renamed.or(wanted.model).is_some_and(|model| matches!(model, "." | "..")) {
            return Err(BAD_MODEL);
        }
        match &self.layout {
            Layout::Plain => plain(wanted),
            Layout::Deployments => deployment(wanted),
            Layout::Project(prefix) => project(prefix, wanted),
        }
    }

    fn under_base(&self, path: &str, query: Option<&str>) -> Option<Uri> {
        // A base URL that ends with the version, as the SDKs want it, does not double it.
        let first = path.get(1..)?.find('/').map_or(path, |end| &path[..=end]);
        let base = self.base_path.strip_suffix(first).unwrap_or(&self.base_path);
        let mut whole = String::with_capacity(base.len() + path.len() + query.map_or(0, str::len) + 40);
        whole.push_str(base);
        whole.push_str(path);
        let mut queries = query.into_iter().filter(|query| !query.is_empty());
        let own = self.query.as_ref().filter(|(name, _)| !has(query, name));
        if let Some(query) = queries.next() {
            whole.extend(["?", query]);
        }
        if let Some((name, value)) = own {
            whole.extend([if whole.contains('?') { "&" } else { "?" }, name, "=", value]);
        }
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(whole)
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
}

/// The caller's path, with this provider's name for the model if the path has one.
fn plain<'a>(wanted: &Wanted<'a>) -> Result<Cow<'a, str>, &'static str> {
    match (wanted.path, wanted.route, wanted.renamed) {
        (Some(_), Some(route), Some(renamed)) if route.model.is_some() => {
            Ok(Cow::Owned(route.with_model(renamed)))
        }
        (Some(path), ..) => Ok(Cow::Borrowed(path)),
        (None, ..) => {
            let model = wanted.renamed.or(wanted.model);
            if model.is_none() && !wanted.dialect.has_model_in_body() {
                return Err(NO_MODEL);
            }
            // A language of the user's own has its chat where the base URL points.
            let path = wanted.dialect.chat_path(model.unwrap_or_default(), wanted.stream);
            Ok(path.unwrap_or(Cow::Borrowed("/")))
        }
    }
}

fn deployment<'a>(wanted: &Wanted<'a>) -> Result<Cow<'a, str>, &'static str> {
    let path = match wanted.path {
        // Azure's own form already.
        Some(path) if path.contains("/deployments/") => return plain(wanted),
        path => path.unwrap_or("/chat/completions"),
    };
    let operation = ["/openai/v1", "/openai", "/v1"].iter().find_map(|prefix| {
        let rest = path.strip_prefix(prefix)?;
        rest.starts_with('/').then_some(rest)
    });
    let operation = operation.unwrap_or(path);
    if !DEPLOYED.contains(&operation) {
        return Ok(Cow::Owned(format!("/openai{operation}")));
    }
    let deployment =
        wanted.renamed.or(wanted.model).filter(|model| !model.is_empty()).ok_or(NO_DEPLOYMENT)?;
    Ok(Cow::Owned(format!("/openai/deployments/{}{operation}", segment(deployment))))
}

fn project<'a>(prefix: &str, wanted: &Wanted<'a>) -> Result<Cow<'a, str>, &'static str> {
    let path = plain(wanted)?;
    // The Gemini API's form: from `/models/` on they agree.
    match path.find("/models/") {
        Some(at) if !path.contains("/projects/") => Ok(Cow::Owned(format!("{prefix}{}", &path[at..]))),
        _ => Ok(path),
    }
}

/// Whether a query has a field of this name.
fn has(query: Option<&str>, name: &str) -> bool {
    query.is_some_and(|query| query.split('&').any(|field| field.split('=').next() == Some(name)))
}

//! Credentials that depend on the request, or on the hour.

use buttress_call::BoxError;
use bytes::Bytes;
use http::request;

/// Signs requests: for credentials that are made of the request (AWS's Signature Version 4), or that expire (tokens of
/// Microsoft Entra and of Google Cloud).
///
/// It sees each attempt's request last, as it goes out: the provider's address, headers and body. What it adds counts. It
/// runs within a `call`, so it must not block: fetch what expires elsewhere, and keep it where this can look it up. An
/// error fails the attempt, unsent, as [`Kind::Auth`](buttress_call::Kind::Auth); its text is shown, so it must hold no
/// secret.
///
/// Closures implement it. One for Signature Version 4 is in `docs/providers.md`.
///
/// ```
/// use std::sync::{Arc, RwLock};
/// use buttress_provider::{Provider, ProviderLayer};
/// use bytes::Bytes;
/// use http::{HeaderValue, header::AUTHORIZATION, request::Parts};
///
/// let token = Arc::new(RwLock::new(HeaderValue::from_static("Bearer fetched-by-a-task")));
/// let vertex = Provider::vertex("my-project", "europe-west4").sign(move |request: &mut Parts, _body: &Bytes| {
///     request.headers.insert(AUTHORIZATION, token.read().map_err(|_| "no token")?.clone());
///     Ok(())
/// });
/// # let _ = ProviderLayer::new(vertex)?;
/// # Ok::<(), buttress_provider::InvalidProvider>(())
/// ```
pub trait Sign: Send + Sync + 'static {
    /// Adds the credentials to the request's head.
    fn sign(&self, request: &mut request::Parts, body: &Bytes) -> Result<(), BoxError>;
}

impl<F> Sign for F
where
    F: Fn(&mut request::Parts, &Bytes) -> Result<(), BoxError> + Send + Sync + 'static,
{
    fn sign(&self, request: &mut request::Parts, body: &Bytes) -> Result<(), BoxError> {
        self(request, body)
    }
}

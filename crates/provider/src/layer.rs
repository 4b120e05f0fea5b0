//! The layer.

use std::sync::Arc;

use tower_layer::Layer;

use crate::{Commit, InvalidProvider, Provider, ProviderService, endpoint::Endpoint};

/// Turns a plain HTTP client into this provider.
///
/// Requests get the provider's address, credentials and model names. Answers get an end: an error answer, in whatever
/// guise it comes, is an `Err` of a known [`Kind`](buttress_call::Kind); a stream resolves at its first content; and
/// the response carries a [`Completion`](buttress_call::Completion) that fires once, at the true end, with the usage.
///
/// # Cancellation
///
/// A future or a body that is dropped drops the client's own at once, which closes the connection: the only way to
/// stop a provider from generating. A body dropped before the end of its answer ends the call as cancelled; after it,
/// as the success that it was.
#[derive(Clone, Debug)]
#[must_use]
pub struct ProviderLayer {
    config: Config,
}

#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) stream: Commit,
    pub(crate) whole: Commit,
    pub(crate) max_event: usize,
}

/// The largest event of a stream: far above any that carries text; some models send images in one.
const MAX_EVENT: usize = 1 << 20;

impl ProviderLayer {
    /// The layer for this provider.
    ///
    /// # Errors
    ///
    /// If a value of the provider breaks a rule: a base URL without scheme or host, an empty key, a header that is
    /// none.
    pub fn new(provider: Provider) -> Result<Self, InvalidProvider> {
        let endpoint = Arc::new(provider.build()?);
        Ok(ProviderLayer {
            config: Config { endpoint, stream: Commit::STREAM, whole: Commit::WHOLE, max_event: MAX_EVENT },
        })
    }

    /// When streams are let through. Default: [`Commit::STREAM`].
    pub fn commit_streams(mut self, commit: Commit) -> Self {
        self.config.stream = commit;
        self
    }

    /// When answers that are not streams are let through. Default: [`Commit::WHOLE`]. Only under [`Commit::End`] is JSON
    /// looked at: under the others, and past its `max_bytes`, an error inside a 200 and the usage go unseen.
    pub fn commit_whole(mut self, commit: Commit) -> Self {
        self.config.whole = commit;
        self
    }

    /// The largest event of a stream, in bytes. Default: 1 MiB. A larger one before the first content is a broken
    /// answer; after it, the event is passed on without being looked at.
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.config.max_event = bytes;
        self
    }
}

impl<S> Layer<S> for ProviderLayer {
    type Service = ProviderService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ProviderService::new(inner, self.config.clone())
    }
}

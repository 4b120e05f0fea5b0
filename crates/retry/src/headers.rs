//! Headers that tell the provider of retries.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use http::{HeaderName, HeaderValue, Request};

/// Writes onto requests what their provider should know of retries. See
/// [`RetryPolicy::headers`](crate::RetryPolicy::headers).
pub trait Stamp<Req> {
    /// Before the first attempt.
    fn first(&self, request: &mut Req);

    /// Before the retry of this number.
    fn retry(&self, request: &mut Req, number: u16);
}

/// No headers: the default, and the only choice for typed requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoHeaders;

impl<Req> Stamp<Req> for NoHeaders {
    #[inline]
    fn first(&self, _: &mut Req) {}

    fn retry(&self, _: &mut Req, _: u16) {}
}

/// An idempotency key, a retry count, or both.
///
/// With a key, a provider that has processed an attempt whose answer was lost can answer the next one from memory, and
/// bill it once. It is 32 random hexadecimal digits, made once a call, the same for every attempt; a key that the caller
/// has set stays.
///
/// The count is 1 on the first retry; the first attempt has none. It lets a provider, or a proxy, see retries that are
/// nested in retries.
#[derive(Clone)]
pub struct Headers {
    idempotency_key: Option<HeaderName>,
    retry_count: Option<HeaderName>,
    keys: Arc<Keys>,
}

impl Headers {
    /// Neither header.
    pub fn new() -> Self {
        Headers { idempotency_key: None, retry_count: None, keys: Arc::default() }
    }

    /// An idempotency key in this header; `idempotency-key` is the usual name.
    #[must_use]
    pub fn idempotency_key(mut self, name: HeaderName) -> Self {
        self.idempotency_key = Some(name);
        self
    }

    /// The count of retries in this header; OpenAI's and Anthropic's own clients use `x-stainless-retry-count`.
    #[must_use]
    pub fn retry_count(mut self, name: HeaderName) -> Self {
        self.retry_count = Some(name);
        self
    }
}

impl Default for Headers {
    /// An idempotency key in `idempotency-key`, and no count.
    fn default() -> Self {
        Headers::new().idempotency_key(HeaderName::from_static("idempotency-key"))
    }
}

impl<B> Stamp<Request<B>> for Headers {
    fn first(&self, request: &mut Request<B>) {
        if let Some(name) = &self.idempotency_key {
            request.headers_mut().entry(name).or_insert_with(|| self.keys.next());
        }
    }

    fn retry(&self, request: &mut Request<B>, number: u16) {
        if let Some(name) = &self.retry_count {
            request.headers_mut().insert(name, number.into());
        }
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Headers")
            .field("idempotency_key", &self.idempotency_key)
            .field("retry_count", &self.retry_count)
            .finish_non_exhaustive()
    }
}

/// Keys that differ between processes: 128 bits, each half a count hashed under a secret of the operating system's.
#[derive(Default)]
struct Keys {
    secrets: [RandomState; 2],
    count: AtomicU64,
}

impl Keys {
    fn next(&self) -> HeaderValue {
        let count = self.count.fetch_add(1, Relaxed);
        let [high, low] = self.secrets.each_ref().map(|secret| secret.hash_one(count));
        HeaderValue::try_from(format!("{high:016x}{low:016x}")).expect("hexadecimal digits are visible ASCII")
    }
}

//! The layer.

use std::{sync::Arc, time::Duration};

use buttress_call::Http;
use tower_layer::Layer;

use crate::{
    InvalidTimeouts, Timeout, Timeouts,
    estimate::{Estimate, Shared},
};

/// Gives every call of a service its limits in time.
///
/// One limit on the whole call does not do for a language model. Short enough to notice a dead provider, it cuts long
/// answers; long enough for them, it leaves a caller in front of a black hole for minutes. A limit that ends at the
/// response head, as tower's own, misses the stream that stalls after twenty tokens. So there are four, each about
/// one thing that can go wrong; see [`Timeouts`] for them and for what is on by default.
///
/// - **total** covers the body to its end. It travels inwards as the [deadline](buttress_call::Call::deadline) of the
///   request, so that queues, retries and this same layer further inside keep it too. It is noticed when the call
///   would have to wait past it: what is there already is delivered.
/// - **first content** and **idle** are for streams, and count content events, not bytes: comments and pings, with
///   which a provider keeps a connection open, reset nothing. They are read from the attempt's
///   [`Progress`](buttress_call::Progress), so they also work while a provider layer still holds the answer back. A
///   body's limit runs only while its reader waits, so a slow reader never trips it.
/// - **answer** is for answers that come whole. It is off by default: ten seconds would cut every answer of more than
///   about 500 tokens.
///
/// # What is a stream
///
/// The [shape](buttress_call::Shape) of the request says it, if an outer layer has put it into the request's
/// [`Call`](buttress_call::Call). Of an HTTP call without a shape it is not known, and it is taken for a stream; a
/// typed call is taken for a whole answer.
///
/// # From when on
///
/// First content and answer count per attempt, from the instant at which the layer next to the transport
/// [marks](buttress_call::Progress::mark_sent) the send, or from the call if nobody does. A call that waits in a queue
/// inside this layer, and [says so](buttress_call::Progress::mark_waiting), does not look like a slow provider. Put this
/// layer inside of a retry layer: one outside sees the latest attempt's clock run on through the pauses.
///
/// Where nobody decodes the answer, because there is no provider layer inside, every data frame of the body counts as
/// content.
///
/// # What the caller gets
///
/// An [`Error`](buttress_call::Error) with an [`Elapsed`](crate::Elapsed) as its source, from the future or from the
/// body. The inner future or body is dropped first, which closes the connection. A body's
/// [`Completion`](buttress_call::Completion) is told the reason before that, so all who asked for the end learn that
/// the call failed, and with what usage. An answer whose end was seen is never turned into an error: if only the
/// connection stays open, the body ends when the limit is over.
///
/// Each limit that is over is also a `tracing` event at debug level, with the fields `phase`, `limit_ms`, `bytes` and
/// `sent`.
///
/// # State
///
/// The learnt limits are shared by all clones of a layer and all services it makes. A call holds nothing but its
/// timer: drop it whenever you like.
///
/// # Example
///
/// ```
/// use std::{convert::Infallible, time::Duration};
///
/// use buttress_timeout::{Elapsed, Phase, TimeoutLayer, Timeouts};
/// use http_body_util::Empty;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let timeouts = Timeouts { first_content: Some(Duration::from_secs(10).into()), ..Timeouts::default() };
/// let silent = service_fn(|_: http::Request<String>| {
///     std::future::pending::<Result<http::Response<Empty<&'static [u8]>>, Infallible>>()
/// });
/// let client = ServiceBuilder::new().layer(TimeoutLayer::new(timeouts)?).service(silent);
///
/// let error = client.oneshot(http::Request::new("{}".to_owned())).await.unwrap_err();
/// assert_eq!(error.to_string(), "no first content within 10s of the call (0 bytes seen)");
///
/// let elapsed = error.source().and_then(|source| source.downcast_ref::<Elapsed>()).unwrap();
/// assert_eq!(elapsed.phase(), Phase::FirstContent);
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// A call that has to wait needs a tokio runtime with its clock enabled, as everything in tokio's time.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct TimeoutLayer<C = Http> {
    shared: Arc<Shared>,
    classify: C,
}

impl TimeoutLayer {
    /// A layer with these limits, for services over HTTP.
    ///
    /// It refuses a limit of zero, an adaptive one whose factor is not a finite number above zero, and one whose clamp
    /// is reversed; the error names the limit and the rule.
    pub fn new(timeouts: Timeouts) -> Result<Self, InvalidTimeouts> {
        timeouts.check()?;
        Ok(TimeoutLayer { shared: Arc::new(Shared::new(timeouts)), classify: Http })
    }
}

impl Default for TimeoutLayer {
    /// A total of 10 minutes.
    fn default() -> Self {
        TimeoutLayer { shared: Arc::new(Shared::new(Timeouts::default())), classify: Http }
    }
}

impl<C> TimeoutLayer<C> {
    /// The same layer for other requests and responses: [`ByError`](buttress_call::ByError), a closure through
    /// [`classify_fn`](buttress_call::classify_fn), or [`with_call`](buttress_call::with_call) if the requests have
    /// a place for a [`Call`](buttress_call::Call).
    ///
    /// ```
    /// use std::time::Duration;
    /// use buttress_call::ByError;
    /// use buttress_timeout::{TimeoutLayer, Timeouts};
    /// use tower::{ServiceBuilder, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// let timeouts = Timeouts { answer: Some(Duration::from_secs(5).into()), ..Timeouts::default() };
    /// let embed = ServiceBuilder::new()
    ///     .layer(TimeoutLayer::new(timeouts)?.classify(ByError))
    ///     .service(service_fn(async |text: &'static str| Ok::<_, std::io::Error>(text.len())));
    /// assert_eq!(embed.oneshot("four").await?, 4);
    /// # Ok(())
    /// # }
    /// ```
    pub fn classify<D>(self, classify: D) -> TimeoutLayer<D> {
        TimeoutLayer { shared: self.shared, classify }
    }

    /// The limits that this layer was made with.
    pub fn timeouts(&self) -> Timeouts {
        self.shared.timeouts
    }

    /// The limit to first content that a stream beginning now gets.
    pub fn first_content_now(&self) -> Option<Duration> {
        self.shared.first_content.as_ref().map(Estimate::now)
    }

    /// The limit that a whole answer beginning now gets.
    pub fn answer_now(&self) -> Option<Duration> {
        self.shared.answer.as_ref().map(Estimate::now)
    }
}

impl<S, C: Clone> Layer<S> for TimeoutLayer<C> {
    type Service = Timeout<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Timeout::new(inner, self.shared.clone(), self.classify.clone())
    }
}

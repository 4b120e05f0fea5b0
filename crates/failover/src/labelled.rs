//! Answers that say who gave them.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_service::Service;

/// The target that answered: an extension of its HTTP responses, if it is [`labelled`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredBy(Arc<str>);

impl AnsweredBy {
    /// The target's name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// A target whose HTTP responses carry its name as an [`AnsweredBy`].
///
/// Costs up to two allocations a response, those of an extension; other targets pay nothing.
///
/// ```
/// use buttress_failover::{AnsweredBy, Failover, labelled};
/// use http::{Request, Response};
/// use tower::{ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), buttress_call::BoxError> {
/// let client = service_fn(|_: Request<()>| async { Ok::<_, std::convert::Infallible>(Response::new(())) });
/// let fleet = Failover::in_order([labelled("openai", client), labelled("anthropic", client)])?;
///
/// let response = fleet.oneshot(Request::new(())).await?;
/// assert_eq!(response.extensions().get::<AnsweredBy>().unwrap().name(), "openai");
/// # Ok(())
/// # }
/// ```
pub fn labelled<S>(name: impl Into<Arc<str>>, service: S) -> (Arc<str>, Labelled<S>) {
    let name = name.into();
    (name.clone(), Labelled { service, label: AnsweredBy(name) })
}

/// A service made by [`labelled`].
#[derive(Clone)]
pub struct Labelled<S> {
    service: S,
    label: AnsweredBy,
}

impl<S, Req, B> Service<Req> for Labelled<S>
where
    S: Service<Req, Response = http::Response<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = LabelledFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        LabelledFuture { answer: self.service.call(request), label: Some(self.label.clone()) }
    }
}

impl<S> fmt::Debug for Labelled<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Labelled").field("name", &self.label.0).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Labelled`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct LabelledFuture<F> {
        #[pin]
        answer: F,
        label: Option<AnsweredBy>,
    }
}

impl<F, B, E> Future for LabelledFuture<F>
where
    F: Future<Output = Result<http::Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut result = ready!(this.answer.poll(cx));
        if let (Ok(response), Some(label)) = (&mut result, this.label.take()) {
            response.extensions_mut().insert(label);
        }
        Poll::Ready(result)
    }
}

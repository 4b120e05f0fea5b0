//! The future of a limited call.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use buttress_call::BoxError;
use pin_project_lite::pin_project;

use crate::{Watch, alarm::Alarm, vigil::Vigil, watch::Head};

pin_project! {
    /// Resolves to the inner response, or to an error once a limit is over; then the inner future is dropped first.
    ///
    /// It may be dropped at any point: it holds a timer and nothing else.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, C> {
        // `None` once it was given up, or if the call came too late to be made.
        #[pin]
        inner: Option<F>,
        vigil: Vigil,
        alarm: Alarm,
        classify: C,
    }
}

impl<F, C> ResponseFuture<F, C> {
    pub(crate) fn new(inner: Option<F>, vigil: Vigil, classify: C) -> Self {
        ResponseFuture { inner, vigil, alarm: Alarm::default(), classify }
    }
}

impl<F, C, Res, E> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<Res, E>>,
    E: Into<BoxError>,
    C: Watch<Res>,
{
    type Output = Result<C::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(Err(Vigil::late().into()));
        };
        // The inner call first: what it has is never thrown away, and a limit further inside speaks before this one.
        if let Poll::Ready(result) = inner.poll(cx) {
            return Poll::Ready(result.map_err(Into::into).map(|response| {
                let head = Head::of(this.classify, &response);
                C::watch(response, head, this.vigil, this.alarm)
            }));
        }
        let Some(due) = this.vigil.due() else { return Poll::Pending };
        ready!(this.alarm.poll_until(due.at, cx));
        let error = this.vigil.elapsed(due, 0);
        this.vigil.record_cut_off(due, this.vigil.age());
        this.inner.set(None);
        Poll::Ready(Err(error.into()))
    }
}

impl<F, C> fmt::Debug for ResponseFuture<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("vigil", &self.vigil).finish_non_exhaustive()
    }
}

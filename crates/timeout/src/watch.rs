//! What a response needs so that its end is watched too.

use std::sync::Arc;

use buttress_call::{ByError, Classify, ClassifyFn, Completion, Http, Verdict, WithCall};

use crate::{TimeoutBody, alarm::Alarm, vigil::Vigil};

/// How a response is watched to its end: its body is wrapped, or it is returned as it is.
///
/// You never call or implement this; every classifier of `buttress-call` has it. [`Http`] wraps the body of an
/// `http::Response` in a [`TimeoutBody`]. [`ByError`] and closures hand any response on unchanged: a typed client's
/// response is whole when its future resolves, so there is nothing left to time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot watch a `{Res}` to its end",
    label = "no way to time a `{Res}`",
    note = "the layer's default, `Http`, watches `http::Response`s",
    note = "for a typed client, write `TimeoutLayer::new(..)?.classify(ByError)`"
)]
pub trait Watch<Res>: Classify<Res> + sealed::Sealed {
    /// What the service returns in its place.
    type Response;

    /// Whether a call counts as a stream when its [`Call`](buttress_call::Call) does not say.
    #[doc(hidden)]
    const STREAM_IF_UNKNOWN: bool;

    #[doc(hidden)]
    fn watch(response: Res, head: Head, vigil: &Vigil, alarm: &mut Alarm) -> Self::Response;
}

/// What is known of a response by its head.
#[derive(Debug)]
pub struct Head {
    pub(crate) completion: Option<Completion>,
    /// Nothing failed so far.
    pub(crate) good: bool,
}

impl Head {
    pub(crate) fn of<Res>(classify: &impl Classify<Res>, response: &Res) -> Self {
        match classify.classify(Ok(response)) {
            Verdict::Pending(completion) => Head { completion: Some(completion.clone()), good: true },
            Verdict::Ended(ended) => Head { completion: None, good: ended.outcome.is_success() },
        }
    }
}

impl<B: http_body::Body> Watch<http::Response<B>> for Http {
    type Response = http::Response<TimeoutBody<B>>;

    // What is called over HTTP and not decoded for us is most likely a chat, and chats stream.
    const STREAM_IF_UNKNOWN: bool = true;

    fn watch(response: http::Response<B>, head: Head, vigil: &Vigil, alarm: &mut Alarm) -> Self::Response {
        response.map(|body| TimeoutBody::new(body, head, vigil.clone(), std::mem::take(alarm)))
    }
}

impl<Res> Watch<Res> for ByError {
    type Response = Res;

    const STREAM_IF_UNKNOWN: bool = false;

    fn watch(response: Res, head: Head, vigil: &Vigil, _: &mut Alarm) -> Res {
        if head.good {
            vigil.record_response();
        }
        response
    }
}

impl<Res, F> Watch<Res> for ClassifyFn<Res, F>
where
    ClassifyFn<Res, F>: Classify<Res>,
{
    type Response = Res;

    const STREAM_IF_UNKNOWN: bool = false;

    fn watch(response: Res, head: Head, vigil: &Vigil, alarm: &mut Alarm) -> Res {
        <ByError as Watch<Res>>::watch(response, head, vigil, alarm)
    }
}

#[diagnostic::do_not_recommend]
impl<Req, Res, C: Watch<Res>> Watch<Res> for WithCall<Req, C> {
    type Response = C::Response;

    const STREAM_IF_UNKNOWN: bool = C::STREAM_IF_UNKNOWN;

    fn watch(response: Res, head: Head, vigil: &Vigil, alarm: &mut Alarm) -> Self::Response {
        C::watch(response, head, vigil, alarm)
    }
}

#[diagnostic::do_not_recommend]
impl<Res, C: Watch<Res>> Watch<Res> for Arc<C> {
    type Response = C::Response;

    const STREAM_IF_UNKNOWN: bool = C::STREAM_IF_UNKNOWN;

    fn watch(response: Res, head: Head, vigil: &Vigil, alarm: &mut Alarm) -> Self::Response {
        C::watch(response, head, vigil, alarm)
    }
}

mod sealed {
    use super::{Arc, ByError, ClassifyFn, Http, WithCall};

    pub trait Sealed {}

    impl Sealed for Http {}
    impl Sealed for ByError {}
    impl<Res, F> Sealed for ClassifyFn<Res, F> {}
    impl<Req, C> Sealed for WithCall<Req, C> {}
    impl<C> Sealed for Arc<C> {}
}

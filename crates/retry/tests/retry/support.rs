//! A target that follows a script and notes what it was asked, under retries in either form.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::{
    Attempt, BoxError, Call, Carries, Classify, Completion, Error, Failure, Kind, Origin, Progress,
};
use buttress_retry::{Headers, RetryLayer, RetryPolicy, Stamp, Validate};
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt, retry, util::BoxCloneService};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) type Request = http::Request<()>;
pub(crate) type Response = http::Response<Connection>;

/// How the policy is put around the target.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    Layer,
    Tower,
}

/// Makes two tests of each function, one for each form.
macro_rules! in_both_forms {
    ($($test:ident),* $(,)?) => {
        mod by_the_layer {
            $(#[tokio::test(start_paused = true)]
            async fn $test() {
                super::$test($crate::support::Form::Layer).await;
            })*
        }
        mod in_towers_own_retry {
            $(#[tokio::test(start_paused = true)]
            async fn $test() {
                super::$test($crate::support::Form::Tower).await;
            })*
        }
    };
}
pub(crate) use in_both_forms;

/// What the target does with one attempt. When the script is over it answers.
pub(crate) enum Step {
    Answer,
    /// A response with this status, as from a client without `ProviderLayer`.
    Status(u16),
    /// A stream whose first content has come, and which has broken since.
    Stream,
    Fail(Error),
    /// Fails, and says that it takes no calls for a time: a breaker that this failure has opened.
    FailClosed(Kind, Duration),
    /// The same, but says it on the error alone.
    FailClosedByError(Kind, Duration),
    After(Duration, Box<Step>),
    Hang,
}

pub(crate) fn fail(failure: impl Into<Failure>) -> Step {
    Step::Fail(error(failure))
}

pub(crate) fn limited(hint: Duration) -> Step {
    fail(Failure::new(Kind::RateLimited).with_retry_after(Some(hint)))
}

pub(crate) fn error(failure: impl Into<Failure>) -> Error {
    Error::new(failure, Origin::Upstream, "the script says so")
}

/// One attempt, as the target saw it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) at: Instant,
    pub(crate) attempt: Attempt,
    pub(crate) headers: HeaderMap,
    /// Responses and attempts that were not dropped yet.
    pub(crate) connections: usize,
}

/// What a response, or an attempt under way, holds.
#[derive(Debug)]
pub(crate) struct Connection(Arc<AtomicUsize>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// Must be polled ready before each call, or it panics.
#[derive(Default)]
pub(crate) struct Target {
    script: Arc<Mutex<VecDeque<Step>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    ready: bool,
}

impl Clone for Target {
    fn clone(&self) -> Self {
        Target {
            script: self.script.clone(),
            asked: self.asked.clone(),
            connections: self.connections.clone(),
            ready: false,
        }
    }
}

impl Target {
    pub(crate) fn new(script: impl IntoIterator<Item = Step>) -> Self {
        let target = Target::default();
        target.script.lock().unwrap().extend(script);
        target
    }

    /// Fails each attempt like this, for as long as any test may ask.
    pub(crate) fn failing(failure: impl Into<Failure>) -> Self {
        let failure = failure.into();
        Self::new((0..300).map(|_| fail(failure)))
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn times(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// The waits between attempts.
    pub(crate) fn waits(&self) -> Vec<Duration> {
        self.asked().windows(2).map(|pair| pair[1].at - pair[0].at).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    /// The target with this policy around it.
    pub(crate) fn under<C, V, H>(
        &self,
        form: Form,
        policy: &RetryPolicy<C, V, H>,
    ) -> BoxCloneService<Request, Response, BoxError>
    where
        C: Classify<Response> + Carries<Request, Kept: Send> + Clone + Send + 'static,
        V: Validate<Response> + Clone + Send + 'static,
        H: Stamp<Request> + Clone + Send + 'static,
    {
        match form {
            Form::Layer => BoxCloneService::new(RetryLayer::new(policy.clone()).layer(self.clone())),
            Form::Tower => BoxCloneService::new(retry::RetryLayer::new(policy.clone()).layer(self.clone())),
        }
    }

    pub(crate) async fn ask<C, V, H>(
        &self,
        form: Form,
        policy: &RetryPolicy<C, V, H>,
        request: Request,
    ) -> Result<Response, BoxError>
    where
        C: Classify<Response> + Carries<Request, Kept: Send> + Clone + Send + 'static,
        V: Validate<Response> + Clone + Send + 'static,
        H: Stamp<Request> + Clone + Send + 'static,
    {
        self.under(form, policy).oneshot(request).await
    }
}

impl Service<Request> for Target {
    type Response = Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without having been polled ready");
        let connections = self.connections();
        let call = Call::get(request.extensions()).cloned().unwrap_or_default();
        let attempt = call.attempt();
        let headers = request.headers().clone();
        self.asked.lock().unwrap().push(Asked { at: Instant::now(), attempt, headers, connections });
        let mut step = self.script.lock().unwrap().pop_front().unwrap_or(Step::Answer);
        self.connections.fetch_add(1, SeqCst);
        let connection = Connection(self.connections.clone());
        Box::pin(async move {
            if let Some(progress) = call.progress() {
                progress.mark_sent();
            }
            while let Step::After(time, next) = step {
                tokio::time::sleep(time).await;
                step = *next;
            }
            let mut response = http::Response::new(connection);
            match step {
                Step::Answer | Step::After(..) => Ok(response),
                Step::Status(code) => {
                    *response.status_mut() = StatusCode::from_u16(code).unwrap();
                    Ok(response)
                }
                Step::Stream => {
                    let (completion, ender) = Completion::pair(Progress::new());
                    ender.end(Kind::Broken.into());
                    response.extensions_mut().insert(completion);
                    Ok(response)
                }
                Step::Fail(error) => Err(error.into()),
                Step::FailClosed(kind, time) => {
                    if let Some(progress) = call.progress() {
                        progress.mark_closed_until(Instant::now() + time);
                    }
                    Err(error(kind).into())
                }
                Step::FailClosedByError(kind, time) => {
                    let mut error = error(kind);
                    error.set_closed_until(Instant::now() + time);
                    Err(error.into())
                }
                Step::Hang => std::future::pending().await,
            }
        })
    }
}

/// A request that carries its clock, as layers outside put it there.
pub(crate) fn request() -> Request {
    call(|call| {
        call.ensure_progress();
    })
}

pub(crate) fn call(set: impl FnOnce(&mut Call)) -> Request {
    let mut request = Request::new(());
    set(Call::get_or_insert(request.extensions_mut()));
    request
}

/// A request for which another target could do as well.
pub(crate) fn with_another() -> Request {
    call(|call| call.set_another_can_serve(true))
}

pub(crate) fn kind(result: &Result<Response, BoxError>) -> Option<Kind> {
    result.as_ref().err().map(|error| buttress_call::failure(error).kind)
}

/// The default policy, with jitter that repeats.
pub(crate) fn policy() -> RetryPolicy {
    RetryPolicy::default().seed(1)
}

pub(crate) fn headers(
    headers: Headers,
) -> RetryPolicy<buttress_call::Http, buttress_retry::AnyAnswer, Headers> {
    policy().headers(headers)
}

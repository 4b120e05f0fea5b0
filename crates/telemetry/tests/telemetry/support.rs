//! A provider by script.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use buttress_call::{
    BoxError, Call, Cause, Completion, Ender, Error, Kind, Origin, Outcome, Progress, Shape, Usage,
};
use buttress_telemetry::{Snapshot, Telemetry};
use futures_util::future::BoxFuture;
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};

pub(crate) type Request = http::Request<()>;
pub(crate) type Response = http::Response<()>;
pub(crate) type Client = BoxCloneSyncService<Request, Response, BoxError>;

/// How one attempt goes.
pub(crate) enum Step {
    /// The head of a stream; the script keeps what ends it.
    Streams,
    /// An answer that has ended when its head comes.
    Whole(Usage),
    Fails(Kind, Option<Usage>),
    /// It was sent, this usage was told, and nothing more comes.
    Hangs(Option<Usage>),
    Panics,
}

/// A provider that takes its steps in order.
#[derive(Clone, Default)]
pub(crate) struct Script {
    steps: Arc<Mutex<VecDeque<Step>>>,
    enders: Arc<Mutex<VecDeque<(Progress, Ender)>>>,
}

impl Script {
    pub(crate) fn of(steps: impl IntoIterator<Item = Step>) -> Self {
        let script = Script::default();
        script.then(steps);
        script
    }

    pub(crate) fn then(&self, steps: impl IntoIterator<Item = Step>) {
        self.steps.lock().unwrap().extend(steps);
    }

    pub(crate) fn service(&self) -> Client {
        let script = self.clone();
        Client::new(service_fn(move |mut request: Request| {
            let progress = Call::get_or_insert(request.extensions_mut()).ensure_progress().clone();
            progress.mark_sent();
            script.clone().answer(progress)
        }))
    }

    fn answer(self, progress: Progress) -> BoxFuture<'static, Result<Response, BoxError>> {
        let step = self.steps.lock().unwrap().pop_front().unwrap();
        Box::pin(async move {
            let (completion, ender) = Completion::pair(progress.clone());
            match step {
                Step::Streams => self.enders.lock().unwrap().push_back((progress, ender)),
                Step::Whole(usage) => {
                    progress.set_usage(usage);
                    ender.end(Outcome::Success);
                }
                Step::Fails(kind, usage) => {
                    return Err(Error::new(kind, Origin::Upstream, "as the script says")
                        .with_usage(usage)
                        .into());
                }
                Step::Hangs(usage) => {
                    if let Some(usage) = usage {
                        progress.set_usage(usage);
                    }
                    std::future::pending::<()>().await;
                }
                Step::Panics => std::panic::resume_unwind(Box::new("as the script says")),
            }
            let mut response = http::Response::new(());
            response.extensions_mut().insert(completion);
            Ok(response)
        })
    }

    /// What ends the stream that began first.
    pub(crate) fn stream(&self) -> (Progress, Ender) {
        self.enders.lock().unwrap().pop_front().unwrap()
    }

    /// Ends it like this.
    pub(crate) fn end(&self, usage: Option<Usage>, outcome: Outcome) {
        let (progress, ender) = self.stream();
        if let Some(usage) = usage {
            progress.set_usage(usage);
        }
        ender.end(outcome);
    }
}

/// A call's layer around an attempt's, around the script.
pub(crate) fn both(telemetry: &Telemetry, script: &Script) -> Client {
    around(telemetry, attempt(telemetry, "a", script))
}

pub(crate) fn around<S>(telemetry: &Telemetry, inner: S) -> Client
where
    S: Service<Request, Response = Response, Error = BoxError, Future: Send> + Clone + Send + Sync + 'static,
{
    Client::new(telemetry.call().layer(inner))
}

pub(crate) fn attempt(telemetry: &Telemetry, target: &str, script: &Script) -> Client {
    Client::new(telemetry.attempt(target).layer(script.service()))
}

/// A request for this model.
pub(crate) fn ask(model: &str) -> Request {
    let mut shape = Shape::default();
    shape.model = Some(model.into());
    shape.stream = true;
    let mut request = http::Request::new(());
    Call::get_or_insert(request.extensions_mut()).set_shape(shape.into());
    request
}

/// The same request, as the next attempt of its call.
pub(crate) fn next(request: &Request, cause: Cause) -> Request {
    let mut request = request.clone();
    Call::get_or_insert(request.extensions_mut()).begin_attempt(cause);
    request
}

pub(crate) async fn call(client: &Client, request: Request) -> Result<Response, BoxError> {
    client.clone().oneshot(request).await
}

pub(crate) fn usage(input: u64, output: u64) -> Usage {
    Usage::new(input, output)
}

/// Billed, useful, wasted, undecided: input and output together.
pub(crate) fn tokens(seen: &Snapshot) -> [u64; 4] {
    let tokens = &seen.total.tokens;
    [tokens.billed, tokens.useful, tokens.wasted, tokens.undecided()].map(|usage| usage.total())
}

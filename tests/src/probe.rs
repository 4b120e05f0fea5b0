//! The adversarial service: it does what a script says, and counts what is done to it.

mod act;
mod body;
mod counts;
mod gate;
mod typed;

use std::{
    panic::resume_unwind,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use buttress_call::{BoxError, Call, Error, Kind, Origin, Progress};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

pub use act::{Act, END, Head, Piece, Ready, TOKEN};
pub use body::ProbeBody;
pub use counts::{Alive, Counts};
pub use gate::Gate;
pub use typed::{Answer, Ask, TypedProbe, untyped};

/// The requests of the tests.
pub type Request = http::Request<Full<Bytes>>;

/// One scripted upstream: the script, and the counts of all its services.
#[derive(Clone, Debug)]
pub struct Target {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    act: Mutex<Act>,
    counts: Counts,
    gate: Gate,
    /// Whether it plays the provider layer too: ticks the attempt's clock, and tells the end.
    decodes: bool,
}

impl Target {
    /// An upstream whose answers somebody has decoded.
    pub fn decoded() -> Self {
        Self::new(true)
    }

    /// An upstream that sends bytes, and no more.
    pub fn raw() -> Self {
        Self::new(false)
    }

    fn new(decodes: bool) -> Self {
        let shared = Shared {
            act: Mutex::new(Act::good()),
            counts: Counts::default(),
            gate: Gate::default(),
            decodes,
        };
        Target { shared: Arc::new(shared) }
    }

    /// What it does from now on; calls under way keep their script.
    pub fn set(&self, act: Act) {
        *self.shared.act.lock().unwrap_or_else(PoisonError::into_inner) = act;
    }

    /// A service of it, not ready.
    pub fn service(&self) -> Probe {
        Probe { shared: self.shared.clone(), ready: false, waiting: None }
    }

    /// What was done to it.
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// What `Gated` steps wait for.
    pub fn gate(&self) -> &Gate {
        &self.shared.gate
    }
}

/// A service of a [`Target`]. It panics when it is called unready.
#[derive(Debug)]
pub struct Probe {
    shared: Arc<Shared>,
    ready: bool,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Probe {
    fn act(&self) -> Act {
        self.shared.act.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the readiness that `poll_ready` gave.
    fn take_readiness(&mut self) {
        let counts = &self.shared.counts;
        counts.called();
        if !std::mem::take(&mut self.ready) {
            counts.called_unready();
            panic!("the probe was called unready");
        }
    }

    fn poll_readiness(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.shared.counts.asked();
        if self.ready {
            return Poll::Ready(Ok(()));
        }
        match self.act().ready {
            Ready::AtOnce => {}
            Ready::After(time) => {
                let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(time)));
                ready!(waiting.as_mut().poll(cx));
                self.waiting = None;
            }
            Ready::Gated => ready!(self.shared.gate.poll(cx)),
            Ready::Never => return Poll::Pending,
            Ready::Fails(kind) => return Poll::Ready(Err(failure(kind))),
            Ready::Panics => rehearsed_panic(),
        }
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    /// The head of an answer: `None` if the script says that it never comes.
    fn answer(&mut self, progress: Option<Progress>) -> BoxFuture<'static, Result<ProbeBody, BoxError>> {
        self.take_readiness();
        let act = self.act();
        if matches!(act.head, Head::PanicsInCall) {
            rehearsed_panic();
        }
        let shared = self.shared.clone();
        let alive = Alive::new(shared.counts.futures());
        Box::pin(async move {
            let _alive = alive;
            match act.head {
                Head::AtOnce => {}
                Head::After(time) => sleep(time).await,
                Head::Gated => std::future::poll_fn(|cx| shared.gate.poll(cx)).await,
                Head::GatedThenFails(kind) => {
                    std::future::poll_fn(|cx| shared.gate.poll(cx)).await;
                    return Err(failure(kind));
                }
                Head::Never => std::future::pending().await,
                Head::Fails(kind) => return Err(failure(kind)),
                Head::PanicsInCall | Head::PanicsInPoll => rehearsed_panic(),
            }
            Ok(ProbeBody::new(act.pieces, shared, progress))
        })
    }
}

impl Service<Request> for Probe {
    type Response = http::Response<ProbeBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.poll_readiness(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let progress = self.shared.decodes.then(|| {
            let progress = Call::get_or_insert(request.extensions_mut()).ensure_progress().clone();
            progress.mark_sent();
            progress
        });
        let body = self.answer(progress);
        Box::pin(async move {
            let body = body.await?;
            let completion = body.completion().cloned();
            let mut response = http::Response::new(body);
            let event_stream = http::HeaderValue::from_static("text/event-stream");
            response.headers_mut().insert(http::header::CONTENT_TYPE, event_stream);
            response.extensions_mut().extend(completion.map(of_one).unwrap_or_default());
            Ok(response)
        })
    }
}

impl Clone for Probe {
    // By hand: readiness stays with the instance that was polled.
    fn clone(&self) -> Self {
        Probe { shared: self.shared.clone(), ready: false, waiting: None }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if self.ready {
            self.shared.counts.readied_in_vain();
        }
    }
}

fn of_one(completion: buttress_call::Completion) -> http::Extensions {
    let mut extensions = http::Extensions::new();
    extensions.insert(completion);
    extensions
}

fn failure(kind: Kind) -> BoxError {
    Error::new(kind, Origin::Upstream, "as the script says").into()
}

/// Unwinds without the panic hook: the tests' output stays free of panics that are part of a test.
fn rehearsed_panic() -> ! {
    resume_unwind(Box::new("as the script says"))
}

//! What stands inside of a layer under test.

use std::{
    cell::Cell,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use buttress_call::{BoxError, Call};
use bytes::Bytes;
use http_body_util::Full;
use tokio::sync::Semaphore;
use tower::{Service, limit::ConcurrencyLimit};

use super::{Built, Lesson};
use crate::{
    journey::{Client, Journey, Seen, erase, observe},
    probe::{Act, Probe, Request, Target, TypedProbe, untyped},
};

/// Calls that one target takes at a time.
const PERMITS: usize = 32;

/// Two targets, each behind a tower layer that holds a permit for every call, and a callback.
#[derive(Debug)]
pub struct Bench {
    /// The upstreams. A layer around one service has the first.
    pub targets: [Target; 2],
    permits: [Arc<Semaphore>; 2],
    /// What the layer's callbacks run.
    pub hook: Hook,
}

impl Bench {
    /// With targets that send bytes only, or that play the provider layer too.
    pub fn new(raw: bool) -> Self {
        let target = || if raw { Target::raw() } else { Target::decoded() };
        Bench {
            targets: [target(), target()],
            permits: [(); 2].map(|()| Arc::new(Semaphore::new(PERMITS))),
            hook: Hook::default(),
        }
    }

    /// A service over HTTP.
    pub fn http(&self, target: usize) -> ConcurrencyLimit<Probe> {
        ConcurrencyLimit::with_semaphore(self.targets[target].service(), self.permits[target].clone())
    }

    /// A typed service.
    pub fn typed(&self, target: usize) -> ConcurrencyLimit<TypedProbe> {
        let probe = TypedProbe(self.targets[target].service());
        ConcurrencyLimit::with_semaphore(probe, self.permits[target].clone())
    }

    /// What the targets do from now on.
    pub fn script(&self, acts: [&Act; 2]) {
        for (target, act) in self.targets.iter().zip(acts) {
            target.set(act.clone());
        }
    }

    /// What both targets do from now on.
    pub fn script_all(&self, act: &Act) {
        self.script([act, act]);
    }

    /// Futures, bodies and permits that are still out.
    pub fn out(&self) -> usize {
        let alive: usize = self.targets.iter().map(|target| target.counts().alive()).sum();
        let permits: usize = self.permits.iter().map(|permits| PERMITS - permits.available_permits()).sum();
        alive + permits
    }

    /// Calls to each target so far.
    pub fn calls(&self) -> Vec<usize> {
        self.targets.iter().map(|target| target.counts().calls()).collect()
    }

    /// Polls of readiness so far.
    pub fn readiness_polls(&self) -> usize {
        self.targets.iter().map(|target| target.counts().readiness_polls()).sum()
    }

    /// Calls of services that were not ready.
    pub fn unready_calls(&self) -> usize {
        self.targets.iter().map(|target| target.counts().unready_calls()).sum()
    }

    /// Makes the call and looks.
    pub async fn observe(&self, journey: Journey) -> Seen {
        observe(journey, || self.calls()).await
    }

    /// Teaches the layer its lesson through one service.
    pub async fn teach(&self, built: &Built, lesson: &Lesson) {
        self.script([&lesson.acts[0], &lesson.acts[1]]);
        let service = (built.service)();
        for _ in 0..lesson.calls {
            let _ = Journey::new(service.clone(), request()).run().await;
        }
        self.script_all(&lesson.asks);
    }
}

/// A streamed chat, as it looks behind a `BufferLayer`.
pub fn request() -> Request {
    request_for("some-model")
}

/// The same for this model.
pub(crate) fn request_for(model: &str) -> Request {
    streamed(format!(r#"{{"model":"{model}","stream":true,"messages":[]}}"#))
}

fn streamed(body: String) -> Request {
    let body = Bytes::from(body);
    let mut request = http::Request::new(Full::new(body.clone()));
    *request.method_mut() = http::Method::POST;
    let json = http::HeaderValue::from_static("application/json");
    request.headers_mut().insert(http::header::CONTENT_TYPE, json);
    let shape = buttress_wire::shape(buttress_wire::Dialect::OpenAi, &body);
    let shape = shape.expect("the text above is a request of that dialect");
    Call::get_or_insert(request.extensions_mut()).set_shape(shape.into());
    request
}

/// Forgets what a typed stack is made of.
pub(super) fn erase_typed<S>(stack: S) -> Client
where
    S: Service<crate::probe::Ask, Response = crate::probe::Answer, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Error: Into<BoxError> + Send + 'static,
{
    erase(untyped(stack))
}

/// A bare client: what a layer's costs are measured against.
pub(crate) fn bare(bench: &Bench) -> Client {
    erase(bench.http(0))
}

/// A bare typed client.
pub(crate) fn bare_typed(bench: &Bench) -> Client {
    erase_typed(bench.typed(0))
}

/// What a user's callback does: nothing, until a check gives it something to do.
#[derive(Clone, Default)]
pub struct Hook {
    inner: Arc<Inner>,
}

type Action = Arc<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct Inner {
    action: Mutex<Option<Action>>,
    rung: AtomicUsize,
}

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

impl Hook {
    /// Gives it something to do.
    pub fn set(&self, action: impl Fn() + Send + Sync + 'static) {
        *self.inner.action.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(action));
    }

    /// Does it, unless this very action has led here.
    pub fn ring(&self) {
        let action = self.inner.action.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(action) = action
            && !INSIDE.replace(true)
        {
            self.inner.rung.fetch_add(1, Relaxed);
            action();
            INSIDE.set(false);
        }
    }

    /// How often it did something.
    pub fn rung(&self) -> usize {
        self.inner.rung.load(Relaxed)
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").field("rung", &self.rung()).finish_non_exhaustive()
    }
}

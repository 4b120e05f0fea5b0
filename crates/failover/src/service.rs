//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use buttress_call::{BoxError, Carries, Classify, Http};
use tower_service::Service;

use crate::{
    FailoverHandle, InvalidTargets, ResponseFuture,
    invalid::Rule,
    target::{self, Target},
};

/// Sends a call to the first of several named targets that serves it.
///
/// The [crate's page](crate) says how it chooses, what it takes for a failure and what the caller gets at the end.
///
/// A clone is cheap (one reference count) and acts on the same targets: it sees the same cooling and the same gates.
/// The response type is the targets' own; the error is theirs too, or one of kind and hint with an
/// [`Exhausted`](crate::Exhausted) as its source.
#[must_use = "a service does nothing until it is called"]
pub struct Failover<S, C = Http> {
    targets: Arc<[Target<S>]>,
    classify: C,
}

impl<S> Failover<S> {
    /// Targets to be tried in this order, each with a name of its own, 64 at most.
    ///
    /// Targets of different types are [`boxed`](crate::boxed) first. A target is cloned for each attempt, and all
    /// clones of the failover share the targets, so `S` must be `Sync` for the failover to be `Send`.
    pub fn in_order<N: Into<Arc<str>>>(
        targets: impl IntoIterator<Item = (N, S)>,
    ) -> Result<Self, InvalidTargets> {
        Ok(Failover { targets: target::in_order(targets)?, classify: Http })
    }
}

impl<S, C> Failover<S, C> {
    /// Judges calls by `classify` instead of [`Http`]: for typed clients.
    pub fn classify<C2>(self, classify: C2) -> Failover<S, C2> {
        Failover { targets: self.targets, classify }
    }

    /// Passes over the named target, without a call, while `may_pass` returns `false`.
    ///
    /// Made for the target's circuit breaker: what is known to be refused need not be asked. `may_pass` may be asked
    /// several times a call and must not block. A call that has nothing but gated targets calls them all the same, in
    /// order, so that the caller hears from the breaker itself how long it stays open.
    ///
    /// The gate is shared with every clone. An error if no target has this name, or if it has a gate already.
    pub fn gate(
        self,
        name: &str,
        may_pass: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Result<Self, InvalidTargets> {
        let target = self.targets.iter().find(|target| *target.state.name == *name);
        let target = target.ok_or_else(|| Rule::Unknown(name.into()))?;
        let set = target.state.gate.set(Box::new(may_pass));
        set.map_err(|_| Rule::GatedTwice(name.into()))?;
        Ok(self)
    }

    /// Looks at the targets while they serve.
    pub fn handle(&self) -> FailoverHandle {
        FailoverHandle { targets: self.targets.iter().map(|target| target.state.clone()).collect() }
    }
}

impl<S, C: Clone> Clone for Failover<S, C> {
    // By hand: the targets themselves are shared, not cloned, and cooling with them. No readiness is held here.
    fn clone(&self) -> Self {
        Failover { targets: self.targets.clone(), classify: self.classify.clone() }
    }
}

impl<S, C> fmt::Debug for Failover<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failover").field("targets", &self.targets).finish_non_exhaustive()
    }
}

impl<S, C, Req> Service<Req> for Failover<S, C>
where
    S: Service<Req> + Clone,
    S::Error: Into<BoxError>,
    C: Classify<S::Response> + Carries<Req> + Clone,
    Req: Clone,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S, C, Req>;

    /// Always ready: which targets are, the call finds out.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        ResponseFuture::new(self.targets.clone(), self.classify.clone(), request)
    }
}

//! The service.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::{BoxError, Carries, Classify, Http};
use tower_service::Service;

use crate::{
    Change, FailoverHandle, FailoverLayer, InvalidTargets, Prober, ResponseFuture, Strategy, Target,
    fleet::{Fleet, Shared},
    invalid::Rule,
    roster::Roster,
};

/// Sends a call to the first of several named targets that serves it.
///
/// The [crate's page](crate) says how it chooses, what it takes for a failure and what the caller gets at the end.
///
/// A clone is cheap (two reference counts) and acts on the same targets: it sees the same cooling and the same gates.
/// The response type is the targets' own; the error is theirs too, or one of kind and hint with an
/// [`Exhausted`](crate::Exhausted) as its source.
#[must_use = "a service does nothing until it is called"]
pub struct Failover<S, C = Http> {
    shared: Arc<Shared<S>>,
    /// The list as this clone last saw it.
    fleet: Arc<Fleet<S>>,
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
        Self::new(targets.into_iter().map(Target::from))
    }

    /// Targets with what is declared of them: one at least, 64 at most, each with a name of its own.
    pub fn new(targets: impl IntoIterator<Item = Target<S>>) -> Result<Self, InvalidTargets> {
        let failover = Self::empty();
        for target in targets {
            failover.shared.add(target, false)?;
        }
        if failover.shared.fleet().states.is_empty() {
            return Err(Rule::Empty.into());
        }
        Ok(failover)
    }

    /// No targets yet: they are [added](Failover::add), or come from a feed. Until then calls fail.
    pub fn empty() -> Self {
        let shared = Shared::new(Roster::new(), Vec::new());
        Failover { fleet: shared.fleet(), shared, classify: Http }
    }
}

impl<S, C> Failover<S, C> {
    /// Judges calls by `classify` instead of [`Http`]: for typed clients.
    pub fn classify<C2>(self, classify: C2) -> Failover<S, C2> {
        Failover { shared: self.shared, fleet: self.fleet, classify }
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
        let target = self.shared.roster.find(name)?;
        let set = target.gate.set(Box::new(may_pass));
        set.map_err(|_| Rule::GatedTwice(name.into()))?;
        Ok(self)
    }

    /// Calls `reopen` when a [probe](Failover::prober) found the named target well though its gate is shut: made for
    /// the reset of its circuit breaker. It must not block.
    ///
    /// An error if no target has this name, or if it has been told already.
    pub fn reopen(
        self,
        name: &str,
        reopen: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, InvalidTargets> {
        let set = self.shared.roster.find(name)?.reopen.set(Box::new(reopen));
        set.map_err(|_| Rule::ReopenedTwice(name.into()))?;
        Ok(self)
    }

    /// A future that probes targets out of service this often, with a request made for the target's name.
    ///
    /// An error if the interval is zero.
    pub fn prober<Req>(
        &self,
        every: Duration,
        request: impl Fn(&str) -> Req + Send + Sync + 'static,
    ) -> Result<Prober<S, C>, InvalidTargets>
    where
        S: Service<Req, Error: Into<BoxError>, Future: Send, Response: Send> + Clone + Send + 'static,
        C: Classify<S::Response> + Clone + Send + Sync + 'static,
        Req: Send + 'static,
    {
        if every.is_zero() {
            return Err(Rule::Interval.into());
        }
        Ok(Prober::new(Arc::downgrade(&self.shared), self.classify.clone(), every, request))
    }

    /// Chooses within each tier by this strategy; [`InOrder`](crate::InOrder) if there is none.
    ///
    /// ```
    /// use buttress_failover::{Affinity, Failover, PowerOfTwo, Target};
    /// # use tower::service_fn;
    /// # use std::convert::Infallible;
    /// # let [a, b, cloud] = [(); 3].map(|()| service_fn(|n: u32| async move { Ok::<_, Infallible>(n) }));
    ///
    /// let own = [Target::new("a", a), Target::new("b", b)];
    /// let spare = [Target::new("cloud", cloud).tier(1)];
    /// let fleet = Failover::new(own.into_iter().chain(spare))?
    ///     .strategy(PowerOfTwo)
    ///     .strategy_of(0, Affinity::default());
    /// # Ok::<_, buttress_failover::InvalidTargets>(())
    /// ```
    pub fn strategy(self, strategy: impl Strategy) -> Self {
        self.shared.roster.set_strategy(None, Arc::new(strategy));
        self
    }

    /// Chooses within this tier by a strategy of its own.
    pub fn strategy_of(self, tier: u32, strategy: impl Strategy) -> Self {
        self.shared.roster.set_strategy(Some(tier), Arc::new(strategy));
        self
    }

    /// Goes on to the next target when a content filter refused the prompt or the answer ([`Kind::Filtered`]).
    ///
    /// Not so by default: most filters agree, and asking around for one that does not may break a provider's terms.
    ///
    /// [`Kind::Filtered`]: buttress_call::Kind::Filtered
    pub fn fail_over_filtered(self) -> Self {
        self.shared.roster.filtered.store(true, Relaxed);
        self
    }

    /// A layer that makes each target's service from one client, and from what stands in this list for the target.
    pub fn layer<F>(self, make: F) -> FailoverLayer<S, F, C> {
        FailoverLayer::new(self, make)
    }

    /// The same targets, with services made from these.
    pub(crate) fn map<T>(&self, make: impl Fn(&S) -> T) -> Failover<T, C>
    where
        C: Clone,
    {
        let shared = self.shared.map(make);
        Failover { fleet: shared.fleet(), shared, classify: self.classify.clone() }
    }

    #[cfg(feature = "discover")]
    pub(crate) fn downgrade(&self) -> std::sync::Weak<Shared<S>> {
        Arc::downgrade(&self.shared)
    }

    /// Seeds what is chosen at random, for runs that must repeat exactly. Every clone draws from one sequence.
    pub fn seed(self, seed: u64) -> Self {
        self.shared.roster.random.seed(seed);
        self
    }

    /// Adds a target, last in its tier, for every clone. Calls that still look for a target see it too.
    ///
    /// An error if there are 64 already, or if its name is empty or taken.
    ///
    /// ```
    /// use buttress_failover::{Failover, Target};
    /// # use tower::service_fn;
    /// # use std::convert::Infallible;
    /// # let [a, b] = [(); 2].map(|()| service_fn(|n: u32| async move { Ok::<_, Infallible>(n) }));
    ///
    /// let fleet = Failover::in_order([("a", a)])?;
    /// let handle = fleet.handle();
    /// fleet.add(Target::new("b", b))?;
    /// handle.reorder(["b"])?;
    /// handle.remove("a")?;
    /// assert_eq!(&*handle.snapshot()[0].name, "b");
    /// # Ok::<_, buttress_failover::InvalidTargets>(())
    /// ```
    pub fn add(&self, target: Target<S>) -> Result<(), InvalidTargets> {
        let name = target.settings.name.clone();
        self.shared.add(target, true)?;
        self.shared.roster.news.tell(Change::Added(name));
        Ok(())
    }

    /// Looks at the targets, and steers them, while they serve.
    pub fn handle(&self) -> FailoverHandle {
        FailoverHandle { roster: self.shared.roster.clone() }
    }
}

impl<S, C: Clone> Clone for Failover<S, C> {
    // By hand: the targets themselves are shared, not cloned, and cooling with them. No readiness is held here.
    fn clone(&self) -> Self {
        // The original of many clones may never be called itself.
        let fleet = if self.fleet.is_latest() { self.fleet.clone() } else { self.shared.fleet() };
        Failover { shared: self.shared.clone(), fleet, classify: self.classify.clone() }
    }
}

impl<S, C> fmt::Debug for Failover<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failover").field("targets", &self.shared.fleet()).finish_non_exhaustive()
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

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        if !self.fleet.is_latest() {
            self.fleet = self.shared.fleet();
        }
        ResponseFuture::new(self.fleet.clone(), self.classify.clone(), request)
    }
}

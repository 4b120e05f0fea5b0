//! A layer as the checks see it. To put a new layer under the contract, write one more [`Subject`] and name it in
//! [`all`].

mod bench;
mod breaker;
mod buffer;
mod failover;
mod hedge;
mod limit;
mod provider;
mod retry;
mod ringing;
mod stack;
mod telemetry;
mod timeout;

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    journey::{Client, Journey},
    probe::{Act, Request},
};

pub use bench::request;
pub use bench::{Bench, Hook};
pub(crate) use bench::{bare, bare_typed, request_for};
pub(crate) use failover::in_flight;
pub(crate) use ringing::Ringing;

/// Something that a layer may not have, or why it has none.
pub type Applies<T> = Result<T, &'static str>;

/// Every layer under the contract.
pub fn all() -> Vec<Subject> {
    vec![
        breaker::http(),
        breaker::typed(),
        timeout::http(),
        timeout::typed(),
        limit::http(),
        limit::keyed(),
        limit::typed(),
        retry::http(),
        retry::typed(),
        hedge::http(),
        hedge::typed(),
        failover::http(),
        failover::typed(),
        provider::subject(),
        buffer::subject(),
        telemetry::call(),
        telemetry::attempt(),
        telemetry::typed(),
        stack::subject(),
    ]
}

/// A layer, and what is to be known of it to put its promises to the test.
#[derive(Debug)]
pub struct Subject {
    /// The layer's name in the table.
    pub name: &'static str,
    /// Builds it around the probes of a bench.
    pub build: fn(&Bench) -> Built,
    /// Whether it decodes the answers itself: then the probes send bytes only.
    pub decodes: bool,
    /// What changes its behaviour, if it has state.
    pub lesson: Applies<Lesson>,
    /// After the lesson it refuses calls, without asking what is inside.
    pub refuses: Applies<()>,
    /// Once the lesson is over, a single call may try before others follow.
    pub tries_one: Applies<()>,
    /// It runs code of its user's.
    pub callbacks: Applies<()>,
    /// What it refuses to hold, and what it then says.
    pub bounds: Applies<Vec<Bound>>,
    /// Whether it works for plain typed requests, which must cost no allocation.
    pub plain: Applies<()>,
    /// The most allocations that it adds to a streamed HTTP call.
    pub streamed: Applies<u64>,
    /// A success that began before the lesson must not undo it.
    pub late_successes: Applies<()>,
    /// Failures that began before the lesson must not repeat it.
    pub late_failures: Applies<()>,
}

/// What a layer learns, and what it then does differently.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// What the targets do while it learns.
    pub acts: [Act; 2],
    /// How many calls it takes.
    pub calls: usize,
    /// What the targets do when it is asked what it has learnt.
    pub asks: Act,
    /// How long it remembers.
    pub over_after: Duration,
    /// How long it takes to forget a call that came to nothing: what was sent stays spent.
    pub again_after: Duration,
}

/// A request and an answer that are more than a layer will hold.
#[derive(Debug)]
pub struct Bound {
    /// What the first target does.
    pub act: Act,
    /// The request.
    pub request: fn() -> Request,
    /// A part of the error's text.
    pub says: &'static str,
}

/// A layer around the probes of a bench.
pub struct Built {
    /// Another service of the same layer.
    pub service: Box<dyn Fn() -> Client + Send + Sync>,
    /// Permits and probe slots that its handles say are held.
    pub held: Box<dyn Fn() -> u64>,
    /// Asks its handles all there is to ask, as a user's callback might.
    pub look: Arc<dyn Fn() + Send + Sync>,
}

impl Built {
    pub(crate) fn new(service: impl Fn() -> Client + Send + Sync + 'static) -> Self {
        Built { service: Box::new(service), held: Box::new(|| 0), look: Arc::new(|| ()) }
    }

    /// A call through a new service.
    pub fn call(&self) -> Journey {
        Journey::new((self.service)(), bench::request())
    }
}

impl Subject {
    /// A fresh layer on a fresh bench.
    pub fn fresh(&self) -> (Bench, Built) {
        let bench = Bench::new(self.decodes);
        let built = (self.build)(&bench);
        (bench, built)
    }
}

impl fmt::Debug for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Built").finish_non_exhaustive()
    }
}

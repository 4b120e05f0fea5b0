//! The handle: one provider, shared by whoever calls it, breaks it or looks at it.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::time::Instant;

use crate::{
    ConfigError, Model, Rule, Seen, Server, SimService, Wire,
    bucket::{Excess, Levels, Meter},
    clock::Clock,
    log::Log,
    rule::Rules,
    seed::Seed,
    text,
};

/// A simulated provider. Clones are the same provider.
///
/// Its clock is tokio's and starts when it is made: make it inside the runtime that it will run in.
#[derive(Clone)]
pub struct Sim {
    shared: Arc<Shared>,
}

/// What the service, the server and every call in flight have in common. Each lock is held for one short look; none is
/// taken while another is held.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) model: Model,
    pub(crate) seed: Seed,
    pub(crate) clock: Clock,
    log: Mutex<Log>,
    rules: Mutex<Rules>,
    meter: Option<Mutex<Meter>>,
    pub(crate) connections: AtomicUsize,
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
}

impl Sim {
    /// A provider without faults. The name tells its texts, ids and draws from those of other sims.
    ///
    /// # Errors
    ///
    /// When a number of the model makes no sense; the error names it.
    pub fn new(name: impl Into<String>, model: Model) -> Result<Self, ConfigError> {
        let wall = model.check()?;
        let name = name.into();
        let shared = Shared {
            seed: Seed::new(&name, model.seed),
            clock: Clock::new(wall),
            log: Mutex::default(),
            rules: Mutex::default(),
            meter: model.bucket.as_ref().map(|bucket| Mutex::new(Meter::new(bucket, Instant::now()))),
            connections: AtomicUsize::new(0),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            name,
            model,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The provider as a service in process: no sockets, no tasks, all time tokio's.
    pub fn service(&self) -> SimService {
        SimService::new(self.shared.clone(), 0)
    }

    /// The provider as an HTTP/1.1 server on a free port of 127.0.0.1. Sockets keep real time: do not pause the clock.
    ///
    /// # Errors
    ///
    /// When no port can be bound.
    pub async fn serve(&self) -> io::Result<Server> {
        self.serve_on(0).await
    }

    /// The same on a given port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When the port cannot be bound.
    pub async fn serve_on(&self, port: u16) -> io::Result<Server> {
        Server::bind(self.shared.clone(), port).await
    }

    /// Adds a rule, for the calls that arrive from now on. Of several rules that strike one call the first injected
    /// decides; those that only slow it down add up.
    ///
    /// # Errors
    ///
    /// When a number of the rule makes no sense; the error names it.
    pub fn inject(&self, rule: Rule) -> Result<(), ConfigError> {
        self.shared.rules().add(rule)
    }

    /// Removes all rules. Calls already struck stay so.
    pub fn clear(&self) {
        self.shared.rules().clear();
    }

    /// What it saw, oldest first: the last [`LOG_CAPACITY`](crate::LOG_CAPACITY) calls.
    pub fn log(&self) -> Vec<Seen> {
        self.shared.log().entries()
    }

    /// Forgets what it saw. Calls in flight are not logged any more, and numbers go on.
    pub fn clear_log(&self) {
        self.shared.log().clear();
    }

    /// Calls that have not ended.
    pub fn in_flight(&self) -> usize {
        self.shared.log().in_flight()
    }

    /// Connections open to its servers.
    pub fn open_connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Connections that its servers refused as they arrived. Such calls are not in the log.
    pub fn refused_connections(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// The text of a complete answer of this many tokens. It is the same for every call.
    pub fn expected_text(&self, tokens: u64) -> String {
        text::text(self.shared.seed, tokens)
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim")
            .field("name", &self.shared.name)
            .field("model", &self.shared.model)
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        unpoisoned(&self.log)
    }

    pub(crate) fn rules(&self) -> MutexGuard<'_, Rules> {
        unpoisoned(&self.rules)
    }

    pub(crate) fn admit(&self, input: u64) -> Result<(), Excess> {
        self.meter.as_ref().map_or(Ok(()), |meter| unpoisoned(meter).admit(input, Instant::now()))
    }

    pub(crate) fn charge_output(&self, tokens: u64, now: Instant) {
        // Google counts the input alone.
        let free = self.model.wire == Wire::Gemini;
        if let Some(meter) = self.meter.as_ref().filter(|_| !free) {
            unpoisoned(meter).charge_output(tokens, now);
        }
    }

    pub(crate) fn levels(&self) -> Option<Levels> {
        self.meter.as_ref().map(|meter| unpoisoned(meter).levels(Instant::now()))
    }

    /// The names that the provider lists: those it knows, or its own where it knows all.
    pub(crate) fn model_names(&self) -> Vec<String> {
        if self.model.names.is_empty() { vec![self.name.clone()] } else { self.model.names.clone() }
    }
}

/// Everything behind these locks is changed in steps that cannot panic half-way.
fn unpoisoned<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

//! One circuit, shared by every service, handle and call: the state machine with its clock, numbers and listeners.

use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use buttress_call::{Failure, Kind};
use tokio::{sync::watch, time::Instant};

use crate::{
    Open, Policy, Reason, Snapshot, State, Transition,
    baseline::Baseline,
    circuit::{Admission, Change, Circuit, Effect, Probing, Ticket},
    gauge::Gauge,
    jitter::Jitter,
    policy::{micros, millis},
    settings::{Settings, counted},
    window::{Sum, tick},
    word::{Mode, Word},
};

/// The present, looked up at most once per end of a call, and only if something depends on it: a clock costs more than
/// all the rest.
#[derive(Debug, Default)]
pub(crate) struct Now(Option<Instant>);

impl Now {
    pub(crate) fn get(&mut self) -> Instant {
        *self.0.get_or_insert_with(Instant::now)
    }
}

#[derive(Debug)]
pub(crate) struct Shared {
    circuit: Circuit,
    settings: Settings,
    failures: Gauge,
    slow: Gauge,
    baseline: Baseline,
    jitter: Jitter,
    /// The circuit's times are milliseconds since then.
    base: Instant,
    rejected: AtomicU64,
    opened: AtomicU64,
    policy: Mutex<Policy>,
    name: RwLock<Option<Arc<str>>>,
    changes: watch::Sender<Transition>,
}

impl Shared {
    /// The policy must have been checked.
    pub(crate) fn new(policy: Policy) -> Self {
        let (circuit, base) = (Circuit::new(), Instant::now());
        let start = Transition {
            from: State::Closed,
            to: State::Closed,
            reason: Reason::Start,
            at: base,
            word: circuit.word(),
        };
        Shared {
            circuit,
            settings: Settings::new(&policy),
            failures: Gauge::new(policy.failure_rate),
            slow: Gauge::new(policy.slow_rate.map(|slow| slow.rate)),
            baseline: Baseline::new(),
            jitter: Jitter::from_entropy(),
            base,
            rejected: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            policy: Mutex::new(policy),
            name: RwLock::new(None),
            changes: watch::Sender::new(start),
        }
    }

    // Admission.

    /// Whether a call would be refused now.
    pub(crate) fn refuses(&self) -> bool {
        self.circuit.refusal(|| self.now_ms()).is_some()
    }

    /// Until when calls are refused, if they are.
    pub(crate) fn refuses_until(&self) -> Option<Instant> {
        self.circuit.refusal(|| self.now_ms()).map(|word| self.instant(word.payload()))
    }

    pub(crate) fn admit(&self) -> Result<Ticket, Open> {
        let probing = || {
            let policy = self.policy();
            Probing { slots: policy.probes, lease_ms: millis(policy.probe_lease) }
        };
        match self.circuit.admit(|| self.now_ms(), probing) {
            Admission::Admitted(ticket, change) => {
                if let Some(change) = change {
                    self.publish(change, Reason::OpenTimeOver);
                }
                Ok(ticket)
            }
            Admission::Refused(word) => Err(self.refusal(word)),
        }
    }

    /// The refusal of a call whose service was readied while the circuit refused calls.
    pub(crate) fn refuse(&self) -> Open {
        self.refusal(self.circuit.word())
    }

    fn refusal(&self, word: Word) -> Open {
        self.rejected.fetch_add(1, Relaxed);
        let remaining = match word.mode() {
            Mode::Forced if word.payload() == Word::NEVER => None,
            Mode::Open | Mode::HalfOpen => {
                Some(self.instant(word.payload()).saturating_duration_since(Instant::now()))
            }
            Mode::Closed | Mode::Forced => Some(Duration::ZERO),
        };
        Open::new(self.name(), remaining)
    }

    // Evidence.

    pub(crate) fn success(&self, ticket: Ticket, now: &mut Now) {
        let slots = if ticket.lease.is_some() { self.policy().probes } else { 0 };
        match self.circuit.success(ticket, slots) {
            Effect::Counted if ticket.lease.is_none() && self.failures.is_on() => {
                self.failures.good(self.tick(ticket.generation, now));
            }
            Effect::Changed(change) => self.publish(change, Reason::ProbesSucceeded),
            Effect::Counted | Effect::Stale => {}
        }
    }

    pub(crate) fn failure(&self, ticket: Ticket, failure: Failure, now: &mut Now) {
        if !self.settings.counts(failure.kind) {
            return self.release(ticket);
        }
        let until = |reopened| self.open_until(reopened, failure.retry_after);
        match self.circuit.failure(ticket.generation, self.settings.consecutive(), until) {
            Effect::Changed(change) => {
                let reason = match change.from.mode() {
                    Mode::HalfOpen => Reason::ProbeFailed(failure.kind),
                    _ => Reason::ConsecutiveFailures {
                        failures: change.from.payload() + 1,
                        kind: failure.kind,
                    },
                };
                self.publish(change, reason);
            }
            Effect::Counted if self.failures.is_on() => {
                if let Some(Sum { total, bad: failed }) = self.failures.bad(self.tick(ticket.generation, now))
                {
                    self.trip(ticket, failure.retry_after, Reason::FailureRate { failed, total });
                }
            }
            Effect::Counted | Effect::Stale => {}
        }
    }

    /// A time to first content. A slow one is a failed probe; in a closed circuit it counts towards the slow rate.
    pub(crate) fn first_content(&self, ticket: Ticket, time: Duration, now: &mut Now) {
        let time = micros(time);
        let limit = self.slow_limit();
        let slow = limit.is_some_and(|limit| time > limit);
        self.baseline.record(time, slow);
        let word = self.circuit.word();
        // Without a measure nothing is fast either: such calls stay out of the window.
        if limit.is_none() || word.generation() != ticket.generation {
            return;
        }
        match (word.mode(), slow) {
            (Mode::Closed, false) => self.slow.good(self.tick(ticket.generation, now)),
            (Mode::Closed, true) => {
                if let Some(Sum { total, bad: slow }) = self.slow.bad(self.tick(ticket.generation, now)) {
                    self.trip(ticket, None, Reason::SlowRate { slow, total });
                }
            }
            (Mode::HalfOpen, true) => self.trip(ticket, None, Reason::ProbeSlow),
            _ => {}
        }
    }

    /// Whether a call without content is slow at this age.
    pub(crate) fn is_slow(&self, age: Duration) -> bool {
        self.slow_limit().is_some_and(|limit| micros(age) > limit)
    }

    fn slow_limit(&self) -> Option<u64> {
        self.settings.slow_limit(|| self.baseline.value(self.slow.minimum()))
    }

    /// Too large a share of bad calls.
    fn trip(&self, ticket: Ticket, hint: Option<Duration>, reason: Reason) {
        let until = |reopened| self.open_until(reopened, hint);
        if let Effect::Changed(change) = self.circuit.trip(ticket.generation, until) {
            self.publish(change, reason);
        }
    }

    /// The call says nothing about the target.
    pub(crate) fn release(&self, ticket: Ticket) {
        self.circuit.release(ticket, || self.policy().probes);
    }

    /// The target could not even become ready: a failure without a permit, so of the generation that it happens in.
    pub(crate) fn unready(&self, failure: Failure) {
        let generation = self.circuit.word().generation();
        self.failure(Ticket { generation, lease: None }, failure, &mut Now::default());
    }

    /// Whether times to first content are looked at.
    pub(crate) fn times(&self) -> bool {
        self.settings.times()
    }

    pub(crate) fn counts(&self, kind: Kind) -> bool {
        self.settings.counts(kind)
    }

    // The operator.

    pub(crate) fn force(&self, open: bool) {
        if open {
            self.publish(self.circuit.set(Mode::Forced, Word::NEVER), Reason::ForcedOpen);
        } else {
            self.publish(self.circuit.set(Mode::Forced, 0), Reason::ForcedClosed);
        }
    }

    pub(crate) fn reset(&self) {
        self.failures.clear();
        self.slow.clear();
        self.baseline.clear();
        self.publish(self.circuit.set(Mode::Closed, 0), Reason::Reset);
    }

    /// The policy must have been checked.
    pub(crate) fn set_policy(&self, policy: Policy) {
        let counted = counted(&policy);
        {
            let mut held = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
            *held = policy;
            self.settings.set(&policy, counted);
            // Emptied, too: buckets of another length cannot be summed with these.
            self.failures.set(policy.failure_rate);
            self.slow.set(policy.slow_rate.map(|slow| slow.rate));
        }
        self.circuit.renew(policy.probes);
    }

    pub(crate) fn set_name(&self, name: Arc<str>) {
        *self.name.write().unwrap_or_else(PoisonError::into_inner) = Some(name);
    }

    pub(crate) fn seed(&self, seed: u64) {
        self.jitter.seed(seed);
    }

    // What it tells.

    pub(crate) fn policy(&self) -> Policy {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn name(&self) -> Option<Arc<str>> {
        self.name.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn state(&self) -> State {
        self.state_of(self.circuit.word())
    }

    pub(crate) fn changes(&self) -> watch::Receiver<Transition> {
        self.changes.subscribe()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let word = self.circuit.word();
        let tick = self.tick(word.generation(), &mut Now::default());
        let closed = word.mode() == Mode::Closed;
        let sum = |gauge: &Gauge| if closed { gauge.sum(tick) } else { Sum::default() };
        let (failures, slow) = (sum(&self.failures), sum(&self.slow));
        let (probes, probes_succeeded) = self.circuit.probes();
        Snapshot {
            state: self.state_of(word),
            consecutive_failures: if closed { word.payload() } else { 0 },
            calls: failures.total,
            failures: failures.bad,
            timed: slow.total,
            slow: slow.bad,
            baseline: self.baseline.value(1).map(Duration::from_micros),
            probes,
            probes_succeeded,
            rejected: self.rejected.load(Relaxed),
            opened: self.opened.load(Relaxed),
        }
    }

    /// Tells the change to everybody. No lock is held: a listener may ask the circuit.
    fn publish(&self, change: Change, reason: Reason) {
        let transition = Transition {
            from: self.state_of(change.from),
            to: self.state_of(change.to),
            reason,
            at: Instant::now(),
            word: change.to,
        };
        let Transition { from, to, at, word, .. } = transition;
        if word.mode() == Mode::Open {
            self.opened.fetch_add(1, Relaxed);
        }
        self.changes.send_if_modified(|last| {
            // Two threads may arrive here in either order; the later change must stay.
            let newer = word.is_newer_than(last.word);
            if newer {
                *last = transition;
            }
            newer
        });
        let name = self.name();
        let breaker = name.as_deref().unwrap_or_default();
        if let State::Open { until } = to {
            let open_ms = millis(until.saturating_duration_since(at));
            tracing::warn!(breaker, %from, %to, %reason, open_ms, "circuit opened");
        } else {
            tracing::info!(breaker, %from, %to, %reason, "circuit changed");
        }
    }

    fn open_until(&self, reopened: u32, hint: Option<Duration>) -> u64 {
        let policy = self.policy();
        let time = policy.open.millis(reopened, &self.jitter);
        let hint = hint.map_or(0, |hint| millis(hint.min(policy.max_hint)));
        // A millisecond may have begun already: rounded up, so that the time is never cut short.
        millis(self.elapsed()).saturating_add(time.max(hint))
    }

    fn state_of(&self, word: Word) -> State {
        match word.mode() {
            Mode::Closed => State::Closed,
            Mode::Open => State::Open { until: self.instant(word.payload()) },
            Mode::HalfOpen => State::HalfOpen,
            Mode::Forced if word.payload() == 0 => State::ForcedClosed,
            Mode::Forced => State::ForcedOpen,
        }
    }

    fn tick(&self, generation: u32, now: &mut Now) -> u64 {
        let now = now.get().saturating_duration_since(self.base);
        tick(now.as_millis() as u64, self.settings.bucket_ms(), generation)
    }

    /// Rounded down, so that a time has come only when all of it is over.
    fn now_ms(&self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(self.base)
    }

    fn instant(&self, ms: u64) -> Instant {
        self.base + Duration::from_millis(ms)
    }
}

#[cfg(all(test, not(buttress_loom)))]
mod tests {
    use super::*;

    #[test]
    fn of_two_changes_told_in_the_wrong_order_the_later_one_stays() {
        let shared = Shared::new(Policy::default());
        let first = shared.circuit.set(Mode::Forced, Word::NEVER);
        let second = shared.circuit.set(Mode::Closed, 0);
        shared.publish(second, Reason::Reset);
        shared.publish(first, Reason::ForcedOpen);
        assert_eq!(shared.changes().borrow().reason, Reason::Reset);
    }
}

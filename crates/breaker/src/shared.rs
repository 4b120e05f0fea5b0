//! One circuit, shared by every service, handle and call: the state machine with its clock, numbers and listeners.

mod evidence;
mod operator;
mod report;

use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use buttress_call::Kind;
use tokio::{sync::watch, time::Instant};

use crate::{
    Open, Policy, Reason, State, Transition,
    baseline::Baseline,
    circuit::{Admission, Circuit, Probing, Ticket},
    gauge::Gauge,
    jitter::Jitter,
    policy::millis,
    settings::Settings,
    window::tick,
    word::{Mode, Word},
};

/// The present, looked up at most once per end of a call, and only if something depends on it: a clock costs more than
/// all the rest.
#[derive(Debug, Default)]
pub(crate) struct Now {
    at: Option<Instant>,
    /// Where both windows count this call.
    tick: Option<u64>,
}

impl Now {
    #[inline]
    pub(crate) fn get(&mut self) -> Instant {
        *self.at.get_or_insert_with(Instant::now)
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

    /// Whether a call would be refused now.
    #[inline]
    pub(crate) fn refuses(&self) -> bool {
        self.circuit.refusal(|| self.now_ms()).is_some()
    }

    /// Until when calls are refused, if they are.
    pub(crate) fn refuses_until(&self) -> Option<Instant> {
        self.circuit.refusal(|| self.now_ms()).map(|word| self.instant(word.payload()))
    }

    #[inline]
    pub(crate) fn admit(&self) -> Result<Ticket, Open> {
        match self.circuit.closed() {
            Some(ticket) => Ok(ticket),
            None => self.admit_unless_open(),
        }
    }

    #[cold]
    fn admit_unless_open(&self) -> Result<Ticket, Open> {
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

    /// Whether times to first content are looked at.
    #[inline]
    pub(crate) fn times(&self) -> bool {
        self.settings.times()
    }

    pub(crate) fn counts(&self, kind: Kind) -> bool {
        self.settings.counts(kind)
    }

    pub(crate) fn policy(&self) -> Policy {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn name(&self) -> Option<Arc<str>> {
        self.name.read().unwrap_or_else(PoisonError::into_inner).clone()
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

    #[inline]
    fn tick(&self, generation: u32, now: &mut Now) -> u64 {
        if let Some(tick) = now.tick {
            return tick;
        }
        let ms = now.get().saturating_duration_since(self.base).as_millis() as u64;
        *now.tick.insert(tick(ms, self.settings.bucket_ms(), generation))
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

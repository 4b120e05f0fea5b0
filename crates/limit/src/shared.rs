//! What all services, handles and calls of one layer share.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use buttress_call::{Call, RunningQuantile};
use tokio::time::Instant;

use crate::{
    Estimate, Policy,
    engine::{Nanos, nanos},
    factors::Factors,
    gate::{Ask, Gate},
    keys::Keys,
};

/// Of so many outputs the quantile is known.
const MIN_OUTPUTS: u64 = 20;
/// What a call is expected to generate is this quantile of the last thousand outputs: a hold must be enough for most, and
/// each tenth of the bucket that is held for nothing is a tenth that nobody uses.
const QUANTILE: f64 = 0.9;
const OUTPUTS: u32 = 1_000;

/// One layer's limits.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) common: Arc<Common>,
    /// The limits of all calls; of a keyed layer those of the keys for which there is no room.
    pub(crate) single: Arc<Limits>,
    pub(crate) keys: Keys,
}

/// What all keys share.
#[derive(Debug)]
pub(crate) struct Common {
    base: Instant,
    policy: Mutex<Policy>,
    name: OnceLock<Arc<str>>,
    pub(crate) factors: Factors,
    /// Whether anybody below ticks the attempts' clocks. If nobody does, "not sent" means nothing.
    ticked: AtomicBool,
}

/// One key's limits.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Limits {
    pub(crate) gate: Gate,
    pub(crate) common: Arc<Common>,
    /// Its 9 KiB are made with the first output.
    outputs: OnceLock<RunningQuantile>,
}

impl Shared {
    /// The policy must have been checked.
    pub(crate) fn new(policy: &Policy) -> Self {
        let common = Arc::new(Common {
            base: Instant::now(),
            policy: Mutex::new(*policy),
            name: OnceLock::new(),
            factors: Factors::new(),
            ticked: AtomicBool::new(false),
        });
        let single = Arc::new(Limits::new(common.clone(), policy, 0));
        Shared { common, single, keys: Keys::new() }
    }

    #[inline]
    pub(crate) fn limits(&self, key: Option<u64>, now: Nanos) -> Arc<Limits> {
        key.and_then(|key| self.keys.get_or_make(key, &self.common, now))
            .unwrap_or_else(|| self.single.clone())
    }

    pub(crate) fn set_policy(&self, policy: &Policy) {
        *self.common.lock_policy() = *policy;
        let now = self.common.now();
        self.single.gate.set_policy(now, policy);
        for limits in self.keys.all() {
            limits.gate.set_policy(now, policy);
        }
    }
}

impl Common {
    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        nanos(Instant::now().saturating_duration_since(self.base))
    }

    pub(crate) fn instant(&self, at: Nanos) -> Instant {
        self.base + Duration::from_nanos(at)
    }

    pub(crate) fn policy(&self) -> Policy {
        *self.lock_policy()
    }

    pub(crate) fn name(&self) -> &str {
        self.name.get().map_or("", |name| name)
    }

    pub(crate) fn set_name(&self, name: Arc<str>) {
        // The first name stays.
        let _ = self.name.set(name);
    }

    pub(crate) fn saw_a_tick(&self) {
        if !self.ticked.load(Relaxed) {
            self.ticked.store(true, Relaxed);
        }
    }

    pub(crate) fn is_ticked(&self) -> bool {
        self.ticked.load(Relaxed)
    }

    fn lock_policy(&self) -> std::sync::MutexGuard<'_, Policy> {
        // A `Copy` value is whole at every step.
        self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Limits {
    pub(crate) fn new(common: Arc<Common>, policy: &Policy, now: Nanos) -> Self {
        Limits { common, gate: Gate::new(policy, now), outputs: OnceLock::new() }
    }

    /// What a call asks of the gate.
    #[inline]
    pub(crate) fn ask(&self, estimate: &Estimate, call: Option<&Call>) -> Ask {
        Ask {
            input: self.common.factors.correct(estimate.model.as_ref(), estimate.input),
            cap: estimate.max_output,
            expected: self.expected_output(),
            priority: call.map(Call::priority).unwrap_or_default(),
            may_wait: call.is_none_or(|call| !call.is_hedge()),
            remaining: call.and_then(Call::remaining),
        }
    }

    /// What a call is expected to generate, once enough were seen.
    #[inline]
    pub(crate) fn expected_output(&self) -> Option<u64> {
        self.outputs.get()?.value(MIN_OUTPUTS)
    }

    pub(crate) fn saw_output(&self, tokens: u64) {
        let new = || RunningQuantile::new(QUANTILE, OUTPUTS).expect("the quantile lies between 0 and 1");
        self.outputs.get_or_init(new).record(tokens);
    }
}

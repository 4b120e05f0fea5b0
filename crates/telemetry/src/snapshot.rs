//! What telemetry knows at one moment.

use std::{
    collections::BTreeMap,
    ops::{Add, AddAssign},
    sync::Arc,
    time::Duration,
};

use buttress_call::{Cause, Usage};

use crate::{Amount, Event};

/// All that was counted since the telemetry was made, at one stroke: the sums hold exactly, at any moment.
///
/// - calls: `started = ok + failed + cancelled + running`
/// - attempts: `first + retries + hedges + failovers = ok + failed + cancelled + running`
/// - tokens and cost: `billed = useful + wasted + undecided`; nothing is undecided once no call runs.
///
/// Latencies are those of the [window](crate::Settings::window), and of what succeeded.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// For how long it has counted.
    #[cfg_attr(feature = "serde", serde(rename = "age_seconds", serialize_with = "seconds"))]
    pub age: Duration,
    /// What callers saw.
    pub calls: Calls,
    /// What it took: all targets together.
    pub total: Work,
    /// What it took, target by target, in the order in which they were made known.
    pub targets: Vec<Target>,
    /// The latest events, the latest first.
    pub events: Vec<Event>,
}

/// What callers saw.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Calls {
    /// Calls so far.
    pub started: u64,
    /// Their answer arrived whole.
    pub ok: u64,
    /// They failed.
    pub failed: u64,
    /// Their caller walked away.
    pub cancelled: u64,
    /// They have not ended, streams included.
    pub running: u64,
    /// Failed calls for which no target was left.
    pub exhausted: u64,
    /// Failed calls by the kind that their caller got.
    pub failures: Failures,
    /// `ok` as a share of `ok + failed`; `None` before the first.
    pub success_rate: Option<f64>,
    /// From the beginning to the true end.
    #[cfg_attr(feature = "serde", serde(rename = "duration_seconds"))]
    pub duration: Quantiles,
    /// From the beginning to the first content, where the answer showed any.
    #[cfg_attr(feature = "serde", serde(rename = "first_content_seconds"))]
    pub first_content: Quantiles,
}

/// How often what kind of failure came, by the kind's name.
pub type Failures = BTreeMap<&'static str, u64>;

/// One target.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Target {
    /// Its name.
    pub name: Arc<str>,
    /// Its provider's name.
    pub provider: Arc<str>,
    /// What it did.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub work: Work,
    /// `ok` as a share of `ok + failed` attempts; `None` before the first.
    pub success_rate: Option<f64>,
    /// From the attempt's call to its true end.
    #[cfg_attr(feature = "serde", serde(rename = "duration_seconds"))]
    pub duration: Quantiles,
    /// From the send to the first content, where the answer showed any.
    #[cfg_attr(feature = "serde", serde(rename = "first_content_seconds"))]
    pub first_content: Quantiles,
}

/// What was done, and what it cost.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Work {
    /// Attempts that reached a provider layer.
    pub attempts: Attempts,
    /// Failed attempts by kind.
    pub failures: Failures,
    /// Tokens, as the providers have reported them.
    pub tokens: Spent<Usage>,
    /// Attempts without a word on their tokens for which a provider may charge all the same: answered, cut or cancelled
    /// after the send. Their bill is unknown.
    pub unmetered: u64,
    /// The price of the tokens.
    pub cost: Spent<Amount>,
    /// Attempts with tokens that have no price.
    pub unpriced: u64,
    /// What was held back on this side.
    pub held_back: HeldBack,
}

/// Attempts, by what led to them and by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Attempts {
    /// First attempts of their call.
    pub first: u64,
    /// Tries again on the same target.
    pub retries: u64,
    /// Second tries beside a slow one.
    pub hedges: u64,
    /// Tries on another target after a failure.
    pub failovers: u64,
    /// Their answer arrived whole.
    pub ok: u64,
    /// They failed.
    pub failed: u64,
    /// Nobody waited for their end: the caller walked away, a hedge was faster, or the call's time was over.
    pub cancelled: u64,
    /// They have not ended.
    pub running: u64,
}

/// Something spent, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Spent<T> {
    /// All of it, each attempt's when it ends.
    pub billed: T,
    /// For answers that reached their caller, whole or up to where he walked away.
    pub useful: T,
    /// For all other attempts: those that failed, that a hedge was faster than, or whose answer was refused.
    pub wasted: T,
}

/// Calls that were held back on this side, before they were sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HeldBack {
    /// Waits in a limiter.
    pub limiter_waits: u64,
    /// All these waits together.
    #[cfg_attr(feature = "serde", serde(rename = "limiter_wait_seconds", serialize_with = "seconds"))]
    pub limiter_wait: Duration,
    /// Refusals of a limiter.
    pub limiter_refusals: u64,
    /// Refusals of an open breaker. A target that a failover passes over because of its breaker is not asked, and not
    /// counted here.
    pub breaker_refusals: u64,
    /// Waits before a retry, all together. Retry layers do not know their target: only the total has it.
    #[cfg_attr(feature = "serde", serde(rename = "retry_wait_seconds", serialize_with = "seconds"))]
    pub retry_wait: Duration,
}

/// Latencies: each is known to within 1/32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Quantiles {
    /// How many there were in the window.
    pub samples: u64,
    /// The median.
    #[cfg_attr(feature = "serde", serde(serialize_with = "maybe_seconds"))]
    pub p50: Option<Duration>,
    /// 95 % were faster.
    #[cfg_attr(feature = "serde", serde(serialize_with = "maybe_seconds"))]
    pub p95: Option<Duration>,
    /// 99 % were faster.
    #[cfg_attr(feature = "serde", serde(serialize_with = "maybe_seconds"))]
    pub p99: Option<Duration>,
}

impl Attempts {
    /// All of them.
    pub fn started(&self) -> u64 {
        self.first + self.retries + self.hedges + self.failovers
    }

    pub(crate) fn begin(&mut self, cause: Cause) {
        self.running += 1;
        match cause {
            Cause::Retry => self.retries += 1,
            Cause::Hedge => self.hedges += 1,
            Cause::Failover => self.failovers += 1,
            // Whatever causes there may be later on, a new one does not follow from a failure.
            _ => self.first += 1,
        }
    }
}

impl Spent<Usage> {
    /// What was billed for attempts whose answer is not with a caller yet.
    pub fn undecided(&self) -> Usage {
        let Spent { billed, useful, wasted } = self;
        let left = |of: fn(&Usage) -> u64| of(billed).saturating_sub(of(useful)).saturating_sub(of(wasted));
        let mut undecided = Usage::new(left(|u| u.input), left(|u| u.output));
        undecided.cached_input = left(|u| u.cached_input);
        undecided.cache_write = left(|u| u.cache_write);
        undecided.reasoning = left(|u| u.reasoning);
        undecided
    }
}

pub(crate) fn success_rate(ok: u64, failed: u64) -> Option<f64> {
    let judged = ok + failed;
    (judged > 0).then(|| ok as f64 / judged as f64)
}

impl<T: AddAssign> AddAssign for Spent<T> {
    fn add_assign(&mut self, other: Self) {
        self.billed += other.billed;
        self.useful += other.useful;
        self.wasted += other.wasted;
    }
}

impl AddAssign for Attempts {
    fn add_assign(&mut self, other: Self) {
        self.first += other.first;
        self.retries += other.retries;
        self.hedges += other.hedges;
        self.failovers += other.failovers;
        self.ok += other.ok;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.running += other.running;
    }
}

impl AddAssign for HeldBack {
    fn add_assign(&mut self, other: Self) {
        self.limiter_waits += other.limiter_waits;
        self.limiter_wait += other.limiter_wait;
        self.limiter_refusals += other.limiter_refusals;
        self.breaker_refusals += other.breaker_refusals;
        self.retry_wait += other.retry_wait;
    }
}

impl Add<&Work> for Work {
    type Output = Work;

    fn add(mut self, other: &Work) -> Work {
        self.attempts += other.attempts;
        for (kind, count) in &other.failures {
            *self.failures.entry(kind).or_default() += count;
        }
        self.tokens += other.tokens;
        self.unmetered += other.unmetered;
        self.cost += other.cost;
        self.unpriced += other.unpriced;
        self.held_back += other.held_back;
        self
    }
}

#[cfg(feature = "serde")]
pub(crate) fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

#[cfg(feature = "serde")]
#[expect(clippy::ref_option, reason = "serde passes a field by reference")]
fn maybe_seconds<S: serde::Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => seconds(time, serializer),
        None => serializer.serialize_none(),
    }
}

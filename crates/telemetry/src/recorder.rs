//! What all layers of one telemetry write to.
//!
//! Everything that is counted stands behind one short lock, so that a snapshot is one moment. Nothing else happens under
//! it: spans, log lines and metrics are other people's code, and come after.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use buttress_call::{Cause, Kind, Note, Outcome, Settle, Usage};
use tokio::time::Instant;

use crate::{
    Amount, InvalidSettings, Settings, Snapshot, Target, What, Work,
    events::Events,
    meter::{self, Cache, Labels},
    models::Models,
    price::Prices,
    record::CallRecord,
    snapshot::{Calls, success_rate},
    sync::{Mutex, MutexGuard},
    window::Window,
};

#[derive(Debug)]
pub(crate) struct Recorder {
    since: Instant,
    window: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    calls: Calls,
    duration: Window,
    first_content: Window,
    targets: Vec<Entry>,
    /// What was done under no target's name.
    elsewhere: Work,
    prices: Prices,
    models: Models,
    events: Events,
    /// Records of calls that are over, for the calls to come.
    spare: Vec<Arc<CallRecord>>,
}

#[derive(Debug)]
struct Entry {
    name: Arc<str>,
    provider: Arc<str>,
    work: Work,
    duration: Window,
    first_content: Window,
    cache: Cache,
}

/// More names than any fleet has; targets beyond share the last entry.
const MAX_TARGETS: usize = 1_024;
/// So many records wait for the next call.
const MAX_SPARE: usize = 64;

/// How a call or an attempt ended, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) outcome: Outcome,
    pub(crate) at: Instant,
    pub(crate) duration: Duration,
    pub(crate) first_content: Option<Duration>,
}

/// What an attempt has cost.
#[derive(Clone, Debug)]
pub(crate) struct Bill {
    pub(crate) target: usize,
    pub(crate) usage: Usage,
    pub(crate) cost: Amount,
    pub(crate) labels: Labels,
}

impl Bill {
    /// Tells the `metrics` facade what it was for, if that is known. No lock may be held here.
    pub(crate) fn tell(&self, fate: Fate) {
        meter::spent(&self.labels, &self.usage, self.cost, fate);
    }
}

/// Whether an attempt's answer is with the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Useful,
    Wasted,
    /// It is on its way there.
    Undecided,
}

impl Recorder {
    pub(crate) fn new(settings: Settings) -> Result<Self, InvalidSettings> {
        settings.check()?;
        let Settings { prices, models, window, events } = settings;
        let since = Instant::now();
        let prices = Prices::new(&prices)?;
        let state = State {
            calls: Calls::default(),
            duration: Window::new(window, since),
            first_content: Window::new(window, since),
            targets: Vec::new(),
            elsewhere: Work::default(),
            models: Models::new(models, prices.models()),
            prices,
            events: Events::new(events),
            spare: Vec::with_capacity(MAX_SPARE),
        };
        Ok(Recorder { since, window, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Numbers are whole at every step, so a poisoned lock is as good as any.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of the target of this name.
    pub(crate) fn target(&self, name: &Arc<str>, provider: &Arc<str>) -> usize {
        let now = Instant::now();
        let mut state = self.lock();
        if let Some(place) = state.place(name) {
            let entry = &mut state.targets[place];
            if entry.provider != *provider {
                (entry.provider, entry.cache) = (provider.clone(), Cache::default());
            }
            return place;
        }
        if state.targets.len() < MAX_TARGETS {
            let window = || Window::new(self.window, now);
            let (name, provider) = (name.clone(), provider.clone());
            let (work, cache) = (Work::default(), Cache::default());
            let (duration, first_content) = (window(), window());
            state.targets.push(Entry { name, provider, work, duration, first_content, cache });
        }
        state.targets.len() - 1
    }

    pub(crate) fn set_prices(&self, prices: Prices) {
        let mut state = self.lock();
        state.models.know(prices.models());
        state.prices = prices;
    }

    /// A call has begun. Returns the record of one that is over, if there is one.
    pub(crate) fn call_began(&self) -> Option<Arc<CallRecord>> {
        let mut state = self.lock();
        state.calls.started += 1;
        state.calls.running += 1;
        state.spare.pop()
    }

    pub(crate) fn call_ended(&self, end: &End, exhausted: bool, record: Option<Arc<CallRecord>>) {
        let mut state = self.lock();
        let state = &mut *state;
        let calls = &mut state.calls;
        calls.running -= 1;
        match end.outcome {
            Outcome::Success => {
                calls.ok += 1;
                state.duration.record(end.at, end.duration);
                if let Some(time) = end.first_content {
                    state.first_content.record(end.at, time);
                }
            }
            Outcome::Failure(failure) => {
                calls.failed += 1;
                *calls.failures.entry(failure.kind.as_str()).or_default() += 1;
                if exhausted {
                    calls.exhausted += 1;
                    state.events.push(end.at, What::Exhausted { kind: failure.kind });
                }
            }
            // Whatever an outcome is called later on: nobody has failed, and nobody has an answer.
            _ => calls.cancelled += 1,
        }
        if let Some(record) = record.filter(|_| state.spare.len() < MAX_SPARE) {
            state.spare.push(record);
        }
    }

    /// An attempt has begun. `kind` is that of the failure before, if somebody has told it.
    pub(crate) fn attempt_began(&self, target: usize, cause: Cause, kind: Option<Kind>, now: Instant) {
        let mut state = self.lock();
        let state = &mut *state;
        let entry = &mut state.targets[target];
        entry.work.attempts.begin(cause);
        if cause == Cause::Retry {
            state.events.push(now, What::Retry { target: entry.name.clone(), kind });
        }
    }

    pub(crate) fn attempt_ended(
        &self,
        target: usize,
        (operation, model): (&'static str, Option<&Arc<str>>),
        end: &End,
        usage: Option<Usage>,
        sent: bool,
        fate: Fate,
    ) -> Bill {
        let mut state = self.lock();
        let state = &mut *state;
        let entry = &mut state.targets[target];
        let work = &mut entry.work;
        work.attempts.running -= 1;
        match end.outcome {
            Outcome::Success => {
                work.attempts.ok += 1;
                entry.duration.record(end.at, end.duration);
                if let Some(time) = end.first_content {
                    entry.first_content.record(end.at, time);
                }
            }
            Outcome::Failure(failure) => {
                work.attempts.failed += 1;
                *work.failures.entry(failure.kind.as_str()).or_default() += 1;
            }
            _ => work.attempts.cancelled += 1,
        }
        let cost = usage.as_ref().map(|usage| state.prices.amount(&entry.name, model, usage));
        work.unmetered += u64::from(usage.is_none() && sent && may_cost(end.outcome));
        work.unpriced += u64::from(cost == Some(None));
        let labels = entry.cache.labels(operation, || {
            let model = state.models.name(model, end.outcome.is_success());
            [entry.name.clone(), entry.provider.clone(), model]
        });
        let cost = cost.flatten().unwrap_or_default();
        let bill = Bill { target, usage: usage.unwrap_or_default(), cost, labels };
        work.tokens.billed += bill.usage;
        work.cost.billed += bill.cost;
        work.decide(&bill, fate);
        bill
    }

    /// It is known by now whether an attempt's answer is with the caller.
    pub(crate) fn decide(&self, bill: &Bill, fate: Fate) {
        self.lock().targets[bill.target].work.decide(bill, fate);
    }

    /// What a layer has said of a call.
    pub(crate) fn note(&self, note: &Note<'_>) {
        let now = Instant::now();
        let mut state = self.lock();
        match *note {
            Note::Waited { limiter, time } => {
                let held_back = &mut state.work(limiter).held_back;
                held_back.limiter_waits += 1;
                held_back.limiter_wait += time;
            }
            Note::Refused { layer: "breaker", name } => state.work(name).held_back.breaker_refusals += 1,
            Note::Refused { layer: "limit", name } => state.work(name).held_back.limiter_refusals += 1,
            Note::Retrying { wait, .. } => state.elsewhere.held_back.retry_wait += wait,
            Note::FailingOver { from, to, kind } => {
                let (from, to) = (state.name(from), state.name(to));
                state.events.push(now, What::Failover { from, to, kind });
            }
            _ => {}
        }
    }

    pub(crate) fn event(&self, what: What) {
        let now = Instant::now();
        self.lock().events.push(now, what);
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let now = Instant::now();
        let mut state = self.lock();
        let state = &mut *state;
        let mut calls = state.calls.clone();
        calls.success_rate = success_rate(calls.ok, calls.failed);
        calls.duration = state.duration.quantiles(now);
        calls.first_content = state.first_content.quantiles(now);
        let total = state.targets.iter().fold(state.elsewhere.clone(), |sum, entry| sum + &entry.work);
        let targets = state.targets.iter_mut().map(|entry| Target {
            name: entry.name.clone(),
            provider: entry.provider.clone(),
            work: entry.work.clone(),
            success_rate: success_rate(entry.work.attempts.ok, entry.work.attempts.failed),
            duration: entry.duration.quantiles(now),
            first_content: entry.first_content.quantiles(now),
        });
        let targets = targets.collect();
        let age = now.saturating_duration_since(self.since);
        Snapshot { age, calls, total, targets, events: state.events.list(now) }
    }
}

/// Whether a provider that was asked charges tokens for what ended like this.
fn may_cost(outcome: Outcome) -> bool {
    outcome.failure().is_none_or(|failure| failure.kind.settle() == Settle::KeepInput)
}

impl State {
    fn place(&self, name: &str) -> Option<usize> {
        self.targets.iter().position(|entry| &*entry.name == name)
    }

    /// The work of the target of this name, or of none.
    fn work(&mut self, name: &str) -> &mut Work {
        match self.place(name) {
            Some(place) => &mut self.targets[place].work,
            None => &mut self.elsewhere,
        }
    }

    fn name(&self, name: &str) -> Arc<str> {
        self.place(name).map_or_else(|| name.into(), |place| self.targets[place].name.clone())
    }
}

impl Work {
    fn decide(&mut self, bill: &Bill, fate: Fate) {
        let (tokens, cost) = match fate {
            Fate::Useful => (&mut self.tokens.useful, &mut self.cost.useful),
            Fate::Wasted => (&mut self.tokens.wasted, &mut self.cost.wasted),
            Fate::Undecided => return,
        };
        *tokens += bill.usage;
        *cost += bill.cost;
    }
}

//! What a call carries in.

use std::{
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use http::Extensions;
use tokio::time::Instant;

use crate::{Note, Observer, Progress, Shape, kept::Headers};

/// What layers tell each other about a call on its way in: one request extension.
///
/// Whichever layer comes first inserts it. A clone of the request carries a clone of this, so values set by an outer
/// layer reach every attempt, and values set for one attempt stay with it. Requests that are not `http::Request`s
/// carry it wherever [`Carries`](crate::Carries) says.
#[derive(Clone, Debug, Default)]
pub struct Call {
    deadline: Option<Instant>,
    priority: Priority,
    attempt: Attempt,
    hedge: bool,
    another_can_serve: bool,
    shape: Option<Arc<Shape>>,
    progress: Option<Progress>,
    targets: Option<Targets>,
    observer: Option<Arc<dyn Observer>>,
    /// The headers that the request had when it was last kept.
    headers: Option<Headers>,
}

/// Which of a call's attempts this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Attempt {
    /// Counts from one along the attempts that led here.
    pub number: u32,
    /// Why it is made.
    pub cause: Cause,
}

impl Default for Attempt {
    fn default() -> Self {
        Attempt { number: 1, cause: Cause::First }
    }
}

/// Why an attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// It is the call's first.
    First,
    /// The one before failed on the same target.
    Retry,
    /// The one before was slow.
    Hedge,
    /// The one before failed on another target.
    Failover,
}

/// Which calls go first where calls wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Priority {
    /// Work that can wait: batches, back-fills.
    Low,
    /// The default.
    #[default]
    Normal,
    /// Somebody is looking at the screen.
    High,
}

impl Call {
    /// A call that nothing is known of.
    pub fn new() -> Self {
        Self::default()
    }

    /// The call that a request carries.
    pub fn get(extensions: &Extensions) -> Option<&Call> {
        extensions.get()
    }

    /// The call that a request carries, put there if it has none.
    pub fn get_or_insert(extensions: &mut Extensions) -> &mut Call {
        extensions.get_or_insert_default()
    }

    /// The instant after which nobody waits for the answer.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Sets a deadline. An earlier one stays.
    pub fn clamp_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(self.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
    }

    /// The time left until the deadline: zero when it is past, `None` when there is none.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// The priority.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Sets the priority.
    pub fn set_priority(&mut self, priority: Priority) {
        self.priority = priority;
    }

    /// Which attempt this is.
    pub fn attempt(&self) -> Attempt {
        self.attempt
    }

    /// Turns this into the next attempt: counted, with a clock of its own if the call has one.
    pub fn begin_attempt(&mut self, cause: Cause) {
        self.attempt = Attempt { number: self.attempt.number.saturating_add(1), cause };
        self.hedge |= cause == Cause::Hedge;
        self.progress = self.progress.as_ref().map(Progress::child);
    }

    /// Whether this attempt is a hedge, or was made on a hedge's way: one that is late is worth nothing, so it waits for
    /// nothing.
    pub fn is_hedge(&self) -> bool {
        self.hedge
    }

    /// Whether another target could serve this call now: then waiting for this one is not worth it.
    pub fn another_can_serve(&self) -> bool {
        self.another_can_serve
    }

    /// Says whether another target could serve this call now.
    pub fn set_another_can_serve(&mut self, can: bool) {
        self.another_can_serve = can;
    }

    /// What was learnt of the request's body.
    pub fn shape(&self) -> Option<&Arc<Shape>> {
        self.shape.as_ref()
    }

    /// Keeps what was learnt of the request's body, so that nobody reads it again.
    pub fn set_shape(&mut self, shape: Arc<Shape>) {
        self.shape = Some(shape);
    }

    /// The attempt's clock.
    pub fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref()
    }

    /// The attempt's clock, put here if there is none.
    pub fn ensure_progress(&mut self) -> &Progress {
        self.progress.get_or_insert_default()
    }

    /// Gives this attempt a clock of its own, which the clock that was here sees too.
    pub fn own_progress(&mut self) -> &Progress {
        let own = self.progress.as_ref().map_or_else(Progress::new, Progress::child);
        self.progress.insert(own)
    }

    /// Whether this attempt was sent; `None` if nobody watches it.
    pub fn was_sent(&self) -> Option<bool> {
        self.progress.as_ref().map(|progress| progress.sent_at().is_some())
    }

    /// The targets in use by this call's attempts, if attempts run side by side.
    pub fn targets(&self) -> Option<&Targets> {
        self.targets.as_ref()
    }

    /// The targets in use by this call's attempts, put here if there are none: for whoever runs attempts side by side.
    pub fn ensure_targets(&mut self) -> &Targets {
        let clock = self.progress.get_or_insert_default();
        self.targets.get_or_insert_with(|| Targets { clock: clock.clone() })
    }

    pub(crate) fn headers(&self) -> Option<&Headers> {
        self.headers.as_ref()
    }

    pub(crate) fn set_headers(&mut self, headers: Headers) {
        self.headers = Some(headers);
    }

    /// Who reports on this call.
    pub fn observer(&self) -> Option<&Arc<dyn Observer>> {
        self.observer.as_ref()
    }

    /// Lets this observer hear what layers further inside have to say. It takes the place of the one before.
    pub fn observe(&mut self, observer: Arc<dyn Observer>) {
        self.observer = Some(observer);
    }

    /// Says this to the observer, if there is one.
    pub fn tell(&self, note: Note<'_>) {
        if let Some(observer) = &self.observer {
            observer.note(self, note);
        }
    }
}

/// The targets that a call's attempts use at this moment, shared by all of them.
///
/// It lets a second attempt that runs beside the first go elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// They lie with the clock of which the attempts' own are children.
    clock: Progress,
}

/// Most calls use one target at a time: only a second one beside it needs an allocation.
#[derive(Debug, Default)]
pub(crate) struct Used {
    one: Option<Arc<str>>,
    more: Vec<Arc<str>>,
}

impl Targets {
    /// Whether an attempt of this call uses the target now.
    pub fn in_use(&self, target: &str) -> bool {
        let used = self.lock();
        used.one.iter().chain(&used.more).any(|used| &**used == target)
    }

    /// Marks the target as used until the guard is dropped.
    pub fn occupy(&self, target: Arc<str>) -> InUse {
        let mut used = self.lock();
        match used.one {
            None => used.one = Some(target.clone()),
            Some(_) => used.more.push(target.clone()),
        }
        drop(used);
        InUse { targets: self.clone(), target }
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.clock.targets().lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks a target as used by one attempt of a call, until dropped.
#[derive(Debug)]
#[must_use = "dropping it says that the target is no longer in use"]
pub struct InUse {
    targets: Targets,
    target: Arc<str>,
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut used = self.targets.lock();
        if used.one.as_ref() == Some(&self.target) {
            used.one = None;
        } else if let Some(at) = used.more.iter().position(|used| *used == self.target) {
            used.more.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_earlier_deadline_stays() {
        let now = Instant::now();
        let mut call = Call::new();
        call.clamp_deadline(now + Duration::from_secs(5));
        call.clamp_deadline(now + Duration::from_secs(9));
        assert_eq!(call.remaining(), Some(Duration::from_secs(5)));
        call.clamp_deadline(now + Duration::from_secs(2));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(call.remaining(), Some(Duration::ZERO));
    }

    #[test]
    fn a_target_used_twice_is_free_after_both_are_done() {
        let targets = Targets::default();
        let first = targets.occupy("a".into());
        let second = targets.clone().occupy("a".into());
        drop(first);
        assert!(targets.in_use("a"));
        drop(second);
        assert!(!targets.in_use("a"));
    }

    #[test]
    fn the_next_attempt_is_counted_and_has_its_own_clock() {
        let mut call = Call::new();
        let outer = call.ensure_progress().clone();
        call.begin_attempt(Cause::Retry);
        assert_eq!(call.attempt(), Attempt { number: 2, cause: Cause::Retry });
        call.progress().unwrap().mark_sent();
        assert!(outer.sent_at().is_some());
        call.begin_attempt(Cause::Retry);
        assert_eq!(call.was_sent(), Some(false));
    }

    #[test]
    fn a_hedge_that_fails_over_or_is_retried_is_still_a_hedge() {
        let mut call = Call::new();
        call.begin_attempt(Cause::Retry);
        assert!(!call.is_hedge());
        call.begin_attempt(Cause::Hedge);
        call.begin_attempt(Cause::Failover);
        assert!(call.is_hedge());
    }

    #[derive(Debug, Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Observer for Heard {
        fn note(&self, call: &Call, note: Note<'_>) {
            let number = call.attempt().number;
            self.0.lock().unwrap().push(format!("{number}: {note:?}"));
        }
    }

    #[test]
    fn every_attempt_tells_its_notes_to_the_calls_observer() {
        let heard = Arc::new(Heard::default());
        let note = Note::Refused { layer: "breaker", name: "a" };
        let mut call = Call::new();
        call.tell(note);
        call.observe(heard.clone());
        let mut retry = call.clone();
        retry.begin_attempt(Cause::Retry);
        retry.tell(note);
        assert_eq!(*heard.0.lock().unwrap(), [format!("2: {note:?}")]);
    }

    #[test]
    fn a_call_without_a_clock_gets_none_from_a_new_attempt() {
        let mut call = Call::new();
        call.begin_attempt(Cause::Failover);
        assert_eq!(call.was_sent(), None);
    }
}

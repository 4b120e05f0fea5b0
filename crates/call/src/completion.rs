//! The end of a call, told once.

use std::fmt;

use crate::{
    Charging, Ended, Failure, Outcome, Progress,
    sync::{Arc, Mutex, lock},
};

type Hook = Box<dyn FnOnce(&Ended) + Send>;

/// The reader of a call's end. It travels in the response's extensions and may be cloned.
///
/// A streamed answer ends long after its head: whoever decodes the stream holds the [`Ender`], everybody else asks
/// here.
#[derive(Clone)]
pub struct Completion {
    inner: Arc<Inner>,
}

/// Whoever knows the end holds this. Not `Clone`: an end is told once.
///
/// Dropped without a word, the call counts as [`Outcome::Cancelled`], or as the failure that somebody
/// [blamed](Completion::blame).
#[must_use = "dropping it ends the call as cancelled"]
pub struct Ender {
    inner: Option<Arc<Inner>>,
}

struct Inner {
    progress: Progress,
    charging: Option<Charging>,
    state: Mutex<State>,
}

enum State {
    Open { blame: Option<Failure>, hooks: Hooks },
    Ended(Ended),
}

/// What runs at the end, in order. A call through a stack has a hook or two of each layer: those have their place here,
/// and only more of them an allocation.
#[derive(Default)]
struct Hooks {
    first: [Option<Hook>; 4],
    more: Vec<Hook>,
}

impl Hooks {
    fn push(&mut self, hook: Hook) {
        match self.first.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(hook),
            None => self.more.push(hook),
        }
    }

    fn run(self, ended: &Ended) {
        for hook in self.first.into_iter().flatten().chain(self.more) {
            hook(ended);
        }
    }
}

impl Completion {
    /// A reader and its ender, over the clock of the attempt.
    pub fn pair(progress: Progress) -> (Completion, Ender) {
        Self::made(progress, None)
    }

    /// The same of an answer whose provider charges in this way.
    pub fn pair_with_charging(progress: Progress, charging: Charging) -> (Completion, Ender) {
        Self::made(progress, Some(charging))
    }

    fn made(progress: Progress, charging: Option<Charging>) -> (Completion, Ender) {
        let state = Mutex::new(State::Open { blame: None, hooks: Hooks::default() });
        let inner = Arc::new(Inner { progress, charging, state });
        (Completion { inner: inner.clone() }, Ender { inner: Some(inner) })
    }

    /// The attempt's clock.
    pub fn progress(&self) -> &Progress {
        &self.inner.progress
    }

    /// How the provider charges, if that is known.
    pub fn charging(&self) -> Option<Charging> {
        self.inner.charging
    }

    /// The end, once it is known.
    pub fn ended(&self) -> Option<Ended> {
        match &*lock(&self.inner.state) {
            State::Open { .. } => None,
            State::Ended(ended) => Some(*ended),
        }
    }

    /// Runs `hook` at the end; at once if the call has ended already.
    ///
    /// A hook runs wherever the end was noticed, in a `poll` or in a `drop`: it must not block, and it must not panic
    /// (in a drop during another panic that aborts the process). Hooks run in the order in which they came.
    pub fn on_end(&self, hook: impl FnOnce(&Ended) + Send + 'static) {
        let ended = match &mut *lock(&self.inner.state) {
            State::Open { hooks, .. } => return hooks.push(Box::new(hook)),
            State::Ended(ended) => *ended,
        };
        hook(&ended);
    }

    /// Says why the body is about to be dropped: a layer that gives up on it blames, then drops it.
    ///
    /// The drop then ends the call with this failure instead of [`Outcome::Cancelled`]. The first blame stays; an end
    /// that the decoder had already seen wins over any blame.
    pub fn blame(&self, failure: Failure) {
        if let State::Open { blame: blame @ None, .. } = &mut *lock(&self.inner.state) {
            *blame = Some(failure);
        }
    }
}

impl fmt::Debug for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completion").field("ended", &self.ended()).finish_non_exhaustive()
    }
}

impl Ender {
    /// Ends the call. The usage is what the attempt's clock knows by now.
    pub fn end(mut self, outcome: Outcome) {
        self.settle(|_| outcome);
    }

    fn settle(&mut self, outcome: impl FnOnce(Option<Failure>) -> Outcome) {
        let Some(inner) = self.inner.take() else { return };
        let usage = inner.progress.usage();
        let (ended, hooks) = {
            let mut state = lock(&inner.state);
            let State::Open { blame, hooks } = &mut *state else { return };
            let ended = Ended { outcome: outcome(*blame), usage };
            let hooks = std::mem::take(hooks);
            *state = State::Ended(ended);
            (ended, hooks)
        };
        // Outside the lock, so that a hook may ask the completion.
        hooks.run(&ended);
    }
}

impl Drop for Ender {
    fn drop(&mut self) {
        self.settle(|blame| blame.map_or(Outcome::Cancelled, Outcome::Failure));
    }
}

impl fmt::Debug for Ender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ender").finish_non_exhaustive()
    }
}

//! Every interleaving of a call's end with the ends of its attempts.

use std::{sync::Arc, time::Duration};

use buttress_call::{Cause, Outcome, Usage};
use loom::thread;
use tokio::time::Instant;

use crate::{
    Settings, Snapshot,
    record::{CallRecord, Resolved},
    recorder::{End, Fate, Recorder},
};

/// A call with attempts at one target.
#[derive(Clone)]
struct Scene {
    recorder: Arc<Recorder>,
    record: Arc<CallRecord>,
}

fn good() -> End {
    End {
        outcome: Outcome::Success,
        at: Instant::now(),
        duration: Duration::from_secs(1),
        first_content: None,
    }
}

impl Scene {
    fn new() -> Self {
        let recorder = Arc::new(Recorder::new(Settings::default()).unwrap());
        recorder.target(&"a".into(), &"a".into());
        recorder.call_began();
        Scene { record: CallRecord::fresh(None, &recorder), recorder }
    }

    fn begin(&self, cause: Cause) -> u32 {
        self.recorder.attempt_began(0, cause, None, Instant::now());
        self.record.attempt_began(cause, None).0
    }

    fn answered(&self, attempt: u32) {
        self.record.answered(attempt, &self.recorder);
    }

    /// One token in, and ten times the attempt's number out.
    fn ended(&self, attempt: u32) {
        let mut usage = Usage::default();
        (usage.input, usage.output) = (1, 10 * u64::from(attempt));
        let post =
            |fate: Fate| self.recorder.attempt_ended(0, ("chat", None), &good(), Some(usage), true, fate);
        self.record.attempt_ended(attempt, true, post);
    }

    fn resolved(&self, resolved: Resolved) {
        self.record.resolved(resolved, &self.recorder);
    }

    /// Billed, useful and wasted.
    fn output(&self) -> [u64; 3] {
        let tokens = self.recorder.snapshot().total.tokens;
        [tokens.billed.output, tokens.useful.output, tokens.wasted.output]
    }
}

fn attempt_ends_while_the_call_resolves(resolved: Resolved) -> [u64; 3] {
    let scene = Scene::new();
    let attempt = scene.begin(Cause::First);
    scene.answered(attempt);
    let other = scene.clone();
    let thread = thread::spawn(move || other.ended(attempt));
    scene.resolved(resolved);
    thread.join().unwrap();
    scene.output()
}

#[test]
fn an_attempt_that_ends_while_its_call_is_answered_is_useful_once() {
    loom::model(|| {
        assert_eq!(attempt_ends_while_the_call_resolves(Resolved::Answered), [10, 10, 0]);
    });
}

#[test]
fn an_attempt_that_ends_while_its_call_is_dropped_is_wasted_once() {
    loom::model(|| {
        assert_eq!(attempt_ends_while_the_call_resolves(Resolved::Nothing), [10, 0, 10]);
    });
}

#[test]
fn of_two_attempts_that_answer_at_once_one_is_useful_and_the_other_wasted() {
    loom::model(|| {
        let scene = Scene::new();
        let (first, hedge) = (scene.begin(Cause::First), scene.begin(Cause::Hedge));
        let other = scene.clone();
        let thread = thread::spawn(move || {
            other.answered(hedge);
            other.ended(hedge);
        });
        scene.answered(first);
        scene.ended(first);
        thread.join().unwrap();
        scene.resolved(Resolved::Answered);
        let output = scene.output();
        assert!(output == [30, 10, 20] || output == [30, 20, 10], "{output:?}");
    });
}

#[test]
fn a_snapshot_is_one_moment_whatever_ends_meanwhile() {
    loom::model(|| {
        let scene = Scene::new();
        let attempt = scene.begin(Cause::First);
        let other = scene.clone();
        let thread = thread::spawn(move || {
            other.answered(attempt);
            other.ended(attempt);
            other.resolved(Resolved::Answered);
            other.recorder.call_ended(&good(), false, None);
        });
        let Snapshot { calls, total, .. } = scene.recorder.snapshot();
        assert_eq!((calls.started, total.attempts.first), (1, 1));
        assert_eq!((calls.ok + calls.running, total.attempts.ok + total.attempts.running), (1, 1));
        assert_eq!(total.tokens.billed.output, 10 * total.attempts.ok);
        thread.join().unwrap();
    });
}

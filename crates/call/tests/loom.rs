//! Every interleaving of a completion's end with what others do to it. Run with `--cfg buttress_loom`.
#![cfg(buttress_loom)]

use buttress_call::{Completion, Failure, Kind, Outcome, Progress};
use loom::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

fn counting_hook(completion: &Completion, count: &Arc<AtomicUsize>) {
    let count = count.clone();
    completion.on_end(move |_| {
        count.fetch_add(1, SeqCst);
    });
}

#[test]
fn a_hook_that_races_the_end_runs_exactly_once() {
    loom::model(|| {
        let (completion, ender) = Completion::pair(Progress::new());
        let count = Arc::new(AtomicUsize::new(0));
        let ending = thread::spawn(move || ender.end(Outcome::Success));
        counting_hook(&completion, &count);
        ending.join().unwrap();
        counting_hook(&completion, &count);
        assert_eq!(count.load(SeqCst), 2);
    });
}

#[test]
fn a_blame_that_races_the_drop_counts_whole_or_not_at_all() {
    loom::model(|| {
        let (completion, ender) = Completion::pair(Progress::new());
        let dropping = thread::spawn(move || drop(ender));
        completion.blame(Failure::new(Kind::Broken));
        dropping.join().unwrap();
        let outcome = completion.ended().unwrap().outcome;
        assert!(outcome == Outcome::Cancelled || outcome == Kind::Broken.into(), "{outcome:?}");
    });
}

#[test]
fn an_end_that_races_a_blame_keeps_its_own_word() {
    loom::model(|| {
        let (completion, ender) = Completion::pair(Progress::new());
        let count = Arc::new(AtomicUsize::new(0));
        counting_hook(&completion, &count);
        let blaming = thread::spawn({
            let completion = completion.clone();
            move || completion.blame(Failure::new(Kind::Timeout))
        });
        ender.end(Outcome::Success);
        blaming.join().unwrap();
        assert_eq!(completion.ended().unwrap().outcome, Outcome::Success);
        assert_eq!(count.load(SeqCst), 1);
    });
}

//! A completion ends once, whatever happens to it and in whichever order.
#![cfg(not(buttress_loom))]

use std::{
    sync::{Arc, Mutex},
    thread,
};

use buttress_call::{Completion, Ended, Ender, Failure, Kind, Outcome, Progress, Usage};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Hook,
    Blame(Kind),
    Usage(u64),
    End(Outcome),
    DropEnder,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop::sample::select(Kind::ALL.to_vec());
    prop_oneof![
        3 => Just(Step::Hook),
        2 => kind.clone().prop_map(Step::Blame),
        1 => (1_u64..1_000).prop_map(Step::Usage),
        1 => Just(Step::End(Outcome::Success)),
        1 => kind.prop_map(|kind| Step::End(kind.into())),
        1 => Just(Step::DropEnder),
    ]
}

/// What a hook heard, by the hook's number.
type Heard = Arc<Mutex<Vec<(usize, Ended)>>>;

fn hook(completion: &Completion, number: usize, heard: &Heard) {
    let heard = heard.clone();
    completion.on_end(move |ended| heard.lock().expect("no hook panics").push((number, *ended)));
}

proptest! {
    #[test]
    fn it_ends_once_in_any_order_of_end_blame_drop_and_hooks(steps in prop::collection::vec(step(), 0..12)) {
        let progress = Progress::new();
        let (completion, ender) = Completion::pair(progress.clone());
        let mut ender = Some(ender);
        let heard = Heard::default();
        let (mut hooks, mut blame, mut usage, mut expected) = (0, None, None, None);
        for step in steps.into_iter().chain([Step::DropEnder, Step::Hook]) {
            let open = ender.is_some();
            match step {
                Step::Hook => {
                    hook(&completion, hooks, &heard);
                    hooks += 1;
                }
                Step::Blame(kind) => {
                    completion.blame(kind.into());
                    if open {
                        blame.get_or_insert(Failure::new(kind));
                    }
                }
                Step::Usage(tokens) => {
                    progress.set_usage(Usage::new(tokens, 0));
                    usage = Some(Usage::new(tokens, 0));
                }
                Step::End(outcome) => if let Some(ender) = ender.take() {
                    expected = Some(Ended::new(outcome).with_usage(usage));
                    ender.end(outcome);
                },
                Step::DropEnder => if ender.take().is_some() {
                    let outcome = blame.map_or(Outcome::Cancelled, Outcome::Failure);
                    expected = Some(Ended::new(outcome).with_usage(usage));
                },
            }
            prop_assert_eq!(completion.ended(), expected);
        }
        let expected = expected.expect("the ender is gone");
        let heard = heard.lock().unwrap();
        prop_assert_eq!(heard.len(), hooks);
        for (position, (number, ended)) in heard.iter().enumerate() {
            prop_assert_eq!((position, expected), (*number, *ended));
        }
    }
}

#[test]
fn a_hook_may_ask_the_completion_it_hangs_on() {
    let (completion, ender) = Completion::pair(Progress::new());
    let asked = Arc::new(Mutex::new(None));
    completion.on_end({
        let (completion, asked) = (completion.clone(), asked.clone());
        move |_| *asked.lock().unwrap() = completion.ended()
    });
    ender.end(Outcome::Success);
    assert_eq!(asked.lock().unwrap().map(|ended| ended.outcome), Some(Outcome::Success));
}

#[test]
fn hooks_from_many_threads_each_hear_the_end_once() {
    for _ in 0..100 {
        let (completion, ender) = Completion::pair(Progress::new());
        let heard = Heard::default();
        thread::scope(|scope| {
            for number in 0..4 {
                let (completion, heard) = (&completion, &heard);
                scope.spawn(move || hook(completion, number, heard));
            }
            scope.spawn(move || Ender::end(ender, Outcome::Success));
        });
        let mut numbers: Vec<_> = heard.lock().unwrap().iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2, 3]);
    }
}

//! The contract's ten rules, as checks that hold for any layer.
#![expect(clippy::unnecessary_wraps, reason = "a check that applies to every layer looks like any other")]

mod bounds;
mod callbacks;
mod costs;
mod dropping;
mod eras;
mod holding;
mod readiness;
mod sharing;
mod time;
mod waking;

use crate::subject::{Applies, Subject};

/// One check of one rule.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The rule's number.
    pub rule: u8,
    /// What the layer does, as a sentence.
    pub name: &'static str,
    /// Panics where the layer breaks the rule; says why, where the rule has nothing to say of the layer.
    pub run: fn(&Subject) -> Applies<()>,
}

macro_rules! checks {
    ($($rule:literal $module:ident: $($name:ident)*)*) => {
        /// Every check, by rule.
        pub fn all() -> Vec<Check> {
            vec![$($(Check { rule: $rule, name: stringify!($name), run: $module::$name }),*),*]
        }
    };
}

checks! {
    1 readiness:
        calls_only_the_instance_that_was_polled_ready
        waits_for_ever_for_what_is_never_ready
        passes_on_a_failure_to_become_ready
    2 holding:
        clones_that_idle_ready_keep_nobody_out
        refuses_without_asking_what_is_inside
    3 dropping:
        gives_everything_back_wherever_it_is_dropped
        gives_everything_back_when_the_inside_panics
        tells_the_end_once_and_after_the_connection_is_gone
    4 sharing: every_service_and_clone_learns_the_same_lesson
    5 waking:
        is_woken_when_and_only_when_something_happened
        sleeps_through_an_hour_of_nothing
    6 callbacks:
        a_callback_may_use_the_layer_it_is_called_from
        spawns_no_task
    7 bounds:
        says_what_was_too_much_to_hold
        holds_no_more_after_thousands_of_calls
    8 time:
        an_hour_long_answer_takes_an_hour_of_the_paused_clock
        forgets_by_the_paused_clock
    9 costs:
        allocates_nothing_over_plain_requests
        allocates_little_over_streams
        allocates_nothing_per_token
        makes_no_timer_for_what_is_there_at_once
        delivers_what_comes_with_the_deadline
    10 eras:
        a_success_from_before_the_lesson_does_not_undo_it
        failures_from_before_the_lesson_do_not_repeat_it
}

/// Runs on a paused clock.
fn paused(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O needs nothing that could be missing").block_on(future);
}

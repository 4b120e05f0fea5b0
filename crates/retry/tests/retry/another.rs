//! When another target can serve, a call does not wait for this one.

use std::time::Duration;

use buttress_call::{Failure, Kind};
use buttress_retry::{Retries, RetryPolicy};
use tokio::time::Instant;

use crate::support::{
    Form, MS, SECOND, Step, Target, error, fail, in_both_forms, kind, limited, policy, with_another,
};

in_both_forms!(
    what_needs_time_goes_on_at_once,
    with_patience_the_primary_is_waited_for,
    patience_bounds_the_whole_wait,
    a_stumble_is_tried_once_more,
    a_stumble_with_a_hint_is_not_waited_for,
    the_providers_word_does_not_make_a_call_wait,
    a_time_out_goes_on_even_if_it_may_be_retried,
);

fn patient(patience: Duration) -> RetryPolicy {
    RetryPolicy::new(Retries { patience, ..Retries::default() }).unwrap().seed(1)
}

async fn what_needs_time_goes_on_at_once(form: Form) {
    for step in [limited(2 * SECOND), fail(Kind::RateLimited), fail(Kind::Overloaded)] {
        let start = Instant::now();
        let target = Target::new([step]);
        target.ask(form, &policy(), with_another()).await.unwrap_err();
        assert_eq!((target.times(), start.elapsed()), (1, Duration::ZERO));
    }
}

async fn with_patience_the_primary_is_waited_for(form: Form) {
    for step in [limited(2 * SECOND), fail(Kind::Overloaded)] {
        let target = Target::new([step]);
        target.ask(form, &patient(5 * SECOND), with_another()).await.unwrap();
        assert_eq!(target.times(), 2);
    }
}

async fn patience_bounds_the_whole_wait(form: Form) {
    for _ in 0..20 {
        let target = Target::new([limited(2 * SECOND)]);
        target.ask(form, &patient(2100 * MS), with_another()).await.unwrap();
        let wait = target.waits()[0];
        assert!((2 * SECOND..=2101 * MS).contains(&wait), "{wait:?}");
    }
    let target = Target::new([limited(2 * SECOND)]);
    target.ask(form, &patient(2 * SECOND), with_another()).await.unwrap();
    assert_eq!(target.times(), 2, "a hint as long as the patience is within it");
    let target = Target::new([limited(2 * SECOND)]);
    target.ask(form, &patient(1999 * MS), with_another()).await.unwrap_err();
    assert_eq!(target.times(), 1);
}

async fn a_stumble_is_tried_once_more(form: Form) {
    for failure in [Kind::Server, Kind::Connect, Kind::Broken] {
        let target = Target::failing(failure);
        target.ask(form, &policy(), with_another()).await.unwrap_err();
        assert_eq!(target.times(), 2, "{failure}");
    }
    let target = Target::failing(Kind::Server);
    let never = policy().on(Kind::Server, 0);
    target.ask(form, &never, with_another()).await.unwrap_err();
    assert_eq!(target.times(), 1);
    // The one more try was somebody else's.
    let target = Target::new([fail(Kind::Server), fail(Kind::Broken)]);
    let result = target.ask(form, &policy(), with_another()).await;
    assert_eq!((target.times(), kind(&result)), (2, Some(Kind::Broken)));
}

async fn a_stumble_with_a_hint_is_not_waited_for(form: Form) {
    let target = Target::new([fail(Failure::new(Kind::Server).with_retry_after(Some(SECOND)))]);
    target.ask(form, &policy(), with_another()).await.unwrap_err();
    assert_eq!(target.times(), 1);
}

async fn the_providers_word_does_not_make_a_call_wait(form: Form) {
    let target = Target::new([Step::Fail(error(Kind::Overloaded).with_should_retry(Some(true)))]);
    target.ask(form, &policy(), with_another()).await.unwrap_err();
    assert_eq!(target.times(), 1);
}

async fn a_time_out_goes_on_even_if_it_may_be_retried(form: Form) {
    let target = Target::failing(Kind::Timeout);
    target.ask(form, &policy().on(Kind::Timeout, 2), with_another()).await.unwrap_err();
    assert_eq!(target.times(), 1);
}

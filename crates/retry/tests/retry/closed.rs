//! A breaker below, and other layers that say no.

use std::time::Duration;

use buttress_call::{Call, Error, Failure, Kind, Origin, find};
use buttress_retry::{Backoff, Jitter, Retries, RetryPolicy};
use tokio::time::Instant;

use crate::support::{Form, MS, Request, SECOND, Step, Target, fail, in_both_forms, kind, policy, request};

in_both_forms!(
    a_failure_that_opens_the_breaker_is_not_slept_on,
    a_first_failure_that_opens_the_breaker_is_not_slept_on_whatever_the_request_carried,
    a_retry_that_opens_the_breaker_is_not_slept_on_whatever_the_request_carried,
    a_target_that_opens_again_within_the_wait_is_tried,
    a_local_refusal_of_the_retry_leaves_the_upstreams_error,
    a_local_refusal_of_the_retry_leaves_word_of_the_upstreams_response,
    a_local_refusal_of_the_first_attempt_comes_back_as_it_is,
    a_refusal_that_may_be_retried_does_not_hide_the_upstreams_error,
);

fn rejected(hint: Duration) -> Step {
    let failure = Failure::new(Kind::Rejected).with_retry_after(Some(hint));
    Step::Fail(Error::new(failure, Origin::Layer("breaker"), "circuit is open"))
}

async fn a_failure_that_opens_the_breaker_is_not_slept_on(form: Form) {
    let start = Instant::now();
    let target = Target::new([Step::FailClosed(Kind::Server, 60 * SECOND)]);
    let result = target.ask(form, &policy(), request()).await;
    assert_eq!(kind(&result), Some(Kind::Server));
    assert_eq!((target.times(), start.elapsed()), (1, Duration::ZERO));
}

async fn a_first_failure_that_opens_the_breaker_is_not_slept_on_whatever_the_request_carried(form: Form) {
    let start = Instant::now();
    let target = Target::new([Step::FailClosedByError(Kind::Server, 60 * SECOND)]);
    let result = target.ask(form, &policy(), Request::new(())).await;
    assert_eq!((kind(&result), target.times(), start.elapsed()), (Some(Kind::Server), 1, Duration::ZERO));
}

async fn a_retry_that_opens_the_breaker_is_not_slept_on_whatever_the_request_carried(form: Form) {
    let target = Target::new([fail(Kind::Server), Step::FailClosed(Kind::Overloaded, 60 * SECOND)]);
    let result = target.ask(form, &policy(), Request::new(())).await;
    assert_eq!((kind(&result), target.times()), (Some(Kind::Overloaded), 2));
    assert_eq!(Instant::now(), target.asked()[1].at);
}

async fn a_target_that_opens_again_within_the_wait_is_tried(form: Form) {
    let backoff = Backoff { base: SECOND, cap: SECOND, jitter: Jitter::None };
    let policy = RetryPolicy::new(Retries { backoff, ..Retries::default() }).unwrap();
    for (closed, times) in [(1000 * MS, 2), (1001 * MS, 1)] {
        let target = Target::new([Step::FailClosed(Kind::Server, closed)]);
        assert_eq!(target.ask(form, &policy, request()).await.is_ok(), times == 2);
        assert_eq!(target.times(), times);
    }
}

async fn a_local_refusal_of_the_retry_leaves_the_upstreams_error(form: Form) {
    // Others have opened the breaker during the wait.
    let target = Target::new([fail(Kind::Overloaded), rejected(60 * SECOND)]);
    let error = target.ask(form, &policy(), request()).await.unwrap_err();
    let error = find(&error).unwrap();
    assert_eq!(
        (error.kind(), error.origin(), error.retry_after()),
        (Kind::Overloaded, Origin::Upstream, None)
    );
    assert_eq!(error.to_string(), "the script says so");
    assert_eq!(target.times(), 2);
}

async fn a_local_refusal_of_the_retry_leaves_word_of_the_upstreams_response(form: Form) {
    let target = Target::new([Step::Status(503), rejected(60 * SECOND)]);
    let error = target.ask(form, &policy(), request()).await.unwrap_err();
    let error = find(&error).unwrap();
    assert_eq!((error.kind(), error.origin()), (Kind::Overloaded, Origin::Upstream));
    assert_eq!(error.to_string(), "the upstream failed: overloaded");
}

async fn a_local_refusal_of_the_first_attempt_comes_back_as_it_is(form: Form) {
    let target = Target::new([rejected(60 * SECOND)]);
    let error = target.ask(form, &policy(), request()).await.unwrap_err();
    let error = find(&error).unwrap();
    assert_eq!((error.kind(), error.retry_after()), (Kind::Rejected, Some(60 * SECOND)));
}

async fn a_refusal_that_may_be_retried_does_not_hide_the_upstreams_error(form: Form) {
    let policy = policy().on(Kind::Rejected, 2);
    let target = Target::new([fail(Kind::Server), rejected(SECOND), rejected(SECOND)]);
    let result = target.ask(form, &policy, request()).await;
    assert_eq!((kind(&result), target.times()), (Some(Kind::Server), 3));
    // Of several upstream failures the last is the caller's.
    let target = Target::new([fail(Kind::Server), fail(Kind::Overloaded), rejected(SECOND)]);
    assert_eq!(kind(&target.ask(form, &policy, request()).await), Some(Kind::Overloaded));
    // It waits like any other, and may succeed.
    let target = Target::new([rejected(SECOND)]);
    target.ask(form, &policy, request()).await.unwrap();
    assert!(target.waits()[0] >= SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_layer_gives_a_bare_request_the_clock_by_which_the_breaker_speaks() {
    let start = Instant::now();
    let target = Target::new([Step::FailClosed(Kind::Server, 60 * SECOND)]);
    target.ask(Form::Layer, &policy(), Request::new(())).await.unwrap_err();
    assert_eq!((target.times(), start.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn around_towers_own_retry_a_request_can_be_prepared() {
    let policy = policy();
    let mut request = Request::new(());
    policy.prepare(&mut request);
    let target = Target::new([Step::FailClosed(Kind::Server, 60 * SECOND)]);
    target.ask(Form::Tower, &policy, request).await.unwrap_err();
    assert_eq!(target.times(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outer_clock_sees_the_attempt_that_was_sent_last() {
    let request = request();
    let outer = Call::get(request.extensions()).unwrap().progress().unwrap().clone();
    let target = Target::new([fail(Kind::Server)]);
    target.ask(Form::Layer, &policy(), request).await.unwrap();
    assert_eq!(outer.sent_at(), Some(target.asked()[1].at));
}

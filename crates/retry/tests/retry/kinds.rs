//! Which failures are sent again, and how often.

use buttress_call::{Call, Cause, Failure, Kind, Outcome, Retry, classify_fn, with_call};
use buttress_retry::{Retries, RetryPolicy};

use crate::support::{
    Form, Request, Response, SECOND, Step, Target, error, fail, in_both_forms, kind, policy, request,
};

in_both_forms!(
    a_good_answer_is_asked_for_once,
    each_kind_is_sent_as_often_as_the_table_says,
    one_500_is_retried,
    what_cannot_succeed_is_sent_once,
    a_rule_of_the_users_own_replaces_the_kinds,
    a_rule_counts_retries_after_whatever_failures,
    the_provider_has_the_first_word,
    a_response_with_an_error_status_is_retried_and_the_last_one_comes_back,
    the_attempts_are_counted_in_the_call,
    a_cancelled_answer_is_not_retried,
    nothing_is_retried_after_the_first_content,
);

async fn a_good_answer_is_asked_for_once(form: Form) {
    let target = Target::new([]);
    target.ask(form, &policy(), request()).await.unwrap();
    assert_eq!(target.times(), 1);
}

async fn each_kind_is_sent_as_often_as_the_table_says(form: Form) {
    for failure in Kind::ALL {
        let target = Target::failing(failure);
        let result = target.ask(form, &policy(), request()).await;
        assert_eq!(kind(&result), Some(failure));
        let times = if failure.retry() == Retry::Never { 1 } else { 3 };
        assert_eq!(target.times(), times, "{failure}");
    }
}

async fn one_500_is_retried(form: Form) {
    let target = Target::new([fail(Kind::Server)]);
    target.ask(form, &policy(), request()).await.unwrap();
    assert_eq!(target.times(), 2);
}

/// `insufficient_quota`, 401, 404, a prompt that is too long, a filtered one, 400, a time-out, a local refusal.
async fn what_cannot_succeed_is_sent_once(form: Form) {
    for failure in [
        Kind::Quota,
        Kind::Auth,
        Kind::NotFound,
        Kind::ContextTooLong,
        Kind::Filtered,
        Kind::Invalid,
        Kind::Timeout,
        Kind::Rejected,
    ] {
        // Not even after a hint.
        let target = Target::failing(Failure::new(failure).with_retry_after(Some(SECOND)));
        target.ask(form, &policy(), request()).await.unwrap_err();
        assert_eq!(target.times(), 1, "{failure}");
    }
}

async fn a_rule_of_the_users_own_replaces_the_kinds(form: Form) {
    for (failure, retries) in
        [(Kind::Server, 0), (Kind::Server, 1), (Kind::Server, 7), (Kind::Timeout, 1), (Kind::Invalid, 4)]
    {
        let target = Target::failing(failure);
        let policy = policy().on(failure, retries);
        target.ask(form, &policy, request()).await.unwrap_err();
        assert_eq!(target.times(), usize::from(retries) + 1, "{failure}");
    }
}

async fn a_rule_counts_retries_after_whatever_failures(form: Form) {
    let target = Target::new([Kind::Server, Kind::Server, Kind::Overloaded, Kind::Server].map(fail));
    let policy = policy().on(Kind::Server, 5).on(Kind::Overloaded, 2);
    let result = target.ask(form, &policy, request()).await;
    assert_eq!(kind(&result), Some(Kind::Overloaded));
    assert_eq!(target.times(), 3);
}

async fn the_provider_has_the_first_word(form: Form) {
    let says = |kind, word| Step::Fail(error(kind).with_should_retry(Some(word)));
    let target = Target::new([says(Kind::Invalid, true), says(Kind::Server, false)]);
    let result = target.ask(form, &policy(), request()).await;
    assert_eq!((target.times(), kind(&result)), (2, Some(Kind::Server)));

    // It overrides rules, not the number of attempts.
    let target = Target::new((0..9).map(|_| says(Kind::Timeout, true)));
    target.ask(form, &policy().on(Kind::Timeout, 0), request()).await.unwrap_err();
    assert_eq!(target.times(), 3);
    let once = RetryPolicy::new(Retries { attempts: 1, ..Retries::default() }).unwrap();
    let target = Target::new([says(Kind::Server, true)]);
    target.ask(form, &once, request()).await.unwrap_err();
    assert_eq!(target.times(), 1);
}

async fn a_response_with_an_error_status_is_retried_and_the_last_one_comes_back(form: Form) {
    let target = Target::new([503, 500].map(Step::Status));
    assert_eq!(target.ask(form, &policy(), request()).await.unwrap().status(), 200);
    assert_eq!(target.times(), 3);

    let target = Target::new([503, 429, 503].map(Step::Status));
    assert_eq!(target.ask(form, &policy(), request()).await.unwrap().status(), 503);
    assert_eq!(target.times(), 3);

    let target = Target::new([Step::Status(400)]);
    assert_eq!(target.ask(form, &policy(), request()).await.unwrap().status(), 400);
    assert_eq!(target.times(), 1);
}

async fn the_attempts_are_counted_in_the_call(form: Form) {
    let target = Target::failing(Kind::Server);
    target.ask(form, &policy(), request()).await.unwrap_err();
    let attempts: Vec<_> = target.asked().iter().map(|asked| asked.attempt).collect();
    assert_eq!(attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(
        attempts.iter().map(|attempt| attempt.cause).collect::<Vec<_>>(),
        [Cause::First, Cause::Retry, Cause::Retry]
    );
}

async fn a_cancelled_answer_is_not_retried(form: Form) {
    let cancelled = with_call(
        classify_fn::<Response, _>(|_| Outcome::Cancelled),
        |request: &Request| request.extensions().get().expect("put there by `request`"),
        |request| Call::get_or_insert(request.extensions_mut()),
    );
    let target = Target::new([]);
    target.ask(form, &policy().classify(cancelled), request()).await.unwrap();
    assert_eq!(target.times(), 1);
}

async fn nothing_is_retried_after_the_first_content(form: Form) {
    let target = Target::new([Step::Stream]);
    target.ask(form, &policy().on(Kind::Broken, 9), request()).await.unwrap();
    assert_eq!(target.times(), 1);
}

//! What bounds retries from outside: the deadline and the budget.

use std::{sync::Arc, time::Duration};

use buttress_call::Kind;
use buttress_retry::{Backoff, Jitter, Retries, RetryBudget, RetryPolicy};
use tokio::time::Instant;
use tower::retry::budget::{Budget, TpsBudget};

use crate::support::{
    Form, MS, SECOND, Step, Target, call, fail, in_both_forms, kind, limited, policy, request, with_another,
};

in_both_forms!(
    a_wait_that_does_not_fit_into_the_deadline_fails_at_once,
    no_retry_after_the_deadline_even_without_a_wait,
    a_storm_is_bounded_by_the_budget,
    a_refused_retry_leaves_the_error_as_it_is,
    towers_own_budget_works_too,
    clones_share_the_budget,
    without_a_budget_every_retry_is_granted,
    going_on_to_another_target_costs_nothing,
);

fn fixed(wait: Duration) -> RetryPolicy {
    let backoff = Backoff { base: wait, cap: wait, jitter: Jitter::None };
    RetryPolicy::new(Retries { backoff, ..Retries::default() }).unwrap()
}

fn budget(share: f64, per_second: u32, burst: u32) -> Arc<RetryBudget> {
    Arc::new(RetryBudget::new(share, per_second, burst).unwrap())
}

async fn a_wait_that_does_not_fit_into_the_deadline_fails_at_once(form: Form) {
    for (left, times) in [(999 * MS, 1), (1000 * MS, 1), (1001 * MS, 2)] {
        let start = Instant::now();
        let request = call(|call| call.clamp_deadline(start + left));
        let target = Target::new([fail(Kind::Server)]);
        let result = target.ask(form, &fixed(SECOND), request).await;
        assert_eq!((target.times(), result.is_ok()), (times, times == 2), "{left:?}");
        if times == 1 {
            assert_eq!((start.elapsed(), kind(&result)), (Duration::ZERO, Some(Kind::Server)));
        }
    }
    let request = call(|call| call.clamp_deadline(Instant::now() + SECOND));
    let target = Target::new([limited(2 * SECOND)]);
    target.ask(form, &policy(), request).await.unwrap_err();
    assert_eq!(target.times(), 1);
}

async fn no_retry_after_the_deadline_even_without_a_wait(form: Form) {
    let refuses = policy().validate(5, |_: &crate::support::Response| Err("no".into()));
    let request = call(|call| call.clamp_deadline(Instant::now() + SECOND));
    let target = Target::new((0..9).map(|_| Step::After(600 * MS, Box::new(Step::Answer))));
    target.ask(form, &refuses, request).await.unwrap_err();
    assert_eq!(target.times(), 2);
}

async fn a_storm_is_bounded_by_the_budget(form: Form) {
    let policy = fixed(100 * MS).budget(budget(0.2, 0, 10));
    let target = Target::new((0..5_000).map(|_| fail(Kind::Overloaded)));
    for _ in 0..1_000 {
        target.ask(form, &policy, request()).await.unwrap_err();
    }
    let retries = target.times() - 1_000;
    // The very first deposit found the bucket full.
    assert_eq!(retries, 1_000 / 5 + 10 - 1);
}

async fn a_refused_retry_leaves_the_error_as_it_is(form: Form) {
    let budget = budget(0.0, 0, 1);
    assert!(budget.withdraw());
    let start = Instant::now();
    let target = Target::new([fail(Kind::Server)]);
    let result = target.ask(form, &policy().budget(budget), request()).await;
    assert_eq!((kind(&result), target.times(), start.elapsed()), (Some(Kind::Server), 1, Duration::ZERO));
}

async fn towers_own_budget_works_too(form: Form) {
    let budget = Arc::new(TpsBudget::new(SECOND * 10, 0, 0.5));
    let target = Target::new((0..100).map(|_| fail(Kind::Server)));
    let policy = fixed(MS).budget(budget);
    for _ in 0..10 {
        target.ask(form, &policy, request()).await.unwrap_err();
    }
    assert_eq!(target.times(), 15);
}

async fn clones_share_the_budget(form: Form) {
    let shared = fixed(MS).budget(budget(0.0, 0, 3));
    let other = shared.clone().on(Kind::Server, 9);
    for policy in [&shared, &other, &shared.clone()] {
        Target::failing(Kind::Server).ask(form, policy, request()).await.unwrap_err();
    }
    let target = Target::failing(Kind::Server);
    target.ask(form, &other, request()).await.unwrap_err();
    assert_eq!(target.times(), 1);
}

async fn without_a_budget_every_retry_is_granted(form: Form) {
    let policy = fixed(MS).no_budget();
    let target = Target::new((0..900).map(|_| fail(Kind::Server)));
    for _ in 0..300 {
        target.ask(form, &policy, request()).await.unwrap_err();
    }
    assert_eq!(target.times(), 900);
}

async fn going_on_to_another_target_costs_nothing(form: Form) {
    let budget = budget(0.0, 0, 5);
    let policy = policy().budget(budget.clone());
    for kind in Kind::ALL {
        let target = Target::new([limited(SECOND), fail(kind)]);
        target.ask(form, &policy, with_another()).await.unwrap_err();
    }
    assert_eq!(budget.available(), 5);
}

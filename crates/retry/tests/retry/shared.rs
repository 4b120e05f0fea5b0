//! What clones have in common, and what each call has to itself.

use std::collections::HashSet;

use buttress_call::Kind;
use buttress_retry::{Backoff, Jitter, Retries, RetryPolicy};
use tower::ServiceExt;

use crate::support::{Form, SECOND, Target, fail, in_both_forms, policy, request};

in_both_forms!(
    five_clones_draw_five_delays,
    a_seed_repeats_the_delays,
    each_call_has_its_own_attempts,
    calls_side_by_side_have_their_own_attempts,
);

async fn first_wait(form: Form, policy: &RetryPolicy) -> std::time::Duration {
    let target = Target::new([fail(Kind::Server)]);
    target.ask(form, policy, request()).await.unwrap();
    target.waits()[0]
}

async fn five_clones_draw_five_delays(form: Form) {
    // So long that two of five hardly meet by chance.
    let backoff = Backoff { base: 500 * SECOND, cap: 500 * SECOND, jitter: Jitter::Full };
    let policy = RetryPolicy::new(Retries { backoff, ..Retries::default() }).unwrap();
    let mut delays = HashSet::new();
    for clone in [(); 5].map(|()| policy.clone()) {
        delays.insert(first_wait(form, &clone).await);
    }
    assert_eq!(delays.len(), 5, "{delays:?}");
}

async fn a_seed_repeats_the_delays(form: Form) {
    let (one, two) = (policy().seed(7), policy().seed(7));
    for _ in 0..5 {
        assert_eq!(first_wait(form, &one).await, first_wait(form, &two).await);
    }
}

async fn each_call_has_its_own_attempts(form: Form) {
    let target = Target::failing(Kind::Server);
    let service = target.under(form, &policy());
    for call in 1..=5 {
        service.clone().oneshot(request()).await.unwrap_err();
        assert_eq!(target.times(), 3 * call);
    }
    // And so have calls of one clone, one after the other.
    let mut service = service;
    for call in 6..=10 {
        tower::Service::call(service.ready().await.unwrap(), request()).await.unwrap_err();
        assert_eq!(target.times(), 3 * call);
    }
}

async fn calls_side_by_side_have_their_own_attempts(form: Form) {
    let target = Target::failing(Kind::Server);
    let mut service = target.under(form, &policy());
    let mut calls = Vec::new();
    for _ in 0..10 {
        calls.push(tokio::spawn(tower::Service::call(service.ready().await.unwrap(), request())));
    }
    for call in calls {
        call.await.unwrap().unwrap_err();
    }
    assert_eq!(target.times(), 30);
}

//! Answers that the caller's own check refuses.

use std::{error::Error as _, time::Duration};

use buttress_call::{BoxError, Kind, Origin, find};
use buttress_retry::{Refused, RetryBudget};
use tokio::time::Instant;

use crate::support::{Form, Response, Step, Target, fail, in_both_forms, kind, policy, request};

in_both_forms!(
    a_refused_answer_is_asked_for_again_at_once,
    after_its_own_number_of_retries_the_refusal_comes_back,
    refusals_and_failures_are_counted_apart,
    a_refused_answer_is_gone_before_the_next_attempt,
    the_budget_pays_for_refusals_too,
    a_failed_response_is_not_checked,
);

fn only_201(response: &Response) -> Result<(), BoxError> {
    if response.status() == 201 { Ok(()) } else { Err("not a 201".into()) }
}

async fn a_refused_answer_is_asked_for_again_at_once(form: Form) {
    let start = Instant::now();
    let target = Target::new([Step::Answer, Step::Status(201)]);
    let response = target.ask(form, &policy().validate(1, only_201), request()).await.unwrap();
    assert_eq!((response.status().as_u16(), target.times(), start.elapsed()), (201, 2, Duration::ZERO));
}

async fn after_its_own_number_of_retries_the_refusal_comes_back(form: Form) {
    for retries in [0, 1, 5] {
        let target = Target::new([]);
        let result = target.ask(form, &policy().validate(retries, only_201), request()).await;
        let error = result.unwrap_err();
        let error = find(&error).unwrap();
        assert_eq!((error.kind(), error.origin()), (Kind::Broken, Origin::Layer("retry")));
        assert_eq!(error.to_string(), "the answer was refused: not a 201");
        let refused: &Refused = error.source().unwrap().downcast_ref().unwrap();
        assert_eq!(refused.source().unwrap().to_string(), "not a 201");
        assert_eq!((target.times(), target.connections()), (usize::from(retries) + 1, 0));
    }
}

async fn refusals_and_failures_are_counted_apart(form: Form) {
    let target = Target::new([
        fail(Kind::Server),
        Step::Answer,
        fail(Kind::Server),
        Step::Answer,
        fail(Kind::Server),
        Step::Status(201),
    ]);
    let result = target.ask(form, &policy().validate(2, only_201), request()).await;
    assert_eq!((kind(&result), target.times()), (Some(Kind::Server), 5));
}

async fn a_refused_answer_is_gone_before_the_next_attempt(form: Form) {
    let target = Target::new([]);
    target.ask(form, &policy().validate(2, only_201), request()).await.unwrap_err();
    assert!(target.asked().iter().all(|asked| asked.connections == 0));
}

async fn the_budget_pays_for_refusals_too(form: Form) {
    let budget = std::sync::Arc::new(RetryBudget::new(0.0, 0, 1).unwrap());
    let target = Target::new([]);
    target.ask(form, &policy().budget(budget).validate(5, only_201), request()).await.unwrap_err();
    assert_eq!(target.times(), 2);
}

async fn a_failed_response_is_not_checked(form: Form) {
    let target = Target::new([Step::Status(400)]);
    let response = target.ask(form, &policy().validate(5, only_201), request()).await.unwrap();
    assert_eq!((response.status().as_u16(), target.times()), (400, 1));
}

//! From target to target, and what comes back at the end.

use buttress_call::{Error, Failure, Kind, find};
use buttress_failover::{Exhausted, Failover, Reason};

use crate::scripted::*;

#[tokio::test(start_paused = true)]
async fn the_first_target_serves_and_no_other_is_touched() {
    let (a, b) = (Scripted::serves("a"), Scripted::serves("b"));
    assert_eq!(ask(&fleet([&a, &b])).await.unwrap(), "a");
    assert_eq!((b.calls(), b.readiness_polls()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn every_kind_fails_over_that_says_so_and_no_other() {
    for kind in Kind::ALL {
        let (a, b) = (Scripted::always("a", kind), Scripted::serves("b"));
        let result = ask(&fleet([&a, &b])).await;
        if kind.fails_over() {
            assert_eq!(result.unwrap(), "b", "{kind}");
        } else {
            assert_eq!(kind_of(result), kind);
            assert_eq!(b.calls(), 0, "{kind}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_request_comes_back_unchanged_even_after_another_failure() {
    let (a, b) = (Scripted::always("a", Kind::Server), Scripted::always("b", Kind::Invalid));
    let error = ask(&fleet([&a, &b])).await.unwrap_err();
    assert_eq!(error.to_string(), "b says invalid");
}

#[tokio::test(start_paused = true)]
async fn a_target_is_called_once_per_call_however_it_fails() {
    let (a, b) = (Scripted::always("a", Kind::Server), Scripted::always("b", Kind::Rejected));
    assert!(ask(&fleet([&a, &b])).await.is_err());
    assert_eq!((a.calls(), b.calls()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_single_targets_error_comes_back_unchanged() {
    let a = Scripted::always("a", Kind::Overloaded);
    let error = ask(&fleet([&a])).await.unwrap_err();
    assert_eq!(error.to_string(), "a says overloaded");
    assert!(error.downcast_ref::<Error>().is_some());
}

#[tokio::test(start_paused = true)]
async fn after_a_rejected_call_the_upstreams_error_comes_back() {
    for order in [[Kind::Server, Kind::Rejected], [Kind::Rejected, Kind::Server]] {
        let (a, b) = (Scripted::always("a", order[0]), Scripted::always("b", order[1]));
        let error = ask(&fleet([&a, &b])).await.unwrap_err();
        assert_eq!(find(&error).map(Error::kind), Some(Kind::Server));
        let source = std::error::Error::source(exhausted(&error)).unwrap();
        assert!(source.to_string().ends_with("says server"), "{source}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_several_upstream_failures_the_first_is_the_calls() {
    let (a, b) = (Scripted::always("a", hinted(Kind::Overloaded, 7)), Scripted::always("b", Kind::Timeout));
    let error = ask(&fleet([&a, &b])).await.unwrap_err();
    assert_eq!(
        find(&error).map(Error::failure),
        Some(Failure::new(Kind::Overloaded).with_retry_after(Some(secs(7))))
    );
}

#[tokio::test(start_paused = true)]
async fn when_all_reject_the_shortest_wait_comes_back() {
    let a = Scripted::always("a", hinted(Kind::Rejected, 30));
    let b = Scripted::always("b", hinted(Kind::Rejected, 4));
    let c = Scripted::always("c", Kind::Rejected);
    let error = ask(&fleet([&a, &b, &c])).await.unwrap_err();
    let failure = find(&error).map(Error::failure).unwrap();
    assert_eq!((failure.kind, failure.retry_after), (Kind::Rejected, Some(secs(4))));
}

#[tokio::test(start_paused = true)]
async fn the_error_names_every_target_and_why() {
    let a = Scripted::always("a", hinted(Kind::RateLimited, 60)).next(hinted(Kind::RateLimited, 60));
    let b = Scripted::always("b", Kind::Server).next(Act::Serve);
    let c = Scripted::serves("c");
    let fleet = fleet([&a, &b, &c]).gate("c", || false).unwrap();
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    advance(secs(20)).await;
    let error = ask(&fleet).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no target served: b: server; a: cooling after rate_limited, 40s left; c: gated"
    );
    let told: Vec<_> = exhausted(&error).attempts().map(|a| (a.name(), a.kind(), a.retry_after())).collect();
    assert_eq!(
        told,
        [
            ("b", Some(Kind::Server), None),
            ("a", Some(Kind::RateLimited), Some(secs(40))),
            ("c", Some(Kind::Rejected), None),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_response_fails_over_and_is_gone_before_the_next_call() {
    let a = Scripted::always("a", Act::Respond(Kind::Overloaded));
    let b = Scripted::serves("b").after(&a);
    assert_eq!(ask(&fleet([&a, &b])).await.unwrap(), "b");
    assert_eq!(a.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_targets_failed_response_is_the_callers() {
    let (a, b) = (Scripted::always("a", Kind::Server), Scripted::always("b", Act::Respond(Kind::Overloaded)));
    assert_eq!(ask(&fleet([&a, &b])).await.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn an_error_after_a_failed_response_keeps_the_responses_kind() {
    let (a, b) =
        (Scripted::always("a", Act::Respond(Kind::Overloaded)), Scripted::always("b", Kind::Connect));
    let error = ask(&fleet([&a, &b])).await.unwrap_err();
    assert_eq!(find(&error).map(Error::kind), Some(Kind::Overloaded));
    assert_eq!(exhausted(&error).attempts().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_stops_the_tour() {
    let a = Scripted::always("a", Act::FailAfter(secs(10), Kind::Timeout.into()));
    let b = Scripted::serves("b");
    let mut ask = Ask::default();
    ask.call.clamp_deadline(tokio::time::Instant::now() + secs(10));
    let error = ask_for(&fleet([&a, &b]), ask).await.unwrap_err();
    assert_eq!(error.to_string(), "no target served in time: a: timeout; b: not tried");
    assert_eq!(b.calls(), 0);
    let reasons: Vec<_> = exhausted(&error).attempts().map(buttress_failover::Attempt::reason).collect();
    assert_eq!(reasons, [Reason::Failed(Kind::Timeout.into()), Reason::NotTried]);
}

#[test]
fn a_list_of_targets_says_which_rule_it_breaks() {
    let says = |names: &[&'static str]| {
        let targets = names.iter().map(|name| (*name, Scripted::serves("a")));
        Failover::in_order(targets).unwrap_err().to_string()
    };
    assert_eq!(says(&[]), "failover needs at least one target");
    assert_eq!(says(&["a", ""]), "target 2 has an empty name");
    assert_eq!(says(&["a", "b", "a"]), "two targets are named \"a\"");
    let names: Vec<_> = (0..65).map(|n| n.to_string()).collect();
    let many = names.iter().map(|name| (&**name, Scripted::serves("a")));
    assert_eq!(Failover::in_order(many).unwrap_err().to_string(), "failover takes at most 64 targets");
}

#[tokio::test(start_paused = true)]
async fn sixty_four_targets_are_all_tried() {
    let targets: Vec<_> = (0..64).map(|_| Scripted::always("a", Kind::Rejected)).collect();
    let named = targets.iter().enumerate().map(|(n, target)| (n.to_string(), target.clone()));
    let fleet = Failover::in_order(named).unwrap().classify(buttress_call::ByError);
    let error = tower::ServiceExt::oneshot(fleet, Ask::default()).await.unwrap_err();
    assert_eq!(exhausted(&error).attempts().len(), 64);
    assert!(targets.iter().all(|target| target.calls() == 1));
}

#[test]
fn an_exhausted_is_an_error_and_may_cross_threads() {
    fn check<T: std::error::Error + Send + Sync + 'static>() {}
    check::<Exhausted>();
}

#[tokio::test(start_paused = true)]
async fn what_a_filter_refused_goes_on_only_if_that_was_asked_for() {
    let (a, b) = (Scripted::always("a", Kind::Filtered), Scripted::serves("b"));
    assert_eq!(kind_of(ask(&fleet([&a, &b])).await), Kind::Filtered);
    let fleet = fleet([&a, &b]).fail_over_filtered();
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    b.does(Kind::Filtered);
    assert_eq!(kind_of(ask(&fleet).await), Kind::Filtered);
}

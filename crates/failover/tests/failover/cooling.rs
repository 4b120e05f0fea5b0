//! What a failure takes out of service, and for how long.

use std::time::Duration;

use buttress_call::{Failure, Kind};
use tokio_test::task::spawn;
use tower::ServiceExt;

use crate::scripted::*;

const LONG: Duration = secs(5 * 60);

/// The first call fails on `a` as told and is served by `b`; after that both serve.
async fn after(act: Act) -> (Scripted, Fleet) {
    let (a, b) = (Scripted::serves("a").next(act), Scripted::serves("b"));
    let fleet = fleet([&a, &b]);
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    (a, fleet)
}

#[tokio::test(start_paused = true)]
async fn a_hint_cools_the_target_for_that_long() {
    let (_a, fleet) = after(hinted(Kind::RateLimited, 30)).await;
    advance(Duration::from_millis(29_999)).await;
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    advance(Duration::from_millis(1)).await;
    assert_eq!(ask(&fleet).await.unwrap(), "a");
    assert_eq!(fleet.handle().snapshot()[0].cooling, None);
}

#[tokio::test(start_paused = true)]
async fn an_operator_ends_any_cooldown() {
    for act in [hinted(Kind::RateLimited, 60), Kind::Quota.into(), Kind::NotFound.into()] {
        let (a, b) = (Scripted::serves("a").next(act), Scripted::serves("b"));
        let fleet = fleet([&a, &b]);
        let one = || ask_for(&fleet, Ask::of_model("m"));
        assert_eq!([one().await.unwrap(), one().await.unwrap()], ["b", "b"]);
        fleet.handle().resume("a").unwrap();
        assert_eq!(one().await.unwrap(), "a");
        let a = &fleet.handle().snapshot()[0];
        assert!(a.cooling.is_none() && a.cooling_models.is_empty(), "{a:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_without_a_hint_does_not_cool() {
    let (_a, fleet) = after(Kind::RateLimited.into()).await;
    assert_eq!(ask(&fleet).await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_hint_is_believed_for_ten_minutes_at_most() {
    let (_a, fleet) = after(hinted(Kind::RateLimited, 86_400)).await;
    advance(secs(599)).await;
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    advance(secs(1)).await;
    assert_eq!(ask(&fleet).await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn cooled_again_the_longer_deadline_wins() {
    let slow = |wait, hint| {
        Act::FailAfter(secs(wait), Failure::new(Kind::RateLimited).with_retry_after(Some(secs(hint))))
    };
    for (first, second) in [(slow(1, 60), slow(2, 10)), (slow(1, 10), slow(2, 59))] {
        let (a, b) = (Scripted::serves("a").next(first).next(second), Scripted::serves("b"));
        let fleet = fleet([&a, &b]);
        let (one, two) = tokio::join!(ask(&fleet), ask(&fleet));
        assert_eq!((one.unwrap(), two.unwrap()), ("b", "b"));
        advance(secs(58)).await;
        assert_eq!(ask(&fleet).await.unwrap(), "b");
        advance(secs(1)).await;
        assert_eq!(ask(&fleet).await.unwrap(), "a");
    }
}

#[tokio::test(start_paused = true)]
async fn quota_cools_for_five_minutes_and_then_one_of_two_racing_calls_probes() {
    for kind in [Kind::Quota, Kind::Auth] {
        let (a, fleet) = after(kind.into()).await;
        advance(secs(299)).await;
        assert_eq!(ask(&fleet).await.unwrap(), "b");
        advance(secs(1)).await;
        a.does(Act::ServeAfter(secs(3)));
        let other = fleet.clone();
        let (one, two) = tokio::join!(ask(&fleet), ask(&other));
        assert_eq!((one.unwrap(), two.unwrap()), ("a", "b"));
        assert_eq!(ask(&fleet).await.unwrap(), "a", "the probe's success ends it");
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_the_same_way_cools_again() {
    let (a, fleet) = after(Kind::Quota.into()).await;
    a.does(Kind::Quota);
    advance(LONG).await;
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    assert_eq!(a.calls(), 2);
    advance(secs(299)).await;
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    assert_eq!(a.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_says_nothing_of_the_quota_leaves_the_next_call_to_probe() {
    let (a, fleet) = after(Kind::Quota.into()).await;
    let a = a.next(Kind::Server);
    advance(LONG).await;
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    assert_eq!(ask(&fleet).await.unwrap(), "a");
    assert_eq!(a.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_probe_returns_the_slot() {
    let (a, fleet) = after(Kind::Auth.into()).await;
    let a = a.next(Act::Hang);
    advance(LONG).await;
    let mut probe = spawn(fleet.clone().oneshot(Ask::default()));
    assert!(probe.poll().is_pending());
    let polls = a.readiness_polls();
    assert_eq!((a.calls(), ask(&fleet).await.unwrap()), (2, "b"));
    assert_eq!(a.readiness_polls(), polls, "nor is it asked whether it is ready");
    drop(probe);
    assert_eq!(ask(&fleet).await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_not_taken_by_a_call_that_waits_for_readiness() {
    let (a, fleet) = after(Kind::Auth.into()).await;
    advance(LONG).await;
    let a = a.unready();
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    a.becomes_ready();
    assert_eq!(ask(&fleet).await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn not_found_cools_only_that_model_on_that_target() {
    let (a, b) = (Scripted::serves("a").next(Kind::NotFound), Scripted::serves("b"));
    let fleet = fleet([&a, &b]);
    let model = |name| ask_for(&fleet, Ask::of_model(name));
    assert_eq!(model("new").await.unwrap(), "b");
    assert_eq!(model("new").await.unwrap(), "b");
    assert_eq!(model("old").await.unwrap(), "a");
    assert_eq!(ask(&fleet).await.unwrap(), "a");
    let [snapshot, _] = &fleet.handle().snapshot()[..] else { panic!("two targets") };
    assert_eq!((snapshot.cooling, &*snapshot.cooling_models[0].0), (None, "new"));
    advance(LONG).await;
    assert_eq!(model("new").await.unwrap(), "a");
    assert!(fleet.handle().snapshot()[0].cooling_models.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_model_that_is_not_found_cools_nothing() {
    let (_a, fleet) = after(Kind::NotFound.into()).await;
    assert_eq!(ask(&fleet).await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_no_target_has_takes_no_target_from_others() {
    let (a, b) = (Scripted::serves("a").next(Kind::NotFound), Scripted::serves("b").next(Kind::NotFound));
    let fleet = fleet([&a, &b]);
    let error = ask_for(&fleet, Ask::of_model("gtp")).await.unwrap_err();
    assert_eq!(error.to_string(), "no target served: a: not_found; b: not_found");
    assert_eq!(ask_for(&fleet, Ask::of_model("gpt")).await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn models_are_remembered_up_to_a_bound_and_the_oldest_go() {
    let (a, b) = (Scripted::always("a", Kind::NotFound), Scripted::serves("b"));
    let fleet = fleet([&a, &b]);
    for n in 0..100 {
        advance(secs(1)).await;
        assert_eq!(ask_for(&fleet, Ask::of_model(&n.to_string())).await.unwrap(), "b");
    }
    let models = &fleet.handle().snapshot()[0].cooling_models;
    assert_eq!(models.len(), 64);
    assert!(models.iter().all(|(model, _)| model.parse::<u32>().unwrap() >= 36));
}

#[tokio::test(start_paused = true)]
async fn a_fleet_of_one_works_also_while_it_cools() {
    for act in [hinted(Kind::RateLimited, 60), Kind::Quota.into(), Kind::NotFound.into()] {
        let a = Scripted::serves("a").next(act);
        let fleet = fleet([&a]);
        let one = || ask_for(&fleet, Ask::of_model("m"));
        assert!(one().await.is_err());
        assert_eq!(one().await.unwrap(), "a");
        let [a] = &fleet.handle().snapshot()[..] else { panic!("one target") };
        assert_eq!((a.cooling, a.cooling_models.len()), (None, 0), "its success ends the cooling");
    }
}

#[tokio::test(start_paused = true)]
async fn when_all_cool_the_one_that_ends_soonest_is_tried() {
    let (a, b) = (
        Scripted::always("a", hinted(Kind::RateLimited, 60)),
        Scripted::serves("b").next(hinted(Kind::RateLimited, 20)),
    );
    let fleet = fleet([&a, &b]);
    assert!(ask(&fleet).await.is_err());
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    assert_eq!(a.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_has_an_upstreams_failure_does_not_press_on_into_a_cooling_target() {
    let (a, b) = (
        Scripted::serves("a").next(hinted(Kind::RateLimited, 60)),
        Scripted::always("b", Kind::Server).next(Act::Serve),
    );
    let fleet = fleet([&a, &b]);
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    assert_eq!(kind_of(ask(&fleet).await), Kind::Server);
    assert_eq!(a.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_only_rejected_does() {
    let (a, b) = (
        Scripted::serves("a").next(hinted(Kind::RateLimited, 60)),
        Scripted::always("b", Kind::Rejected).next(Act::Serve),
    );
    let fleet = fleet([&a, &b]);
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    assert_eq!(ask(&fleet).await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_success_that_began_before_the_cooling_does_not_end_it() {
    let a = Scripted::serves("a").next(Act::ServeAfter(secs(2))).next(Kind::Quota);
    let b = Scripted::serves("b");
    let fleet = fleet([&a, &b]);
    let (early, failed) = tokio::join!(ask(&fleet), ask(&fleet));
    assert_eq!((early.unwrap(), failed.unwrap()), ("a", "b"));
    assert_eq!(ask(&fleet).await.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn clones_and_handles_share_the_cooling() {
    let (a, b) = (Scripted::always("a", Kind::Quota), Scripted::serves("b"));
    let fleet = fleet([&a, &b]);
    let (other, handle) = (fleet.clone(), fleet.handle());
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    assert_eq!(ask(&other).await.unwrap(), "b");
    assert_eq!(a.calls(), 1);
    let cooling = handle.snapshot()[0].cooling.unwrap();
    assert_eq!((cooling.kind, cooling.remaining), (Kind::Quota, LONG));
    advance(LONG).await;
    assert!(handle.snapshot()[0].cooling.unwrap().remaining.is_zero(), "it waits for its probe");
}

//! What an operator does to a stack while it serves.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "control/events.rs"]
mod events;
#[path = "control/load.rs"]
mod load;
#[path = "control/readiness.rs"]
mod readiness;
#[path = "control/registration.rs"]
mod registration;
#[path = "control/telemetry.rs"]
mod telemetry;

use std::{error::Error, time::Duration};

use buttress::control::{Control, Refused};
use buttress_breaker::{InvalidPolicy, OpenFor, Policy};
use buttress_call::{Kind, failure};
use buttress_failover::{InvalidTargets, Weighted};
use buttress_limit::{InvalidPolicy as InvalidQuota, Policy as Quota};
use buttress_sim::{Fault, Rule};
use buttress_tests::{
    rig::{ROUTE, Rig},
    stack::{NAMES, Numbers},
};
use tokio::time::advance;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_circuit_forced_open_sends_calls_elsewhere_until_it_is_reset() {
    let rig = Rig::quick();
    rig.control.force_open("a").unwrap();
    assert_eq!(rig.calls(3).await.unwrap(), [0, 3]);
    advance(3600 * SECOND).await;
    assert_eq!(rig.calls(3).await.unwrap(), [0, 3], "time does not open it");
    rig.control.reset("a").unwrap();
    assert_eq!(rig.calls(3).await.unwrap(), [3, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_circuit_forced_closed_stays_closed_whatever_happens() {
    let rig = Rig::quick();
    rig.sims[0].inject(Rule::always(Fault::Refuse)).unwrap();
    rig.control.force_close("a").unwrap();
    let [a, b] = rig.calls(20).await.unwrap();
    assert!(a >= 20, "each call tries it, {a} times in all");
    assert_eq!(b, 20);
    assert_eq!(rig.control.status().targets[0].breaker.as_ref().unwrap().state, "forced_closed");
}

#[tokio::test(start_paused = true)]
async fn thresholds_changed_count_from_the_next_failure_on() {
    let rig = Rig::quick();
    rig.sims[0].inject(Rule::always(Fault::Refuse)).unwrap();
    let old = rig.control.breaker_policy("a").unwrap();
    let new = Policy { consecutive_failures: Some(1), open: OpenFor::Fixed(7 * SECOND), ..old };
    rig.control.set_breaker_policy("a", new).unwrap();
    rig.call().await.unwrap();
    let breaker = rig.control.status().targets[0].breaker.clone().unwrap();
    assert_eq!((breaker.state, breaker.opened), ("open", 1));
    assert!(breaker.open_for_seconds.unwrap() > 6.0 && breaker.open_for_seconds.unwrap() <= 7.0);
    assert_eq!((breaker.policy.consecutive_failures, breaker.policy.open_seconds), (Some(1), 7.0));
}

#[tokio::test(start_paused = true)]
async fn quotas_changed_hold_for_the_next_call() {
    let rig = Rig::quick();
    assert_eq!(rig.calls(3).await.unwrap(), [3, 0]);
    let old = rig.control.limit_policy("a").unwrap();
    rig.control.set_limit_policy("a", Quota { requests: Some(1), ..old }).unwrap();
    assert_eq!(rig.calls(3).await.unwrap(), [1, 2]);
    rig.control.set_limit_policy("a", old).unwrap();
    advance(60 * SECOND).await;
    assert_eq!(rig.calls(3).await.unwrap(), [3, 0]);
}

#[tokio::test(start_paused = true)]
async fn order_tier_and_weight_decide_who_is_asked_next() {
    let rig = Rig::quick();
    rig.control.reorder(ROUTE, ["b"]).unwrap();
    assert_eq!(rig.calls(3).await.unwrap(), [0, 3]);
    rig.control.set_tier(ROUTE, "b", 1).unwrap();
    assert_eq!(rig.calls(3).await.unwrap(), [3, 0], "tiers come before order");

    rig.control.set_tier(ROUTE, "b", 0).unwrap();
    rig.stack.failover.set_strategy(Weighted);
    rig.control.set_weight(ROUTE, "a", 0).unwrap();
    assert_eq!(rig.calls(20).await.unwrap(), [0, 20]);
    let places = rig.control.status().routes[0].targets.clone();
    assert_eq!(places.iter().map(|place| place.weight).collect::<Vec<_>>(), [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_drained_target_gets_no_call_until_it_is_resumed() {
    let rig = Rig::quick();
    rig.control.drain("a").unwrap();
    assert_eq!(rig.calls(3).await.unwrap(), [0, 3]);
    rig.control.resume("a").unwrap();
    assert_eq!(rig.calls(3).await.unwrap(), [3, 0]);
    rig.control.drain_in(ROUTE, "b").unwrap();
    rig.control.drain_in(ROUTE, "a").unwrap();
    let error = rig.call().await.unwrap_err();
    assert_eq!(failure(&error).kind, Kind::Rejected);
    rig.control.resume_in(ROUTE, "b").unwrap();
    assert_eq!(rig.calls(3).await.unwrap(), [0, 3]);
}

#[tokio::test(start_paused = true)]
async fn the_status_says_how_calls_went() {
    let rig = Rig::quick();
    rig.calls(4).await.unwrap();
    let status = rig.control.status();
    assert_eq!(status.targets.iter().map(|target| &*target.name).collect::<Vec<_>>(), NAMES);
    let limit = status.targets[0].limit.as_ref().unwrap();
    assert_eq!((limit.admitted, limit.in_flight, limit.waiting), (4, 0, 0));
    assert!(limit.tokens.unwrap().level < limit.tokens.unwrap().capacity as f64);
    assert_eq!(limit.policy.requests, Some(60_000));
    let place = &status.routes[0].targets[0];
    assert_eq!((place.state, place.can_serve, place.success_rate), ("serving", true, 1.0));
    assert_eq!(place.first_content_seconds, Some(0.005));
    assert_eq!(status.routes[0].hedge.unwrap().calls, 4);
    // A plain value: it can be written down as it is.
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!(json["targets"][1]["limit"]["policy"]["tokens"], 60_000_000);
}

#[tokio::test(start_paused = true)]
async fn a_call_on_its_way_is_seen_in_flight() {
    let rig = Rig::quick();
    rig.sims[0].inject(Rule::always(Fault::StallAfter { tokens: 2 })).unwrap();
    let call = rig.call();
    tokio::select! { _ = call => unreachable!("it stalls"), () = tokio::time::sleep(SECOND) => {} }
    let mut call = Box::pin(rig.call());
    tokio::select! { _ = &mut call => unreachable!("it stalls"), () = tokio::time::sleep(SECOND) => {} }
    let in_flight = |control: &Control| {
        let status = control.status();
        (status.targets[0].in_flight, status.routes[0].targets[0].in_flight)
    };
    assert_eq!(in_flight(&rig.control), (1, 1), "the first was dropped");
    drop(call);
    assert_eq!(in_flight(&rig.control), (0, 0));
}

#[test]
fn an_unknown_name_is_an_error_that_names_it_and_those_there_are() {
    let rig = Rig::quick();
    let control = &rig.control;
    control.target("bare");
    for (error, message) in [
        (control.force_open("c"), r#"target "c": is not registered; there are "a", "b" and "bare""#),
        (control.reset("bare"), r#"target "bare": has no breaker; there are "a" and "b""#),
        (
            control.set_limit_policy("bare", Quota::default()),
            r#"target "bare": has no limiter; there are "a" and "b""#,
        ),
        (control.drain("c"), r#"target "c": no route has it; there are "a" and "b""#),
        (control.drain_in("mail", "a"), r#"route "mail": is not registered; there is "chat""#),
        (
            control.resume_in(ROUTE, "c"),
            r#"target "c": route "chat" does not have it; there are "a" and "b""#,
        ),
        (
            control.reorder(ROUTE, ["b", "c"]),
            r#"target "c": route "chat" does not have it; there are "a" and "b""#,
        ),
        (control.forget_target("c"), r#"target "c": is not registered; there are "a", "b" and "bare""#),
        (control.forget_route("mail"), r#"route "mail": is not registered; there is "chat""#),
    ] {
        let error = error.unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(error.is_unknown(), "{error}");
    }
    assert_eq!(
        Control::new().force_open("a").unwrap_err().to_string(),
        r#"target "a": is not registered; there are none"#
    );
    // None of it has changed anything.
    let status = control.status();
    assert_eq!(status.events, []);
    assert!(status.routes[0].targets.iter().all(|place| place.can_serve));
}

#[test]
fn what_makes_no_sense_is_refused_with_the_layers_own_error_and_changes_nothing() {
    let rig = Rig::quick();
    let source = |error: &Refused| error.source().unwrap().to_string();

    let breaker = rig.control.breaker_policy("a").unwrap();
    let error = rig.control.set_breaker_policy("a", Policy { probes: 0, ..breaker }).unwrap_err();
    assert_eq!(error.to_string(), "breaker policy: probes = 0: must be at least 1");
    assert_eq!((error.what(), error.value()), ("breaker policy: probes", "0"));
    assert_eq!(source(&error), error.to_string());
    assert!(error.source().unwrap().is::<InvalidPolicy>() && !error.is_unknown());
    assert_eq!(rig.control.breaker_policy("a").unwrap().probes, breaker.probes);

    let limit = rig.control.limit_policy("a").unwrap();
    let error = rig.control.set_limit_policy("a", Quota { requests: Some(0), ..limit }).unwrap_err();
    assert_eq!(error.to_string(), "limit policy: requests = 0: must be 1 to 4294967295");
    assert!(error.source().unwrap().is::<InvalidQuota>());
    assert_eq!(rig.control.limit_policy("a").unwrap(), limit);

    let error = rig.control.reorder(ROUTE, ["b", "b"]).unwrap_err();
    assert_eq!(source(&error), r#"two targets are named "b""#);
    assert!(error.source().unwrap().is::<InvalidTargets>() && !error.is_unknown());
    assert_eq!(&*rig.control.status().routes[0].targets[0].name, "a");
    assert_eq!(rig.control.status().events, []);
}

#[test]
fn numbers_that_are_not_changed_come_back_to_the_nanosecond() {
    let odd = Duration::from_nanos(1_234_567_891);
    let policy = Policy {
        window: odd,
        open: OpenFor::Backoff { min: odd, max: Duration::MAX },
        probe_lease: odd,
        max_hint: Duration::MAX,
        ..Policy::with_rates()
    };
    let numbers = buttress::control::BreakerNumbers::from(policy);
    let back = numbers.policy(policy).unwrap();
    assert_eq!(format!("{back:?}"), format!("{policy:?}"));
    let changed = buttress::control::BreakerNumbers { max_hint_seconds: -1.0, ..numbers };
    let error = changed.policy(policy).unwrap_err().to_string();
    assert_eq!(error, "max_hint_seconds = -1: must be a number of seconds, from 0 to ten years");

    let quota = Quota { burst: odd, max_wait: odd, ramp_up: odd, ..Quota::per_minute(1, 1) };
    let numbers = buttress::control::LimitNumbers::from(quota);
    assert_eq!(numbers.clone().policy(quota).unwrap(), quota);
    let changed = buttress::control::LimitNumbers { window: "slidingg".to_owned(), ..numbers };
    let error = changed.policy(quota).unwrap_err().to_string();
    assert_eq!(error, r#"window = slidingg: must be "bucket" or "sliding""#);
}

#[tokio::test(start_paused = true)]
async fn two_clones_act_on_the_same_layers() {
    let rig = Rig::new(NAMES.map(buttress_tests::fleet::quick), &Numbers::default());
    let clone = rig.control.clone();
    clone.drain("a").unwrap();
    assert_eq!(rig.control.status().routes[0].targets[0].state, "drained");
    assert_eq!(clone.status().events, rig.control.status().events);
}

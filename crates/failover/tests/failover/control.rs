//! A failover steered while it serves.

use std::{sync::Arc, task::Poll};

use buttress_call::Kind;
use buttress_failover::{Change, Reason, Target, TargetState};
use tokio_test::task::spawn;
use tower::{Service, ServiceExt};

use crate::scripted::*;

fn names(fleet: &Fleet) -> Vec<Arc<str>> {
    fleet.handle().snapshot().into_iter().map(|target| target.name).collect()
}

async fn called(fleet: &mut Fleet) -> &'static str {
    fleet.ready().await.unwrap().call(Ask::default()).await.unwrap().from
}

fn named(name: &'static str, target: &Scripted) -> Target<Scripted> {
    Target::new(name, target.clone())
}

#[tokio::test(start_paused = true)]
async fn a_new_order_holds_for_the_next_call_of_every_clone() {
    let (a, b) = (Scripted::serves("a"), Scripted::serves("b"));
    let mut fleet = fleet([&a, &b]);
    assert_eq!(called(&mut fleet).await, "a");
    fleet.handle().reorder(["b"]).unwrap();
    assert_eq!(ask(&fleet).await.unwrap(), "b", "a clone");
    assert_eq!(called(&mut fleet).await, "b", "the original");
    assert_eq!(names(&fleet), ["b".into(), "a".into()]);
}

#[tokio::test(start_paused = true)]
async fn a_drained_target_finishes_what_runs_and_takes_no_more_not_even_as_a_last_resort() {
    let a = Scripted::serves("a").next(Act::ServeAfter(secs(5)));
    let fleet = fleet([&a]);
    let handle = fleet.handle();
    let mut changes = handle.watch();
    let mut running = spawn(fleet.clone().oneshot(Ask::default()));
    assert!(running.poll().is_pending());
    handle.drain("a").unwrap();
    assert_eq!(*changes.borrow_and_update(), Change::Drained("a".into()));
    assert_eq!((handle.snapshot()[0].state, handle.snapshot()[0].in_flight), (TargetState::Drained, 1));
    let error = ask(&fleet).await.unwrap_err();
    assert_eq!(error.to_string(), "no target served: a: drained");
    assert_eq!(exhausted(&error).attempts().next().unwrap().reason(), Reason::Drained);
    advance(secs(5)).await;
    let Poll::Ready(Ok(_)) = running.poll() else { panic!("a lost call") };
    assert_eq!(*changes.borrow_and_update(), Change::Idle("a".into()));
    handle.resume("a").unwrap();
    assert_eq!(ask(&fleet).await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_removed_target_finishes_what_runs_and_its_service_goes() {
    let a = Scripted::serves("a").next(Act::ServeAfter(secs(5)));
    let b = Scripted::serves("b");
    let mut fleet = fleet([&a, &b]);
    let mut running = spawn(fleet.clone().oneshot(Ask::default()));
    assert!(running.poll().is_pending());
    fleet.handle().remove("a").unwrap();
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    fleet = fleet.clone();
    advance(secs(5)).await;
    let Poll::Ready(Ok(answer)) = running.poll() else { panic!("a lost call") };
    assert_eq!(answer.from, "a");
    drop((running, answer));
    assert_eq!(a.clones(), 1, "the test's own");
    assert_eq!(names(&fleet), ["b".into()]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_goes_to_a_target_that_is_added() {
    let (a, b) = (Scripted::serves("a").unready(), Scripted::serves("b"));
    let fleet = fleet([&a]);
    let mut call = spawn(fleet.clone().oneshot(Ask::default()));
    assert!(call.poll().is_pending());
    fleet.add(named("b", &b)).unwrap();
    assert!(call.is_woken());
    let Poll::Ready(Ok(answer)) = call.poll() else { panic!("still waiting") };
    assert_eq!(answer.from, "b");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_a_target_that_is_drained_or_removed_goes_elsewhere() {
    for remove in [false, true] {
        let (a, b) = (Scripted::serves("a").unready(), Scripted::serves("b").unready());
        let fleet = fleet([&a, &b]);
        let mut call = spawn(fleet.clone().oneshot(Ask::default()));
        assert!(call.poll().is_pending());
        let handle = fleet.handle();
        if remove {
            handle.remove("a").unwrap();
        } else {
            handle.drain("a").unwrap();
        }
        assert!(call.is_woken() && call.poll().is_pending() && !call.is_woken());
        assert_eq!(a.spare_clones(), 0, "its place is given up");
        a.becomes_ready();
        b.becomes_ready();
        let Poll::Ready(Ok(answer)) = call.poll() else { panic!("still waiting") };
        assert_eq!(answer.from, "b");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_under_way_fails_over_to_a_target_that_was_added_meanwhile() {
    let a = Scripted::always("a", Act::FailAfter(secs(1), Kind::Server.into()));
    let b = Scripted::always("b", Kind::Server);
    let c = Scripted::serves("c");
    let fleet = fleet([&a, &b]);
    let mut call = spawn(fleet.clone().oneshot(Ask::default()));
    assert!(call.poll().is_pending());
    fleet.add(named("c", &c)).unwrap();
    fleet.handle().remove("b").unwrap();
    advance(secs(1)).await;
    let Poll::Ready(Ok(answer)) = call.poll() else { panic!("a lost call") };
    assert_eq!((answer.from, b.calls()), ("c", 0));
}

#[tokio::test(start_paused = true)]
async fn tiers_come_before_order_and_can_be_changed() {
    let (a, b) = (Scripted::serves("a"), Scripted::serves("b"));
    let targets = [named("a", &a).tier(1), named("b", &b)];
    let fleet = of(targets);
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    b.does(Kind::Server);
    assert_eq!(ask(&fleet).await.unwrap(), "a");
    fleet.handle().set_tier("b", 2).unwrap();
    assert_eq!(ask(&fleet).await.unwrap(), "a");
    assert_eq!(b.calls(), 2);
    fleet.handle().set_weight("b", 7).unwrap();
    let b = &fleet.handle().snapshot()[1];
    assert_eq!((&*b.name, b.tier, b.weight), ("b", 2, 7));
}

#[test]
fn a_change_that_breaks_a_rule_says_which_and_changes_nothing() {
    let (a, b) = (Scripted::serves("a"), Scripted::serves("b"));
    let fleet = fleet([&a, &b]);
    let handle = fleet.handle();
    let unknown = "no target is named \"c\"";
    assert_eq!(handle.reorder(["b", "c"]).unwrap_err().to_string(), unknown);
    assert_eq!(handle.remove("c").unwrap_err().to_string(), unknown);
    assert_eq!(handle.drain("c").unwrap_err().to_string(), unknown);
    assert_eq!(handle.set_weight("c", 1).unwrap_err().to_string(), unknown);
    assert_eq!(handle.reorder(["b", "b"]).unwrap_err().to_string(), "two targets are named \"b\"");
    assert_eq!(fleet.add(named("a", &b)).unwrap_err().to_string(), "two targets are named \"a\"");
    assert_eq!(names(&fleet), ["a".into(), "b".into()]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_told_of_cooling_and_recovery() {
    let (a, b) = (Scripted::serves("a").next(hinted(Kind::RateLimited, 30)), Scripted::serves("b"));
    let fleet = fleet([&a, &b]);
    let mut changes = fleet.handle().watch();
    assert_eq!(*changes.borrow_and_update(), Change::None);
    ask(&fleet).await.unwrap();
    let Change::Cooling(name, cooldown) = changes.borrow_and_update().clone() else { panic!("not told") };
    assert_eq!((&*name, cooldown.kind, cooldown.remaining), ("a", Kind::RateLimited, secs(30)));
    advance(secs(30)).await;
    ask(&fleet).await.unwrap();
    assert_eq!(*changes.borrow_and_update(), Change::Recovered("a".into()));
}

/// Eight callers for a minute, while the list is turned over every 100 ms.
#[tokio::test(start_paused = true)]
async fn control_under_load_loses_no_call() {
    tokio::task::LocalSet::new().run_until(control_under_load()).await;
}

async fn control_under_load() {
    let [a, b, c] = ["a", "b", "c"].map(|name| Scripted::always(name, Act::ServeAfter(secs(1) / 3)));
    let fleet = fleet([&a, &b, &c]);
    let handle = fleet.handle();
    let callers: Vec<_> = (0..8)
        .map(|n| {
            let fleet = fleet.clone();
            tokio::task::spawn_local(async move {
                tokio::time::sleep(secs(1) * n / 50).await;
                for _ in 0..150 {
                    ask(&fleet).await.expect("a lost call");
                }
            })
        })
        .collect();
    for round in 0..600 {
        tokio::time::sleep(secs(1) / 10).await;
        match round % 6 {
            0 => handle.reorder(["c", "b"]).unwrap(),
            1 => handle.drain("c").unwrap(),
            2 => handle.remove("b").unwrap(),
            3 => fleet.add(named("b", &b)).unwrap(),
            4 => handle.set_tier("a", 1).unwrap(),
            _ => {
                handle.resume("c").unwrap();
                handle.set_tier("a", 0).unwrap();
            }
        }
    }
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(a.calls() + b.calls() + c.calls(), 8 * 150, "each call was one attempt");
    assert!([&a, &b, &c].iter().all(|target| target.calls() > 0));
    assert!(handle.snapshot().iter().all(|target| target.in_flight == 0));
}

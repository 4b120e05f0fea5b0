//! What a failover learns of its targets' calls.

use std::convert::Infallible;

use buttress_call::{Completion, Kind, Outcome, Progress};
use buttress_failover::Failover;
use http::{Request, Response};
use proptest::prelude::*;
use tokio_test::task::spawn;
use tower::{ServiceExt, service_fn};

use crate::scripted::*;

#[tokio::test(start_paused = true)]
async fn the_snapshot_knows_how_fast_a_target_is_how_often_it_fails_and_what_it_serves() {
    let a = Scripted::serves("a").next(Act::ServeAfter(secs(2)));
    let fleet = fleet([&a]);
    let handle = fleet.handle();
    assert_eq!((handle.snapshot()[0].first_content, handle.snapshot()[0].in_flight), (None, 0));
    ask(&fleet).await.unwrap();
    assert_eq!(handle.snapshot()[0].first_content, Some(secs(2)));
    a.does(Kind::Server);
    ask(&fleet).await.unwrap_err();
    let snapshot = handle.snapshot().remove(0);
    assert_eq!(snapshot.first_content, Some(secs(10)), "a failure is a slow sample");
    assert!((0.89..0.91).contains(&snapshot.success_rate), "{snapshot:?}");
    a.does(Kind::Invalid);
    ask(&fleet).await.unwrap_err();
    assert_eq!(handle.snapshot()[0], snapshot, "the request's own fault");
}

#[tokio::test(start_paused = true)]
async fn a_streamed_answer_is_in_flight_until_its_end_and_its_failure_is_the_targets() {
    let stream = |_: Request<()>| async {
        let (completion, ender) = Completion::pair(Progress::new());
        completion.progress().mark_sent();
        tokio::time::sleep(secs(3)).await;
        completion.progress().mark_received(1, 1);
        let mut response = Response::new(Some(ender));
        response.extensions_mut().insert(completion);
        Ok::<_, Infallible>(response)
    };
    let fleet = Failover::in_order([("a", service_fn(stream))]).unwrap();
    let handle = fleet.handle();
    let now = || handle.snapshot().remove(0);
    let mut response = fleet.clone().oneshot(Request::new(())).await.unwrap();
    assert_eq!((now().in_flight, now().first_content), (1, Some(secs(3))));
    drop(response.body_mut().take());
    assert_eq!((now().in_flight, now().success_rate.to_bits()), (0, 1_f64.to_bits()));
    let mut response = fleet.oneshot(Request::new(())).await.unwrap();
    assert_eq!(now().in_flight, 1);
    response.body_mut().take().unwrap().end(Outcome::from(Kind::Broken));
    assert_eq!(now().in_flight, 0);
    assert!(now().success_rate < 0.95);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_counts_with_its_age() {
    let a = Scripted::always("a", Act::Hang);
    let fleet = fleet([&a]);
    let mut call = spawn(fleet.clone().oneshot(Ask::default()));
    assert!(call.poll().is_pending());
    advance(secs(7)).await;
    drop(call);
    let snapshot = fleet.handle().snapshot().remove(0);
    assert_eq!((snapshot.first_content, snapshot.in_flight), (Some(secs(7)), 0));
}

fn storm() -> impl Strategy<Value = Vec<(usize, u64, u64)>> {
    prop::collection::vec((0..5_usize, 0..3_u64, 0..3_u64), 1..40)
}

proptest! {
    #[test]
    fn nothing_is_in_flight_after_any_storm_of_drops(calls in storm()) {
        let acts = [
            Act::Hang,
            Act::ServeAfter(secs(1)),
            Act::FailAfter(secs(1), Kind::Server.into()),
            Act::Serve,
            Kind::Quota.into(),
        ];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let (a, b) = (Scripted::serves("a"), Scripted::serves("b"));
            let fleet = fleet([&a, &b]);
            let mut storm = Vec::new();
            for (act, wait, drops) in calls {
                a.does(acts[act]);
                b.does(acts[(act + 1) % acts.len()]);
                let mut call = spawn(fleet.clone().oneshot(Ask::default()));
                let _ = call.poll().is_ready();
                storm.push(call);
                advance(secs(wait)).await;
                for call in &mut storm {
                    if call.is_woken() {
                        let _ = call.poll().is_ready();
                    }
                }
                let left = storm.len().saturating_sub(drops as usize);
                storm.truncate(left);
            }
            drop(storm);
            for target in fleet.handle().snapshot() {
                prop_assert_eq!(target.in_flight, 0);
            }
            Ok(())
        })?;
    }
}

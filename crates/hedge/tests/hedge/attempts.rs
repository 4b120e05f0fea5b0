//! What a try's `Call` says.

use buttress_call::{Call, Cause};
use buttress_hedge::{HedgeLayer, Policy};
use tower::{Layer, Service, ServiceExt};

use crate::scripted::*;

#[tokio::test(start_paused = true)]
async fn both_tries_know_each_others_targets() {
    let inner = Scripted::new([&[Occupy("a"), Hang], &[Occupy("b"), Wait(SECOND)]]);
    let (mut service, _) = hedge(Policy::after(SECOND), &inner);
    let mut call = service.ready().await.unwrap().call(Ask::default());
    assert!(poll_once(&mut call).is_pending());
    tokio::time::advance(SECOND).await;
    assert!(poll_once(&mut call).is_pending());
    let asked = inner.asked();
    for call in &asked {
        let targets = call.targets().unwrap();
        assert!(targets.in_use("a") && targets.in_use("b"));
    }
    call.await.unwrap();
    let targets = asked[0].targets().unwrap();
    assert!(!targets.in_use("a") && !targets.in_use("b"), "nothing is in use after the end");
}

#[tokio::test(start_paused = true)]
async fn the_targets_of_a_race_further_out_are_kept() {
    let inner = Scripted::new([]);
    let (service, _) = hedge(Policy::after(SECOND), &inner);
    let mut ask = Ask::default();
    let _in_use = ask.call.ensure_targets().occupy("a".into());
    service.oneshot(ask).await.unwrap();
    assert!(inner.asked()[0].targets().unwrap().in_use("a"));
}

#[tokio::test(start_paused = true)]
async fn the_first_try_keeps_its_cause_and_each_hedge_is_one_more() {
    let inner = Scripted::new([]).otherwise(&[Hang]);
    let (service, _) = hedge(Policy { max_hedges: 2, ..Policy::after(SECOND) }, &inner);
    let mut ask = Ask::default();
    ask.call.begin_attempt(Cause::Retry);
    let _ = tokio::time::timeout(5 * SECOND, service.oneshot(ask)).await;
    assert_eq!(inner.causes(), [(2, Cause::Retry), (3, Cause::Hedge), (3, Cause::Hedge)]);
}

#[tokio::test(start_paused = true)]
async fn every_try_has_a_clock_of_its_own_also_without_an_outer_one() {
    let inner = Scripted::new([&[Sent, Hang], &[Sent, Wait(SECOND)]]);
    run(&inner).await.0.unwrap();
    let sent: Vec<_> = inner.asked().iter().map(|call| call.progress().unwrap().sent_at().unwrap()).collect();
    assert_eq!(sent[1] - sent[0], SECOND);
}

#[tokio::test(start_paused = true)]
async fn what_outer_layers_said_reaches_both_tries() {
    let inner = Scripted::new([&[Hang]]);
    let (service, _) = hedge(Policy::after(SECOND), &inner);
    let mut ask = Ask::default();
    let deadline = tokio::time::Instant::now() + 5 * SECOND;
    ask.call.clamp_deadline(deadline);
    ask.call.set_priority(buttress_call::Priority::High);
    service.oneshot(ask).await.unwrap();
    for call in inner.asked() {
        assert_eq!((call.deadline(), call.priority()), (Some(deadline), buttress_call::Priority::High));
    }
}

#[tokio::test(start_paused = true)]
async fn an_http_request_gets_a_call_when_it_has_none() {
    let calls = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = calls.clone();
    let inner = tower::service_fn(move |request: http::Request<()>| {
        let call = Call::get(request.extensions()).unwrap().clone();
        let is_hedge = call.attempt().cause == Cause::Hedge;
        seen.lock().unwrap().push(call);
        async move {
            tokio::time::sleep(if is_hedge { SECOND } else { 60 * SECOND }).await;
            Ok::<_, std::io::Error>(http::Response::new(()))
        }
    });
    let layer = HedgeLayer::after(SECOND).unwrap();
    let handle = layer.handle();
    layer.layer(inner).oneshot(http::Request::new(())).await.unwrap();
    let calls = calls.lock().unwrap();
    assert!(calls.len() == 2 && calls.iter().all(|call| call.progress().is_some()));
    assert_eq!(handle.snapshot().won, 1);
}

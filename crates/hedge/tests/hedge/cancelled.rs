//! Calls that are dropped, and tries that panic.

use std::{panic::AssertUnwindSafe, task::Poll};

use buttress_call::Kind;
use buttress_hedge::Policy;
use tower::{Service, ServiceExt};

use crate::scripted::*;

fn one() -> Policy {
    Policy { budget: 1e-6, burst: 1.0, ..Policy::after(SECOND) }
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_any_point_drops_every_try() {
    for steps in 0..6 {
        let inner = Scripted::new([&[Wait(3 * SECOND), fail(Kind::Server)], &[Wait(4 * SECOND)], &[Hang]]);
        let (mut service, handle) = hedge(Policy { max_hedges: 2, ..Policy::after(SECOND) }, &inner);
        let mut call = service.ready().await.unwrap().call(Ask::default());
        for _ in 0..steps {
            if poll_once(&mut call).is_ready() {
                break;
            }
            tokio::time::advance(SECOND).await;
        }
        drop(call);
        assert_eq!(inner.alive(), 0, "after {steps} polls");
        assert_eq!(handle.snapshot().sent as usize, inner.calls() - 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_was_sent_stays_spent_when_the_call_is_dropped() {
    let inner = Scripted::new([]).otherwise(&[Hang]);
    let (service, handle) = hedge(one(), &inner);
    for _ in 0..2 {
        tokio::time::timeout(5 * SECOND, service.clone().oneshot(Ask::default())).await.unwrap_err();
    }
    assert_eq!((handle.snapshot().sent, handle.snapshot().throttled), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_before_its_hedge_spends_nothing() {
    let inner = Scripted::new([]).otherwise(&[Hang]);
    let (service, handle) = hedge(one(), &inner);
    for _ in 0..5 {
        tokio::time::timeout(999 * MS, service.clone().oneshot(Ask::default())).await.unwrap_err();
    }
    let _ = tokio::time::timeout(2 * SECOND, service.oneshot(Ask::default())).await;
    assert_eq!((handle.snapshot().sent, handle.snapshot().throttled), (1, 0));
}

async fn panics(call: impl Future<Output = impl Sized>) {
    let mut call = Box::pin(call);
    for _ in 0..5 {
        let poll = std::panic::catch_unwind(AssertUnwindSafe(|| match poll_once(&mut call) {
            Poll::Ready(_) => panic!("it was to panic, and resolved"),
            Poll::Pending => {}
        }));
        if let Err(panic) = poll {
            let said = panic.downcast_ref::<&str>().copied().unwrap_or_default();
            return assert!(said.starts_with("panic in"), "{said}");
        }
        tokio::time::advance(SECOND).await;
    }
    panic!("it did not panic");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_any_try_takes_all_of_them_down() {
    let scripts: [[&[Step]; 2]; 4] = [
        [&[Panic], &[]],
        [&[Wait(2 * SECOND), Panic], &[Hang]],
        [&[Hang], &[Panic]],
        [&[Hang], &[Wait(SECOND), Panic]],
    ];
    for script in scripts {
        let inner = Scripted::new(script);
        let (mut service, handle) = hedge(Policy::after(SECOND), &inner);
        panics(service.ready().await.unwrap().call(Ask::default())).await;
        assert_eq!(inner.alive(), 0);
        service.oneshot(Ask::default()).await.unwrap();
        assert_eq!(handle.snapshot().calls, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_panics_before_it_is_sent_costs_nothing() {
    let hang: &[Step] = &[Hang];
    for (panics_in_call, readiness) in [(true, Readiness::Ready), (false, Readiness::Panics)] {
        let inner = Scripted::new([hang]);
        if panics_in_call {
            inner.push(&[PanicInCall]);
        }
        let (mut service, handle) = hedge(one(), &inner);
        let call = service.ready().await.unwrap().call(Ask::default());
        inner.set_readiness(readiness);
        panics(call).await;
        assert_eq!((inner.alive(), handle.snapshot().sent), (0, 0));
        inner.set_readiness(Readiness::Ready);
        inner.push(hang);
        service.oneshot(Ask::default()).await.unwrap();
        assert_eq!((handle.snapshot().won, handle.snapshot().throttled), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_first_call_leaves_the_service_usable() {
    let inner = Scripted::new([&[PanicInCall]]);
    let (mut service, _) = hedge(Policy::after(SECOND), &inner);
    service.ready().await.unwrap();
    let call = std::panic::catch_unwind(AssertUnwindSafe(|| service.call(Ask::default())));
    assert!(call.is_err());
    service.oneshot(Ask::default()).await.unwrap();
}

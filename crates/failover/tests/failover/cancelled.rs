//! Calls that are dropped, or that panic, settle what they hold.

use std::panic::{AssertUnwindSafe, catch_unwind};

use buttress_call::Kind;
use tokio_test::task::spawn;
use tower::ServiceExt;

use crate::scripted::*;

const LONG: std::time::Duration = secs(5 * 60);

/// A fleet whose first target waits for a probe.
async fn awaiting_a_probe(then: Act) -> (Scripted, Scripted, Fleet) {
    let (a, b) = (Scripted::always("a", then).next(Kind::Quota), Scripted::serves("b"));
    let fleet = fleet([&a, &b]);
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    advance(LONG).await;
    (a, b, fleet)
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_await_a_call_leaves_no_clone_no_attempt_no_probe_and_no_place_in_use() {
    // Before the first poll, waiting for readiness, in the first attempt, waiting again, in the second attempt.
    for step in 0..5 {
        let slow = Act::FailAfter(secs(1), Kind::Server.into());
        let (a, b, fleet) = awaiting_a_probe(slow).await;
        let (a, b) = (a.unready(), b.unready());
        b.does(Act::Hang);
        let mut ask = Ask::default();
        let targets = ask.call.ensure_targets().clone();
        let mut call = spawn(fleet.clone().oneshot(ask));
        if step >= 1 {
            assert!(call.poll().is_pending());
        }
        if step >= 2 {
            a.becomes_ready();
            assert!(call.poll().is_pending());
            assert_eq!((a.attempts_under_way(), targets.in_use("a")), (1, true));
        }
        if step >= 3 {
            advance(secs(1)).await;
            assert!(call.poll().is_pending());
        }
        if step >= 4 {
            b.becomes_ready();
            assert!(call.poll().is_pending());
            assert_eq!((b.attempts_under_way(), targets.in_use("b")), (1, true));
        }
        drop(call);
        for target in [&a, &b] {
            assert_eq!((target.spare_clones(), target.attempts_under_way()), (0, 0), "step {step}");
        }
        assert!(!targets.in_use("a") && !targets.in_use("b"), "step {step}");
        a.becomes_ready();
        a.does(Act::Serve);
        assert_eq!(crate::scripted::ask(&fleet).await.unwrap(), "a", "step {step}: the probe is free");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_inside_settles_too() {
    for panic in [Act::Panic, Act::PanicInCall] {
        let (a, _b, fleet) = awaiting_a_probe(panic).await;
        let mut ask = Ask::default();
        let targets = ask.call.ensure_targets().clone();
        let call = fleet.clone().oneshot(ask);
        let unwound = catch_unwind(AssertUnwindSafe(|| spawn(call).poll().is_ready()));
        assert!(unwound.is_err());
        assert!(!targets.in_use("a"));
        assert_eq!(a.attempts_under_way(), 0);
        a.does(Act::Serve);
        assert_eq!(crate::scripted::ask(&fleet).await.unwrap(), "a", "the probe is free");
    }
}

//! Rule 5: no busy-waiting.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use super::paused;
use crate::{
    journey::Wakes,
    probe::{Act, Head, Piece, Ready},
    subject::{Applies, Subject},
};

/// Polls that a call may need in an hour in which nothing comes: one for each limit that is over.
const FEW: usize = 16;

pub(super) fn is_woken_when_and_only_when_something_happened(subject: &Subject) -> Applies<()> {
    let acts = [
        Act::ready(Ready::Gated),
        Act::head(Head::Gated),
        Act::answering([Piece::Gated, Piece::token()]),
        Act::answering([Piece::token(), Piece::Gated]),
    ];
    paused(async {
        for act in &acts {
            let (bench, built) = subject.fresh();
            bench.script_all(act);
            let wakes = Arc::new(Wakes::default());
            let counting = wakes.waker();
            let mut cx = Context::from_waker(&counting);
            let mut journey = built.call();
            if journey.poll_to_end(&mut cx).is_ready() {
                // A typed client has no body to wait for.
                continue;
            }
            // Polled for another's sake, as in a `select!`.
            assert!(journey.poll_to_end(&mut cx).is_pending(), "{}: {act:?}", subject.name);
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert_eq!(wakes.count(), 0, "{}: woke itself: {act:?}", subject.name);
            bench.targets.iter().for_each(|target| target.gate().open());
            assert!(wakes.count() > 0, "{}: was not woken: {act:?}", subject.name);
            let end = journey.poll_to_end(&mut cx);
            assert!(matches!(end, Poll::Ready(Ok(()))), "{}: {act:?}", subject.name);
        }
    });
    Ok(())
}

pub(super) fn sleeps_through_an_hour_of_nothing(subject: &Subject) -> Applies<()> {
    let acts = [
        Act::ready(Ready::Never),
        Act::head(Head::Never),
        Act::answering([Piece::Never]),
        Act::answering([Piece::token(), Piece::Never]),
    ];
    paused(async {
        for (act, taught) in acts.iter().flat_map(|act| [(act, false), (act, true)]) {
            let (bench, built) = subject.fresh();
            if let (true, Ok(lesson)) = (taught, &subject.lesson) {
                bench.teach(&built, lesson).await;
            }
            bench.script_all(act);
            let asked = bench.readiness_polls();
            let mut journey = built.call();
            let mut polls = 0;
            let call = std::future::poll_fn(|cx| {
                polls += 1;
                // Here, because what wakes itself does not let the clock go on.
                assert!(polls <= FEW, "{}: polled too often: {act:?}", subject.name);
                journey.poll_to_end(cx)
            });
            let _ = tokio::time::timeout(Duration::from_secs(3600), call).await;
            let asked = bench.readiness_polls() - asked;
            assert!(asked <= FEW, "{}: readiness was polled {asked} times: {act:?}", subject.name);
        }
    });
    Ok(())
}

//! A snapshot is one moment, whatever other threads do at it.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    task::{Context, Waker},
    thread,
};

use buttress_call::{BoxError, Call, Cause, Completion, Error, Kind, Origin, Outcome, Usage};
use buttress_telemetry::{Snapshot, Telemetry};
use tower::{Layer, Service, ServiceExt, service_fn};

const THREADS: usize = 3;
const CALLS: usize = 4_000;

type Request = http::Request<usize>;

/// A provider whose answer follows from the request's number; each costs 10 tokens.
async fn provider(mut request: Request) -> Result<http::Response<()>, BoxError> {
    let number = *request.body();
    let progress = Call::get_or_insert(request.extensions_mut()).ensure_progress().clone();
    progress.mark_sent();
    progress.set_usage(Usage::new(7, 3));
    if number % 5 == 1 {
        return Err(Error::new(Kind::Server, Origin::Upstream, "failed").with_usage(progress.usage()).into());
    }
    if number % 5 == 2 {
        std::future::pending::<()>().await;
    }
    let (completion, ender) = Completion::pair(progress);
    ender.end(Outcome::Success);
    let mut response = http::Response::new(());
    response.extensions_mut().insert(completion);
    Ok(response)
}

/// The stack of one thread: every fifth answer is refused and asked for again.
fn stack(
    telemetry: &Telemetry,
) -> impl Service<Request, Response = http::Response<()>, Error = BoxError> + Clone {
    let target = telemetry.attempt("a").layer(service_fn(provider));
    telemetry.call().layer(service_fn(move |request: Request| {
        let target = target.clone();
        async move {
            let mut again = request.clone();
            let answer = target.clone().oneshot(request).await;
            if again.body() % 5 != 3 {
                return answer;
            }
            Call::get_or_insert(again.extensions_mut()).begin_attempt(Cause::Retry);
            target.oneshot(again).await
        }
    }))
}

fn adds_up(seen: &Snapshot) {
    let (calls, total) = (&seen.calls, &seen.total);
    assert_eq!(calls.started, calls.ok + calls.failed + calls.cancelled + calls.running);
    let attempts = &total.attempts;
    assert_eq!(attempts.started(), attempts.ok + attempts.failed + attempts.cancelled + attempts.running);
    assert!(calls.running <= THREADS as u64 && attempts.running <= THREADS as u64);
    let tokens = &total.tokens;
    let undecided = tokens.undecided().total();
    assert_eq!(tokens.billed.total(), tokens.useful.total() + tokens.wasted.total() + undecided);
    assert_eq!(tokens.billed.total(), 10 * (attempts.ok + attempts.failed + attempts.cancelled));
    assert!(undecided <= 10 * THREADS as u64, "{undecided}");
}

#[test]
fn its_sums_hold_while_other_threads_call() {
    let (telemetry, running) = (Telemetry::default(), AtomicUsize::new(THREADS));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let stack = stack(&telemetry);
                for number in 0..CALLS {
                    let mut call = pin!(stack.clone().oneshot(http::Request::new(number)));
                    // What is pending is dropped.
                    let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                }
                running.fetch_sub(1, Relaxed);
            });
        }
        while running.load(Relaxed) > 0 {
            adds_up(&telemetry.snapshot());
        }
    });
    let seen = telemetry.snapshot();
    adds_up(&seen);
    let fifth = (THREADS * CALLS / 5) as u64;
    let calls = &seen.calls;
    assert_eq!([calls.ok, calls.failed, calls.cancelled, calls.running], [3 * fifth, fifth, fifth, 0]);
    let tokens = &seen.total.tokens;
    assert_eq!([tokens.useful.total(), tokens.wasted.total()], [30 * fifth, 30 * fifth]);
}

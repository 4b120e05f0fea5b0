//! After the response head.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use buttress_call::{BoxError, Completion, Ended, Failure, Kind, Outcome, Usage};
use buttress_timeout::{Phase, TimeoutLayer, Timeouts};
use http_body::Body;
use http_body_util::BodyExt;
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use crate::support::{
    NONE, Request, SECOND, Script, Step, Watched, answer, call, failure, first_content, idle, layer, read,
    request, says, shaped, stream, total,
};

/// What the completion said at the end, and whether the inner body was gone by then.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Option<(Ended, bool)>>>);

impl Told {
    fn of(response: &Watched, dropped: &Arc<AtomicBool>) -> Self {
        let told = Told::default();
        let (to, dropped) = (told.clone(), dropped.clone());
        let completion: &Completion = response.extensions().get().unwrap();
        completion.on_end(move |ended| *to.0.lock().unwrap() = Some((*ended, dropped.load(Relaxed))));
        told
    }

    fn get(&self) -> Option<(Ended, bool)> {
        *self.0.lock().unwrap()
    }
}

fn failed(kind: Kind) -> Outcome {
    Failure::new(kind).into()
}

async fn plain(layer: &TimeoutLayer, request: Request, script: Script) -> Watched {
    call(layer, request, async |_| Ok(script.respond_plain())).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_goes_silent_is_broken_whatever_pings_it_sends() {
    let pings = (1..100).map(|n| (f64::from(n), Step::Ping(":")));
    let script = Script::new([(0.5, Step::Content("ab")), (0.5, Step::Usage(7, 1))].into_iter().chain(pings));
    let dropped = script.dropped.clone();
    let response = stream(&layer(idle(5 * SECOND)), shaped(true), script).await;
    let told = Told::of(&response, &dropped);
    let (text, took) = read(response).await;
    let error = text.unwrap_err();
    assert_eq!(took, Duration::from_millis(5_500));
    assert_eq!(says(&error), (Phase::Idle, 5 * SECOND, 7));
    assert_eq!(error.to_string(), "no further content within 5s (7 bytes seen)");
    assert_eq!(failure(&error).kind, Kind::Broken);
    assert_eq!(buttress_call::find(&error).unwrap().usage(), Some(Usage::new(7, 1)));
    let (ended, inner_was_gone) = told.get().unwrap();
    assert_eq!((ended.outcome, ended.usage), (failed(Kind::Broken), Some(Usage::new(7, 1))));
    assert!(inner_was_gone, "the connection goes before the word of the end");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_covers_the_body() {
    let content = (0..100).map(|n| (f64::from(n), Step::Content("x")));
    let script = Script::new(content);
    let dropped = script.dropped.clone();
    let timeouts = Timeouts { total: Some(Duration::from_millis(9_500)), ..idle(5 * SECOND) };
    let response = stream(&layer(timeouts), shaped(true), script).await;
    let told = Told::of(&response, &dropped);
    let (text, took) = read(response).await;
    let error = text.unwrap_err();
    assert_eq!(took, Duration::from_millis(9_500));
    assert_eq!(says(&error), (Phase::Total, Duration::from_millis(9_500), 10));
    assert_eq!(failure(&error).kind, Kind::Timeout);
    let (ended, inner_was_gone) = told.get().unwrap();
    assert_eq!(ended.outcome, failed(Kind::Timeout));
    assert!(inner_was_gone);
}

#[tokio::test(start_paused = true)]
async fn a_head_before_the_first_content_does_not_stop_the_limit() {
    let script = Script::new([(1.0, Step::Ping(": hm")), (60.0, Step::Content("late"))]);
    let late_head = async |request: Request| {
        let progress = crate::support::progress(&request);
        progress.mark_sent();
        sleep(2 * SECOND).await;
        Ok(script.respond(progress))
    };
    let response = call(&layer(first_content(3 * SECOND)), shaped(true), late_head).await.unwrap();
    let (text, took) = read(response).await;
    let error = text.unwrap_err();
    assert_eq!(took, SECOND, "two of the three seconds were over at the head");
    assert_eq!(error.to_string(), "no first content within 3s of the send (4 bytes seen)");
    assert_eq!(failure(&error).kind, Kind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn content_in_time_ends_the_first_limit_and_starts_the_next() {
    let steps = [1.0, 2.5, 4.0].map(|at| (at, Step::Content("x")));
    let timeouts = Timeouts { idle: Some(2 * SECOND), ..first_content(Duration::from_millis(1_200)) };
    let (text, took) = read(stream(&layer(timeouts), shaped(true), Script::new(steps)).await).await;
    assert_eq!(says(&text.unwrap_err()), (Phase::Idle, 2 * SECOND, 3));
    assert_eq!(took, 6 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_never_trips_it() {
    // Content, a ping, content: all there at once, and each read after a minute, as from a socket.
    for step in [Step::Content("a"), Step::Ping(":")] {
        let steps = [step, step, Step::Content("b"), Step::EndMarker, Step::Close].map(|step| (0.0, step));
        let timeouts = Timeouts { idle: Some(2 * SECOND), ..first_content(2 * SECOND) };
        let mut body = stream(&layer(timeouts), shaped(true), Script::new(steps).lazy()).await.into_body();
        let mut frames = 0;
        sleep(60 * SECOND).await;
        while let Some(frame) = body.frame().await {
            frame.unwrap();
            frames += 1;
            sleep(60 * SECOND).await;
        }
        assert_eq!(frames, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_between_pings_is_counted_and_the_readers_own_is_not() {
    let pings = (0..100).map(|n| (f64::from(n), Step::Ping(":")));
    let mut body =
        stream(&layer(first_content(5 * SECOND)), shaped(true), Script::new(pings)).await.into_body();
    let began = Instant::now();
    body.frame().await.unwrap().unwrap();
    sleep(10 * SECOND).await;
    let error = loop {
        if let Err(error) = body.frame().await.unwrap() {
            break error;
        }
    };
    assert_eq!(says(&error).0, Phase::FirstContent);
    assert_eq!(began.elapsed(), 15 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn after_the_end_marker_an_open_connection_is_no_error() {
    let markers = [Step::EndMarker, Step::LateEndMarker];
    let limits = [idle(5 * SECOND), total(6 * SECOND)];
    for (timeouts, marker) in limits.into_iter().flat_map(|limit| markers.map(|marker| (limit, marker))) {
        let script = Script::new([(1.0, Step::Content("all")), (1.0, marker)]);
        let dropped = script.dropped.clone();
        let response = stream(&layer(timeouts), shaped(true), script).await;
        let told = Told::of(&response, &dropped);
        let (text, took) = read(response).await;
        assert_eq!(text.unwrap(), "all");
        assert_eq!(took, 6 * SECOND, "the body ends when the limit is over");
        assert_eq!(told.get().unwrap().0.outcome, Outcome::Success);
        assert!(dropped.load(Relaxed), "and lets go of the connection");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_marker_may_lie_in_the_held_part() {
    let held = async |request: Request| {
        let progress = crate::support::progress(&request);
        progress.mark_sent();
        progress.mark_received(3, 1);
        let mut response = Script::new([]).respond_plain();
        let (completion, ender) = Completion::pair(progress);
        ender.end(Outcome::Success);
        response.extensions_mut().insert(completion);
        Ok(response)
    };
    let response = call(&layer(idle(SECOND)), shaped(true), held).await.unwrap();
    assert_eq!(read(response).await.0.unwrap(), "");
}

#[tokio::test(start_paused = true)]
async fn with_the_error_the_call_has_ended_and_the_connection_is_gone() {
    let script = Script::new([(0.0, Step::Content("x"))]);
    let dropped = script.dropped.clone();
    let response = stream(&layer(idle(SECOND)), shaped(true), script).await;
    let told = Told::of(&response, &dropped);
    let mut body = response.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    assert!(!body.is_end_stream());
    assert!(body.frame().await.unwrap().is_err());
    // All this while the reader still holds the body.
    assert!(dropped.load(Relaxed));
    assert_eq!(told.get().unwrap().0.outcome, failed(Kind::Broken));
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_body_of_one_attempt_is_not_kept_alive_by_the_content_of_another() {
    let two_attempts = async |request: Request| {
        let call = crate::support::progress(&request);
        let (winner, other) = (call.child(), call.child());
        winner.mark_sent();
        winner.mark_received(4, 1);
        other.mark_sent();
        tokio::spawn(async move {
            loop {
                sleep(SECOND).await;
                other.mark_received(100, 1);
            }
        });
        Ok(Script::new((0..100).map(|n| (f64::from(n), Step::Ping(":")))).respond(winner))
    };
    let response = call(&layer(idle(5 * SECOND)), shaped(true), two_attempts).await.unwrap();
    let (text, took) = read(response).await;
    assert_eq!(says(&text.unwrap_err()).0, Phase::Idle);
    assert_eq!(took, 5 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_midway_is_cancelled_and_leaves_nothing() {
    let script = Script::new([(0.0, Step::Content("x"))]);
    let dropped = script.dropped.clone();
    let response = stream(&layer(idle(5 * SECOND)), shaped(true), script).await;
    let told = Told::of(&response, &dropped);
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    // Pending now, with its timer set.
    tokio::time::timeout(SECOND, body.frame()).await.unwrap_err();
    drop(body);
    let (ended, inner_was_gone) = told.get().unwrap();
    assert_eq!((ended.outcome, inner_was_gone), (Outcome::Cancelled, true));
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_is_limited_to_the_end_of_its_body() {
    let script = Script::new([(1.0, Step::Content("{")), (9.0, Step::Content("}"))]);
    let (text, took) = read(stream(&layer(answer(5 * SECOND)), shaped(false), script).await).await;
    let error = text.unwrap_err();
    assert_eq!(says(&error), (Phase::Answer, 5 * SECOND, 1));
    assert_eq!((took, failure(&error).kind), (5 * SECOND, Kind::Timeout));
}

#[tokio::test(start_paused = true)]
async fn without_a_provider_layer_every_data_frame_is_content() {
    let timeouts = Timeouts { idle: Some(2 * SECOND), ..first_content(3 * SECOND) };
    let script = Script::new([(2.5, Step::Ping("abc")), (4.0, Step::Ping("de")), (60.0, Step::Close)]);
    let (text, took) = read(plain(&layer(timeouts), request(), script).await).await;
    assert_eq!(says(&text.unwrap_err()), (Phase::Idle, 2 * SECOND, 5));
    assert_eq!(took, 6 * SECOND);

    let (text, took) = read(plain(&layer(timeouts), request(), Script::new([])).await).await;
    let error = text.unwrap_err();
    assert_eq!(error.to_string(), "no first content within 3s of the call (0 bytes seen)");
    assert_eq!(took, 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn two_layers_in_one_stack_see_the_same_and_the_inner_one_speaks() {
    use tower::{Layer, ServiceExt, service_fn};
    let client = service_fn(async |_: Request| {
        Ok::<_, BoxError>(Script::new([(0.0, Step::Ping("abc"))]).respond_plain())
    });
    let inner = layer(idle(2 * SECOND)).layer(client);
    let outer = layer(Timeouts { total: Some(2 * SECOND), ..NONE }).layer(inner);
    let response = outer.oneshot(request()).await.unwrap();
    let error = response.into_body().collect().await.unwrap_err();
    assert_eq!(says(&error), (Phase::Idle, 2 * SECOND, 3));
}

#[tokio::test(start_paused = true)]
async fn length_and_end_are_the_inner_bodys_own() {
    use tower::{Layer, ServiceExt, service_fn};
    let client = service_fn(async |_: Request| {
        Ok::<_, BoxError>(http::Response::new(http_body_util::Full::<bytes::Bytes>::from("four")))
    });
    let body = TimeoutLayer::default().layer(client).oneshot(request()).await.unwrap().into_body();
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(4), false));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "four");
}

proptest! {
    #[test]
    fn a_stream_fails_just_when_a_gap_in_its_content_is_longer_than_the_limit(
        gaps in prop::collection::vec((1_u64..2_000, any::<bool>()), 1..30),
        limit in 1_u64..3_000,
        lazy in any::<bool>(),
        reader in prop_oneof![Just(0_u64), 1_u64..500],
    ) {
        // The provider's own time; a reader that lags behind it can only shorten what it waits.
        let (mut at, mut last, mut longest) = (0, 0, 0);
        let mut steps = vec![(0.0, Step::Content("x"))];
        for (gap, content) in gaps {
            at += gap;
            steps.push((Duration::from_millis(at).as_secs_f64(), if content { Step::Content("x") } else { Step::Ping(":") }));
            if content {
                longest = longest.max(at - last);
                last = at;
            }
        }
        let end = Duration::from_millis(last.max(at)).as_secs_f64();
        steps.extend([(end, Step::Content("x")), (end, Step::EndMarker), (end, Step::Close)]);
        longest = longest.max(at - last);
        let script = Script::new(steps);
        let script = if lazy { script.lazy() } else { script };

        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let failed = runtime.block_on(async {
            let layer = layer(idle(Duration::from_millis(limit)));
            let mut body = stream(&layer, shaped(true), script).await.into_body();
            loop {
                match body.frame().await {
                    None => break false,
                    Some(Err(error)) => {
                        assert_eq!(says(&error).0, Phase::Idle);
                        break true;
                    }
                    Some(Ok(_)) => sleep(Duration::from_millis(reader)).await,
                }
            }
        });
        if reader == 0 {
            prop_assert_eq!(failed, longest > limit);
        } else {
            prop_assert!(!failed || longest > limit);
        }
    }
}

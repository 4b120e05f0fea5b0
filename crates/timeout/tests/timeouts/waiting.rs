//! Before the response.

use std::time::Duration;

use buttress_call::{BoxError, Call, Kind, Origin, Usage};
use buttress_timeout::{Phase, Timeouts};
use tokio::time::{Instant, sleep};

use crate::support::{
    NONE, Request, Response, SECOND, Script, Step, answer, call, elapsed, failure, first_content, idle,
    layer, progress, request, says, shaped, total,
};

async fn never(_: Request) -> Result<Response, BoxError> {
    std::future::pending().await
}

/// A provider that gets the request and is silent.
async fn black_hole(request: Request) -> Result<Response, BoxError> {
    progress(&request).mark_sent();
    std::future::pending().await
}

fn empty(request: &Request) -> Response {
    Script::new([(0.0, Step::EndMarker), (0.0, Step::Close)]).respond(progress(request))
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_content_in_time_says_so() {
    let began = Instant::now();
    let limit = Duration::from_millis(800);
    let error = call(&layer(first_content(limit)), shaped(true), black_hole).await.unwrap_err();
    assert_eq!(began.elapsed(), limit);
    assert_eq!(says(&error), (Phase::FirstContent, limit, 0));
    assert_eq!(error.to_string(), "no first content within 800ms of the send (0 bytes seen)");
    assert_eq!(elapsed(&error).to_string(), error.to_string());
    assert_eq!(failure(&error).kind, Kind::Timeout);
    assert_eq!(buttress_call::find(&error).unwrap().origin(), Origin::Layer("timeout"));
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_that_is_not_there_in_time_says_so() {
    let error = call(&layer(answer(60 * SECOND)), shaped(false), black_hole).await.unwrap_err();
    assert_eq!(says(&error), (Phase::Answer, 60 * SECOND, 0));
    assert_eq!(error.to_string(), "no whole answer within 60s of the send (0 bytes seen)");
    assert_eq!(failure(&error).kind, Kind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn a_call_past_its_total_says_so() {
    let error = call(&layer(total(600 * SECOND)), request(), never).await.unwrap_err();
    assert_eq!(says(&error), (Phase::Total, 600 * SECOND, 0));
    assert_eq!(error.to_string(), "not done within 600s of the call (0 bytes seen)");
    assert_eq!(failure(&error).kind, Kind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn the_default_is_a_total_of_ten_minutes() {
    let error = call(&buttress_timeout::TimeoutLayer::default(), request(), never).await.unwrap_err();
    assert_eq!(says(&error), (Phase::Total, 600 * SECOND, 0));
}

#[tokio::test(start_paused = true)]
async fn each_sort_of_answer_has_its_own_limit() {
    let both = layer(Timeouts {
        first_content: Some(SECOND.into()),
        answer: Some((5 * SECOND).into()),
        ..Timeouts::default()
    });
    let slow = async |request: Request| {
        progress(&request).mark_sent();
        sleep(3 * SECOND).await;
        Ok(empty(&request))
    };
    assert!(call(&both, shaped(false), slow).await.is_ok());
    let error = call(&both, shaped(true), slow).await.unwrap_err();
    assert_eq!(says(&error).0, Phase::FirstContent);
    // What is not known to come whole is taken for a stream.
    let error = call(&both, request(), slow).await.unwrap_err();
    assert_eq!(says(&error).0, Phase::FirstContent);
}

#[tokio::test(start_paused = true)]
async fn the_limit_counts_from_a_send_that_is_marked_late() {
    let layer = layer(first_content(3 * SECOND));
    let queued = async |request: Request| {
        sleep(2 * SECOND).await;
        progress(&request).mark_sent();
        sleep(2 * SECOND).await;
        Ok(empty(&request))
    };
    assert!(call(&layer, request(), queued).await.is_ok());

    let began = Instant::now();
    let silent = async |request: Request| {
        sleep(2 * SECOND).await;
        black_hole(request).await
    };
    let error = call(&layer, request(), silent).await.unwrap_err();
    assert_eq!(began.elapsed(), 5 * SECOND);
    assert_eq!(error.to_string(), "no first content within 3s of the send (0 bytes seen)");
}

#[tokio::test(start_paused = true)]
async fn a_queue_longer_than_the_limit_does_not_trip_it() {
    let layer = layer(first_content(3 * SECOND));
    let queued = async |request: Request| {
        progress(&request).mark_waiting();
        sleep(20 * SECOND).await;
        progress(&request).mark_sent();
        sleep(2 * SECOND).await;
        Ok(empty(&request))
    };
    assert!(call(&layer, request(), queued).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn after_a_queue_the_limit_is_kept_to_the_instant_even_if_another_task_sends() {
    let layer = layer(first_content(3 * SECOND));
    let began = Instant::now();
    let elsewhere = async |request: Request| {
        progress(&request).mark_waiting();
        tokio::spawn(async move {
            sleep(10 * SECOND).await;
            progress(&request).mark_sent();
        });
        std::future::pending().await
    };
    call(&layer, request(), elsewhere).await.unwrap_err();
    assert_eq!(began.elapsed(), 13 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_marks_sends_the_limit_counts_from_the_call() {
    let error = call(&layer(first_content(3 * SECOND)), request(), never).await.unwrap_err();
    assert_eq!(error.to_string(), "no first content within 3s of the call (0 bytes seen)");
}

#[tokio::test(start_paused = true)]
async fn the_marks_of_an_earlier_attempt_are_not_this_ones() {
    let mut request = request();
    let earlier = Call::get_or_insert(request.extensions_mut()).ensure_progress().clone();
    earlier.mark_sent();
    earlier.mark_received(10, 1);
    sleep(60 * SECOND).await;
    let began = Instant::now();
    let error = call(&layer(first_content(3 * SECOND)), request, never).await.unwrap_err();
    assert_eq!((says(&error).0, began.elapsed()), (Phase::FirstContent, 3 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn content_satisfies_the_first_limit_while_the_answer_is_still_held() {
    let held = async |request: Request| {
        let progress = progress(&request);
        progress.mark_sent();
        for _ in 0..10 {
            sleep(SECOND).await;
            progress.mark_received(4, 1);
        }
        Ok(empty(&request))
    };
    let timeouts = Timeouts { idle: Some(2 * SECOND), ..first_content(2 * SECOND) };
    assert!(call(&layer(timeouts), shaped(true), held).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_held_stream_that_goes_silent_is_broken_and_pings_do_not_help_it() {
    let began = Instant::now();
    let stalls = async |request: Request| {
        let progress = progress(&request);
        progress.mark_sent();
        sleep(SECOND).await;
        progress.mark_received(40, 2);
        progress.set_usage(Usage::new(12, 2));
        loop {
            sleep(SECOND).await;
            progress.mark_received(1, 0);
        }
    };
    let error = call(&layer(idle(Duration::from_millis(4_500))), shaped(true), stalls).await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_millis(5_500));
    assert_eq!(error.to_string(), "no further content within 4.5s (44 bytes seen)");
    assert_eq!(says(&error).0, Phase::Idle);
    assert_eq!(failure(&error).kind, Kind::Broken);
    assert_eq!(buttress_call::find(&error).unwrap().usage(), Some(Usage::new(12, 2)));
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_is_never_idle() {
    let slow = async |request: Request| {
        let progress = progress(&request);
        progress.mark_sent();
        progress.mark_received(40, 1);
        sleep(20 * SECOND).await;
        Ok(empty(&request))
    };
    assert!(call(&layer(idle(SECOND)), shaped(false), slow).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn inner_layers_read_the_deadline_and_an_earlier_one_stays() {
    let now = Instant::now();
    let reads = async |request: Request| {
        assert_eq!(Call::get(request.extensions()).unwrap().deadline(), Some(now + 5 * SECOND));
        Ok(empty(&request))
    };
    call(&layer(total(5 * SECOND)), request(), reads).await.unwrap();

    let mut hurried = request();
    Call::get_or_insert(hurried.extensions_mut()).clamp_deadline(now + 5 * SECOND);
    call(&layer(total(600 * SECOND)), hurried.clone(), reads).await.unwrap();

    // It is kept, also by a layer without a total of its own.
    let (own, none) = (layer(total(600 * SECOND)), layer(NONE));
    let (own, none) = tokio::join!(call(&own, hurried.clone(), never), call(&none, hurried, never));
    assert_eq!(says(&own.unwrap_err()), (Phase::Total, 5 * SECOND, 0));
    assert_eq!(says(&none.unwrap_err()), (Phase::Total, 5 * SECOND, 0));
    assert_eq!(now.elapsed(), 5 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_before_the_other_limits_is_the_one_named() {
    let timeouts = Timeouts { total: Some(2 * SECOND), ..first_content(3 * SECOND) };
    let error = call(&layer(timeouts), request(), black_hole).await.unwrap_err();
    assert_eq!(says(&error), (Phase::Total, 2 * SECOND, 0));
    let timeouts = Timeouts { total: Some(3 * SECOND), ..first_content(3 * SECOND) };
    let error = call(&layer(timeouts), request(), black_hole).await.unwrap_err();
    assert_eq!(says(&error).0, Phase::FirstContent, "at the same instant, the narrower one");
}

#[tokio::test(start_paused = true)]
async fn a_call_after_its_deadline_is_not_made_and_not_held_against_the_provider() {
    let mut late = request();
    Call::get_or_insert(late.extensions_mut()).clamp_deadline(Instant::now());
    let error = call(&layer(NONE), late, async |_| unreachable!("it is not called")).await.unwrap_err();
    assert_eq!(says(&error), (Phase::Total, Duration::ZERO, 0));
    assert_eq!(error.to_string(), "the deadline had passed before the call");
    assert_eq!(failure(&error).kind, Kind::Rejected);
}

#[tokio::test(start_paused = true)]
async fn a_limit_beyond_the_end_of_time_is_no_limit() {
    let timeouts = Timeouts {
        total: Some(Duration::MAX),
        first_content: Some(Duration::MAX.into()),
        idle: Some(Duration::MAX),
        answer: Some(Duration::MAX.into()),
    };
    for request in [shaped(true), shaped(false)] {
        let slow = async |request: Request| {
            progress(&request).mark_sent();
            sleep(SECOND).await;
            progress(&request).mark_received(1, 1);
            sleep(3_600 * SECOND).await;
            Ok(empty(&request))
        };
        assert!(call(&layer(timeouts), request, slow).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_at_the_very_instant_of_the_limit_is_not_thrown_away() {
    let timeouts = Timeouts { total: Some(3 * SECOND), ..first_content(3 * SECOND) };
    let just = async |request: Request| {
        progress(&request).mark_sent();
        sleep(3 * SECOND).await;
        Ok(empty(&request))
    };
    assert!(call(&layer(timeouts), request(), just).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_error_from_inside_passes_unchanged() {
    let fails = async |_| Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into());
    let error = call(&layer(total(SECOND)), request(), fails).await.unwrap_err();
    assert!(error.downcast_ref::<std::io::Error>().is_some());
    assert_eq!(failure(&error).kind, Kind::Connect);
}

//! The limits that are learnt.

use std::time::Duration;

use buttress_call::{BoxError, Completion, Kind};
use buttress_timeout::{TimeLimit, TimeoutLayer, Timeouts};
use tokio::time::sleep;

use crate::support::{
    NONE, Request, Response, SECOND, Script, Step, call, layer, progress, read, shaped, stream,
};

fn adaptive() -> TimeoutLayer {
    layer(Timeouts {
        first_content: Some(TimeLimit::adaptive()),
        answer: Some(TimeLimit::adaptive()),
        ..NONE
    })
}

fn near(limit: Option<Duration>, seconds: f64) -> bool {
    // The estimator knows a time to within 1/32.
    limit.is_some_and(|limit| (limit.as_secs_f64() - seconds).abs() <= seconds / 16.0)
}

/// Twenty streams, each with its first content after `at` seconds.
async fn streams(layer: &TimeoutLayer, at: f64) {
    for _ in 0..20 {
        let script =
            Script::new([(at, Step::Content("x")), (at + 7.0, Step::EndMarker), (at + 7.0, Step::Close)]);
        read(stream(layer, shaped(true), script).await).await.0.unwrap();
    }
}

/// Twenty whole answers, each complete after `at` seconds.
async fn answers(layer: &TimeoutLayer, at: f64) {
    for _ in 0..20 {
        let script = Script::new([(0.1, Step::Content("{")), (at, Step::EndMarker), (at, Step::Close)]);
        read(stream(layer, shaped(false), script).await).await.0.unwrap();
    }
}

async fn black_hole(request: Request) -> Result<Response, BoxError> {
    progress(&request).mark_sent();
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn the_limit_is_four_times_the_95th_percentile_of_first_content() {
    let layer = adaptive();
    assert_eq!(layer.first_content_now(), Some(10 * SECOND));
    streams(&layer, 1.5).await;
    assert!(near(layer.first_content_now(), 6.0), "{:?}", layer.first_content_now());
    let error = call(&layer, shaped(true), black_hole).await.unwrap_err();
    assert!(near(Some(crate::support::says(&error).1), 6.0));
}

#[tokio::test(start_paused = true)]
async fn content_seen_while_the_answer_is_held_is_learnt_from_too() {
    let layer = adaptive();
    for _ in 0..20 {
        let held = async |request: Request| {
            let progress = progress(&request);
            // In a queue, which does not count.
            sleep(SECOND).await;
            progress.mark_sent();
            sleep(2 * SECOND).await;
            progress.mark_received(1, 1);
            sleep(3 * SECOND).await;
            Ok(Script::new([(0.0, Step::EndMarker), (0.0, Step::Close)]).respond(progress))
        };
        call(&layer, shaped(true), held).await.unwrap();
    }
    assert!(near(layer.first_content_now(), 8.0), "{:?}", layer.first_content_now());
}

#[tokio::test(start_paused = true)]
async fn streams_and_whole_answers_share_nothing() {
    let layer = adaptive();
    streams(&layer, 1.0).await;
    assert_eq!(layer.answer_now(), Some(10 * SECOND));
    answers(&layer, 2.0).await;
    assert!(near(layer.first_content_now(), 4.0), "{:?}", layer.first_content_now());
    assert!(near(layer.answer_now(), 8.0), "{:?}", layer.answer_now());
}

#[tokio::test(start_paused = true)]
async fn clones_learn_together() {
    let layer = adaptive();
    streams(&layer.clone(), 1.0).await;
    assert!(near(layer.first_content_now(), 4.0), "{:?}", layer.first_content_now());
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_became_slower_than_the_limit_gets_a_longer_one() {
    let layer = adaptive();
    streams(&layer, 0.5).await;
    assert_eq!(layer.first_content_now(), Some(3 * SECOND));
    let mut cut_off = 0;
    let slower = || Script::new([(4.0, Step::Content("x")), (4.0, Step::EndMarker), (4.0, Step::Close)]);
    while read(stream(&layer, shaped(true), slower()).await).await.0.is_err() {
        cut_off += 1;
    }
    assert!(cut_off <= 3, "{cut_off}");
    assert_eq!(layer.first_content_now(), Some(10 * SECOND));
    // The same from a future that is cut off.
    let layer = adaptive();
    streams(&layer, 0.5).await;
    for _ in 0..3 {
        call(&layer, shaped(true), black_hole).await.unwrap_err();
    }
    assert_eq!(layer.first_content_now(), Some(10 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn failures_and_short_deadlines_teach_nothing() {
    let layer = adaptive();
    streams(&layer, 1.5).await;
    // Enough of them to be all but the last 5 %.
    for _ in 0..600 {
        let fails = async |_| {
            Err(buttress_call::Error::new(Kind::RateLimited, buttress_call::Origin::Upstream, "no").into())
        };
        call(&layer, shaped(true), fails).await.unwrap_err();
        let mut hurried = shaped(true);
        let soon = tokio::time::Instant::now() + SECOND / 100;
        buttress_call::Call::get_or_insert(hurried.extensions_mut()).clamp_deadline(soon);
        call(&layer, hurried, black_hole).await.unwrap_err();
        let answers_500 = async |_| {
            let mut response = Script::new([(0.0, Step::Ping("x")), (0.0, Step::Close)]).respond_plain();
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            Ok(response)
        };
        read(call(&layer, shaped(true), answers_500).await.unwrap()).await.0.unwrap();
    }
    assert!(near(layer.first_content_now(), 6.0), "{:?}", layer.first_content_now());
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_teaches_nothing_of_the_provider() {
    let layer = adaptive();
    for _ in 0..20 {
        let script = Script::new([(1.0, Step::Content("{")), (2.0, Step::EndMarker), (2.0, Step::Close)]);
        let response = stream(&layer, shaped(false), script).await;
        sleep(60 * SECOND).await;
        read(response).await.0.unwrap();
    }
    assert_eq!(layer.answer_now(), Some(3 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_turned_out_to_be_a_failure_teaches_nothing() {
    let layer = adaptive();
    for _ in 0..20 {
        let fails = async |request: Request| {
            progress(&request).mark_sent();
            let mut response = Script::new([(0.1, Step::Ping("error")), (0.1, Step::Close)]).respond_plain();
            let (completion, ender) = Completion::pair(progress(&request));
            ender.end(Kind::Server.into());
            response.extensions_mut().insert(completion);
            Ok(response)
        };
        read(call(&layer, shaped(false), fails).await.unwrap()).await.0.unwrap();
    }
    assert_eq!(layer.answer_now(), Some(10 * SECOND));
}

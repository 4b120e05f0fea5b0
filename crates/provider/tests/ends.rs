//! After the first content: the bytes as they came, and at the end the right word.

mod kit;

use std::{error::Error as _, io};

use buttress_call::{BoxError, Error, Kind, Origin, Outcome, Usage, find};
use buttress_provider::Commit;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use kit::*;
use tower::ServiceExt;
use tower_layer::Layer;

#[tokio::test(start_paused = true)]
async fn a_good_stream_arrives_as_it_was_sent_and_succeeds_with_its_usage() {
    let pieces = [ROLE, HELLO, WORLD, FINISH, USAGE, DONE];
    let taken = take(Client::new(Answer::stream(&pieces)).stream().await.unwrap()).await;
    assert_eq!(taken.ended.unwrap().usage, Some(Usage::new(7, 2)));
    assert_eq!(taken.pieces, pieces);
    taken.success();
    let pieces = [START, PING, BLOCK, TEXT, PING, TEXT, DELTA, STOP];
    let taken = take(Client::new(Answer::stream(&pieces)).anthropic().await.unwrap()).await;
    assert_eq!(taken.ended.unwrap().usage, Some(Usage::new(7, 2)));
    assert_eq!(taken.success(), pieces.concat());
}

#[tokio::test(start_paused = true)]
async fn a_cut_after_content_breaks_with_the_usage_so_far() {
    for ahead in [vec![], vec![Step::Wait(SECOND)]] {
        let steps = [data(START), data(TEXT)].into_iter().chain(ahead).chain([data("event: con"), cut()]);
        let taken = take(Client::new(Answer::steps(steps)).anthropic().await.unwrap()).await;
        let (text, error) = taken.broken();
        assert_eq!(text, [START, TEXT, "event: con"].concat());
        assert_eq!(error.usage(), Some(Usage::new(7, 1)));
        assert_eq!(error.origin(), Origin::Transport);
        assert_eq!(
            error.source().unwrap().downcast_ref::<io::Error>().unwrap().kind(),
            io::ErrorKind::ConnectionReset
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_event_after_content_is_passed_on_and_breaks_the_answer() {
    for pieces in [&[HELLO, ERROR][..], &[HELLO, USAGE, ERROR, DONE], &[HELLO, FINISH, ERROR, DONE]] {
        let steps = pieces.iter().flat_map(|piece| [Step::Yield, data(*piece)]);
        let (text, error) = take(Client::new(Answer::steps(steps)).stream().await.unwrap()).await.broken();
        assert!(text.contains(ERROR) && pieces.concat().starts_with(&text), "{text}");
        assert_eq!(error.origin(), Origin::Upstream);
        assert_eq!(error.code(), Some("server_is_overloaded"));
        let inner = error.source().unwrap().downcast_ref::<Error>().unwrap();
        assert_eq!(inner.kind(), Kind::Overloaded);
    }
    let steps = [START, TEXT, OVERLOADED].iter().flat_map(|piece| [Step::Yield, data(*piece)]);
    let (text, _) = take(Client::new(Answer::steps(steps)).anthropic().await.unwrap()).await.broken();
    assert_eq!(text, [START, TEXT, OVERLOADED].concat());
}

#[tokio::test(start_paused = true)]
async fn done_after_an_error_does_not_make_it_good() {
    let steps = [data(HELLO), Step::Yield, data([WORLD, ERROR, DONE].concat())];
    let client = Client::new(Answer::steps(steps));
    let (text, _) = take(client.stream().await.unwrap()).await.broken();
    assert_eq!(text, [HELLO, WORLD, ERROR, DONE].concat());
}

#[tokio::test(start_paused = true)]
async fn a_missing_end_marker_breaks_the_answer() {
    let (text, error) =
        take(Client::new(Answer::stream(&[HELLO, WORLD])).stream().await.unwrap()).await.broken();
    assert_eq!(text, [HELLO, WORLD].concat());
    assert!(error.to_string().contains("before its end marker"), "{error}");
    let client = Client::new(Answer::stream(&[START, TEXT, DELTA]));
    let (text, error) = take(client.anthropic().await.unwrap()).await.broken();
    assert_eq!((text, error.usage()), ([START, TEXT, DELTA].concat(), Some(Usage::new(7, 2))));
}

#[tokio::test(start_paused = true)]
async fn a_complete_stream_that_only_lacks_done_is_a_success() {
    for pieces in [&[HELLO, FINISH][..], &[HELLO, FINISH, USAGE], &[HELLO, FINISH.trim_end()]] {
        let taken = take(Client::new(Answer::stream(pieces)).stream().await.unwrap()).await;
        assert_eq!(taken.success(), pieces.concat());
    }
    let client = Client::new(Answer::stream(&[HELLO, FINISH, USAGE.trim_end()]));
    let taken = take(client.stream().await.unwrap()).await;
    assert_eq!(taken.ended.unwrap().usage, Some(Usage::new(7, 2)));
}

#[tokio::test(start_paused = true)]
async fn a_marker_without_its_blank_line_is_a_marker() {
    let client = Client::new(Answer::stream(&[HELLO, "data: [DONE]"]));
    assert_eq!(take(client.stream().await.unwrap()).await.success(), [HELLO, "data: [DONE]"].concat());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_well_without_content_is_a_good_empty_answer() {
    for pieces in [&[DONE][..], &[ROLE, FINISH, DONE], &[ROLE, FINISH], &[COMMENT, DONE]] {
        let taken = take(Client::new(Answer::stream(pieces)).stream().await.unwrap()).await;
        assert_eq!(taken.success(), pieces.concat());
    }
    let pieces = [START, DELTA, STOP];
    let taken = take(Client::new(Answer::stream(&pieces)).anthropic().await.unwrap()).await;
    assert_eq!(taken.success(), pieces.concat());
}

#[tokio::test(start_paused = true)]
async fn a_malformed_event_in_the_middle_is_passed_on() {
    let pieces = [HELLO, MALFORMED, WORLD, FINISH, DONE];
    let taken = take(Client::new(Answer::stream(&pieces)).stream().await.unwrap()).await;
    assert_eq!(taken.success(), pieces.concat());
    let garbage = b"\xff\x00\xfe\n\ndata: \x80\x81\n\n";
    let steps = [data(HELLO), data(&garbage[..]), data(DONE)];
    let taken = take(Client::new(Answer::steps(steps)).stream().await.unwrap()).await;
    assert_eq!(taken.text, [HELLO.as_bytes(), garbage, DONE.as_bytes()].concat());
    assert!(taken.error.is_none() && taken.ended.unwrap().outcome.is_success());
}

#[tokio::test(start_paused = true)]
async fn an_event_above_the_limit_after_content_is_passed_on() {
    let long = format!("data: {}\n\n", "x".repeat(3000));
    for usage in [true, false] {
        let pieces = long.as_bytes().chunks(100).map(|piece| data(piece.to_vec()));
        let steps = [data(HELLO)].into_iter().chain(pieces).chain([data(WORLD), data(DONE)]);
        let client = Client::new(Answer::steps(steps));
        let response = client.call(openai().max_event(1000), ask(true, usage)).await.unwrap();
        assert_eq!(take(response).await.success(), [HELLO, &long, WORLD, DONE].concat());
    }
}

#[tokio::test(start_paused = true)]
async fn what_breaks_after_the_end_marker_breaks_nothing() {
    for rest in
        [vec![cut()], vec![Step::Yield, cut()], vec![data(COMMENT), cut()], vec![data("data: {\"x"), cut()]]
    {
        let steps = [data(HELLO), data(DONE)].into_iter().chain(rest);
        let taken = take(Client::new(Answer::steps(steps)).stream().await.unwrap()).await;
        taken.success();
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_event_after_the_end_marker_comes_too_late() {
    for steps in [
        vec![data([HELLO, DONE, ERROR].concat())],
        vec![data(HELLO), Step::Yield, data([DONE, ERROR].concat())],
        vec![data(HELLO), Step::Yield, data(DONE), Step::Yield, data(ERROR)],
        vec![data(HELLO), data(DONE), data(ERROR)],
        vec![data(HELLO), data(DONE), data(ERROR.trim_end())],
    ] {
        for layer in [openai(), openai().commit_streams(Commit::Head)] {
            let client = Client::new(Answer::steps(steps.clone()));
            let taken = take(client.call(layer, ask(true, true)).await.unwrap()).await;
            assert!(taken.text.starts_with([HELLO, DONE].concat().as_bytes()));
            taken.success();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_hang_up_after_the_marker_is_not_waited_for() {
    let client = Client::new(Answer::stream(&[HELLO, DONE]).then([Step::Hang]));
    let taken = take(client.stream().await.unwrap()).await;
    assert!(taken.took >= SECOND / 2 && taken.took < SECOND, "{:?}", taken.took);
    taken.success();
    assert_eq!(client.events.count("body dropped"), 1);
}

#[tokio::test(start_paused = true)]
async fn comments_after_the_marker_do_not_keep_a_body_open() {
    let rest = (0..100).flat_map(|_| [Step::Wait(SECOND / 10), data(COMMENT)]);
    let client = Client::new(Answer::stream(&[HELLO, DONE]).then(rest));
    let taken = take(client.stream().await.unwrap()).await;
    assert!(taken.took < SECOND, "{:?}", taken.took);
    taken.success();
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_stops_at_the_marker_has_a_success_and_the_transport_its_end() {
    let client = Client::new(Answer::steps([data(HELLO), Step::Yield, data(DONE)]));
    let response = client.stream().await.unwrap();
    let completion = completion(&response);
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    assert!(completion.ended().is_none());
    body.frame().await.unwrap().unwrap();
    assert!(client.events.all().contains(&"body polled to its end"));
    assert_eq!(completion.ended().unwrap().outcome, Outcome::Success);
    assert!(body.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_after_the_marker_is_a_success() {
    for steps in [
        vec![data(HELLO), Step::Yield, data(DONE), Step::Hang],
        vec![data([HELLO, DONE].concat()), Step::Hang],
        vec![data(HELLO), Step::Yield, data([USAGE, DONE].concat()), Step::Hang],
    ] {
        let response = Client::new(Answer::steps(steps)).stream().await.unwrap();
        let completion = completion(&response);
        let mut body = response.into_body();
        let mut text = String::new();
        while !text.ends_with(DONE) {
            let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
            text.push_str(std::str::from_utf8(&data).unwrap());
        }
        assert!(!body.is_end_stream(), "the transport has not ended");
        assert!(completion.ended().is_none());
        drop(body);
        assert_eq!(completion.ended().unwrap().outcome, Outcome::Success);
    }
}

#[tokio::test(start_paused = true)]
async fn a_marker_in_the_held_part_makes_a_body_that_nobody_reads_a_success() {
    let client = Client::new(Answer::steps([data([HELLO, USAGE, DONE].concat()), Step::Hang]));
    let response = client.stream().await.unwrap();
    let completion = completion(&response);
    drop(response);
    let ended = completion.ended().unwrap();
    assert_eq!((ended.outcome, ended.usage), (Outcome::Success, Some(Usage::new(7, 2))));
}

#[tokio::test(start_paused = true)]
async fn a_body_never_polled_past_its_declared_length_is_a_success() {
    for answer in [
        Answer::stream(&[HELLO, WORLD, FINISH, USAGE, DONE]),
        Answer::stream(&[HELLO, WORLD, FINISH, USAGE]),
        Answer::of("audio/mpeg", [data("abc"), data("def")]),
    ] {
        for commit in [Commit::Head, Commit::STREAM, Commit::WHOLE] {
            let client = Client::new(answer.clone().declared());
            let layer = openai().commit_streams(commit).commit_whole(commit);
            let response = client.call(layer, ask(true, true)).await.unwrap();
            let completion = completion(&response);
            let declared: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
            let mut body = response.into_body();
            let mut left = declared;
            while left > 0 {
                assert_eq!(body.size_hint().exact(), Some(left as u64));
                assert!(!body.is_end_stream());
                left -= body.frame().await.unwrap().unwrap().into_data().unwrap().len();
            }
            assert!(body.is_end_stream());
            assert_eq!(client.events.count("body polled to its end"), 0);
            assert_eq!(completion.ended().unwrap().outcome, Outcome::Success);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_declared_length_that_is_not_the_whole_stream_breaks() {
    let client = Client::new(Answer::stream(&[HELLO, WORLD]).declared());
    let (text, _) = take(client.stream().await.unwrap()).await.broken();
    assert_eq!(text, [HELLO, WORLD].concat());
}

#[tokio::test(start_paused = true)]
async fn trailers_are_passed_on_and_are_the_end() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-took", "5".parse().unwrap());
    let answers = [
        Answer::stream(&[HELLO, DONE]),
        Answer::stream(&[HELLO, FINISH]),
        Answer::json(&[JSON]),
        Answer::of("audio/mpeg", [data("abc"), Step::Yield, data("def")]),
    ];
    for answer in answers {
        for commit in [Commit::Head, Commit::STREAM, Commit::WHOLE] {
            for gap in [vec![], vec![Step::Yield], vec![Step::Wait(SECOND / 10)]] {
                let steps = gap.into_iter().chain([Step::Trailers(trailers.clone())]);
                let client = Client::new(answer.clone().then(steps));
                let layer = openai().commit_streams(commit).commit_whole(commit);
                let response = client.call(layer, ask(true, true)).await.unwrap();
                let completion = completion(&response);
                let mut body = response.into_body();
                let seen = loop {
                    match body.frame().await.unwrap().unwrap().into_trailers() {
                        Ok(trailers) => break trailers,
                        Err(_) => assert!(!body.is_end_stream(), "the trailers are to come"),
                    }
                };
                assert_eq!(seen, trailers);
                // Nobody polls a body past its trailers.
                assert!(body.is_end_stream());
                drop(body);
                assert_eq!(completion.ended().unwrap().outcome, Outcome::Success);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn trailers_of_a_broken_stream_come_before_its_error() {
    let client = Client::new(Answer::stream(&[HELLO]).then([Step::Trailers(HeaderMap::new())]));
    let taken = take(client.stream().await.unwrap()).await;
    assert!(taken.trailers.is_some());
    taken.broken();
}

#[tokio::test(start_paused = true)]
async fn a_time_out_of_a_layer_below_keeps_its_kind_before_content_only() {
    for (ahead, kind) in [(ROLE, Kind::Timeout), (HELLO, Kind::Broken)] {
        let late = Error::new(Kind::Timeout, Origin::Layer("timeout"), "too slow");
        let frames = [Ok(Frame::data(Bytes::from(ahead))), Err(BoxError::from(late))];
        let body = StreamBody::new(futures_util::stream::iter(frames));
        let mut body = Some(body);
        let client = tower::service_fn(move |_: http::Request<_>| {
            let response = http::Response::builder().header("content-type", "text/event-stream");
            let response = response.body(body.take().unwrap()).unwrap();
            std::future::ready(Ok::<_, BoxError>(response))
        });
        let service = openai().layer(client);
        let error = match service.oneshot(ask(true, true)).await {
            Err(error) => error,
            Ok(response) => response.into_body().collect().await.unwrap_err(),
        };
        assert_eq!(find(&error).unwrap().kind(), kind);
    }
}

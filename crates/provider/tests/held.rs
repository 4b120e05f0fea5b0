//! What goes wrong before the first content is an `Err`, of a kind that layers outside can act on.

mod kit;

use std::{error::Error as _, io, time::Duration};

use buttress_call::{Completion, Kind, Limits, Origin, OutputCharge, Usage};
use buttress_provider::{Commit, Said};
use kit::*;

#[tokio::test(start_paused = true)]
async fn an_error_status_is_an_error_of_its_kind_with_the_whole_answer() {
    let body = "{\"error\":{\"message\":\"Slow down\",\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\"}}";
    let answer = Answer::json(&[body])
        .status(429)
        .header("retry-after", "7")
        .header("x-should-retry", "true")
        .header("x-ratelimit-remaining-tokens", "0")
        .header("x-ratelimit-limit-tokens", "1000");
    let error = failed(Client::new(answer).stream().await);
    assert_eq!(error.kind(), Kind::RateLimited);
    assert_eq!(error.origin(), Origin::Upstream);
    assert_eq!(error.retry_after(), Some(7 * SECOND));
    assert_eq!(error.should_retry(), Some(true));
    assert_eq!(error.code(), Some("rate_limit_exceeded"));
    assert_eq!(error.limits().unwrap().tokens.remaining, Some(0));
    assert!(error.charging().unwrap().failed_requests_count);
    assert_eq!(error.status(), 429);
    let upstream = error.upstream().unwrap();
    assert_eq!((upstream.status.as_u16(), &upstream.body[..]), (429, body.as_bytes()));
    assert_eq!(upstream.headers["retry-after"], "7");
    let said = error.source().unwrap().downcast_ref::<Said>().unwrap();
    assert_eq!(said.message(), "Slow down");
    assert!(!error.to_string().contains("Slow down"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn every_error_status_is_an_error_even_without_a_body() {
    for (status, kind) in [
        (400, Kind::Invalid),
        (401, Kind::Auth),
        (404, Kind::NotFound),
        (429, Kind::RateLimited),
        (500, Kind::Server),
        (503, Kind::Overloaded),
        (529, Kind::Overloaded),
    ] {
        for answer in [Answer::stream(&[]), Answer::json(&[]), Answer::of("", []).declared()] {
            let error = failed(Client::new(answer.status(status)).stream().await);
            assert_eq!((error.kind(), error.status().as_u16()), (kind, status));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_no_answer() {
    let error = failed(Client::new(Answer::of("", []).status(307)).stream().await);
    assert_eq!((error.kind(), error.status().as_u16()), (Kind::Server, 502));
    assert_eq!(error.upstream().unwrap().status, 307);
}

#[tokio::test(start_paused = true)]
async fn an_error_body_that_breaks_leaves_the_status_its_word() {
    let client = Client::new(Answer::json(&["{\"error\":"]).then([cut()]).status(503));
    let error = failed(client.stream().await);
    assert_eq!(error.kind(), Kind::Overloaded);
    assert_eq!(error.upstream().unwrap().body, "{\"error\":");
}

#[tokio::test(start_paused = true)]
async fn an_error_body_that_never_ends_is_not_waited_for_long() {
    for rest in [Step::Hang, Step::Wait(60 * SECOND)] {
        let client = Client::new(Answer::json(&["{\"error\":"]).then([rest]).status(503));
        let error = tokio::time::timeout(10 * SECOND, client.stream()).await.expect("it is judged");
        assert_eq!(failed(error).kind(), Kind::Overloaded);
        assert_eq!(client.events.count("body dropped"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_of_an_error_body_is_bounded() {
    let piece = "x".repeat(100_000);
    let client = Client::new(Answer::steps([Step::Forever(piece.into())]).status(500));
    let error = failed(client.stream().await);
    assert_eq!(error.upstream().unwrap().body.len(), 64 << 10);
    assert_eq!(error.kind(), Kind::Server);
    let tiny = Client::new(Answer::steps([Step::Forever("x".into())]).status(500));
    assert_eq!(failed(tiny.stream().await).upstream().unwrap().body.len(), 64 << 10);
}

#[tokio::test(start_paused = true)]
async fn a_compressed_error_body_is_not_taken_for_words() {
    let steps = [data(&b"\x1f\x8b\x08\0overloaded rate limit\xff"[..])];
    let answer = Answer::of("application/json", steps).status(400).header("content-encoding", "gzip");
    let error = failed(Client::new(answer).stream().await);
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.upstream().unwrap().body.starts_with(b"\x1f\x8b"));
    assert!(!printed(&error).contains("rate limit"), "{}", printed(&error));
}

#[tokio::test(start_paused = true)]
async fn a_200_whose_first_event_is_an_error_is_that_error() {
    for pieces in [&[ERROR][..], &[ROLE, ERROR], &[COMMENT, ERROR, DONE], &[ROLE, "", ERROR, HELLO, DONE]] {
        let client = Client::new(Answer::stream(pieces));
        let error = failed(client.stream().await);
        assert_eq!(error.kind(), Kind::Overloaded);
        assert_eq!(error.origin(), Origin::Upstream);
        assert_eq!(error.code(), Some("server_is_overloaded"));
        assert_eq!(error.status(), 503, "the 200 is not passed on");
        assert_eq!(error.upstream().unwrap().status, 200);
        assert_eq!(client.events.count("body dropped"), 1);
    }
    for pieces in [&[OVERLOADED][..], &[START, PING, BLOCK, OVERLOADED]] {
        let error = failed(Client::new(Answer::stream(pieces)).anthropic().await);
        assert_eq!(error.kind(), Kind::Overloaded);
    }
}

#[tokio::test(start_paused = true)]
async fn the_usage_before_the_error_is_in_the_error() {
    let error = failed(Client::new(Answer::stream(&[START, OVERLOADED])).anthropic().await);
    assert_eq!(error.usage(), Some(Usage::new(7, 1)));
}

#[tokio::test(start_paused = true)]
async fn an_error_and_the_first_content_in_one_piece_are_an_error() {
    for together in [[HELLO, ERROR].concat(), [ROLE, HELLO, ERROR, DONE].concat(), [ERROR, HELLO].concat()] {
        let error = failed(Client::new(Answer::steps([data(together)])).stream().await);
        assert_eq!(error.kind(), Kind::Overloaded);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_without_its_data_prefix_is_found() {
    let bare = "{\n \"error\": {\n  \"code\": 503,\n  \"message\": \"busy\",\n  \"status\": \"UNAVAILABLE\"\n }\n}\n";
    let error = failed(Client::new(Answer::stream(&[ROLE, bare])).stream().await);
    assert_eq!(error.kind(), Kind::Overloaded);
}

#[tokio::test(start_paused = true)]
async fn an_empty_200_is_broken() {
    for answer in [Answer::stream(&[]), Answer::json(&[]), Answer::of("", []), Answer::stream(&[""])] {
        for request in [true, false] {
            let client = Client::new(answer.clone());
            let error = failed(client.call(openai(), ask(request, true)).await);
            assert_eq!((error.kind(), error.origin()), (Kind::Broken, Origin::Transport));
            assert!(error.to_string().contains("empty"), "{error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_cut_before_the_first_content_is_broken() {
    for pieces in [&[][..], &[ROLE], &[COMMENT, ROLE], &["data: {\"cho"]] {
        let error = failed(Client::new(Answer::stream(pieces).then([cut()])).stream().await);
        assert_eq!((error.kind(), error.origin()), (Kind::Broken, Origin::Transport));
        assert!(error.to_string().contains("cut"), "{error}");
        assert!(error.source().unwrap().is::<io::Error>());
        assert_eq!(error.upstream().unwrap().body, pieces.concat());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_before_content_and_marker_is_broken() {
    for pieces in [&[ROLE][..], &[COMMENT], &["\n\n\n"], &["<html>hello</html>"], &[MALFORMED]] {
        let error = failed(Client::new(Answer::stream(pieces)).stream().await);
        assert_eq!(error.kind(), Kind::Broken);
        assert!(error.to_string().contains("before its end marker"), "{error}");
    }
    let error = failed(Client::new(Answer::stream(&[START, BLOCK, DELTA])).anthropic().await);
    assert_eq!(error.kind(), Kind::Broken);
    assert_eq!(error.usage(), Some(Usage::new(7, 2)));
}

#[tokio::test(start_paused = true)]
async fn no_answer_at_all_is_what_the_transport_says() {
    for (io, kind) in [
        (io::ErrorKind::ConnectionRefused, Kind::Connect),
        (io::ErrorKind::ConnectionReset, Kind::Broken),
        (io::ErrorKind::TimedOut, Kind::Timeout),
    ] {
        let client = Client::new(Answer::stream(&[]).head_after([Step::Wait(SECOND), Step::Fail(io)]));
        let error = failed(client.stream().await);
        assert_eq!((error.kind(), error.origin()), (kind, Origin::Transport));
        assert!(error.to_string().starts_with("openai: "), "{error}");
        assert!(error.upstream().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_above_the_limit_before_content_is_broken() {
    let long = format!("data: {{\"padding\":\"{}\"}}\n\n", "x".repeat(1 << 20));
    for steps in
        [vec![data(ROLE), data(long.clone()), data(HELLO)], vec![Step::Forever("x".repeat(999).into())]]
    {
        let error = failed(Client::new(Answer::steps(steps)).stream().await);
        assert_eq!(error.kind(), Kind::Broken);
        assert!(error.to_string().contains("longer than the limit"), "{error}");
        assert!(error.upstream().unwrap().body.len() <= 64 << 10);
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_content_as_long_as_an_event_may_be_is_let_through() {
    for (layer, length) in [(openai(), 1 << 20), (openai().max_event(4 << 20), 4 << 20)] {
        let head = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"";
        let tail = "\"}}]}\n\n";
        let text = "x".repeat(length - head.len() - tail.len());
        let event = format!("{head}{text}{tail}");
        for usage in [true, false] {
            let pieces = event.as_bytes().chunks(16_000).map(|piece| data(piece.to_vec()));
            let steps = [data(ROLE)].into_iter().chain(pieces).chain([data(FINISH), data(DONE)]);
            let client = Client::new(Answer::steps(steps));
            let taken = take(client.call(layer.clone(), ask(true, usage)).await.unwrap()).await;
            assert_eq!(taken.success(), [ROLE, &event, FINISH, DONE].concat());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_longer_than_an_event_may_be_is_content_and_passes_whole() {
    let head = "data: {\"choices\":[{\"index\":0,\"delta\":{\"images\":[{\"image_url\":{\"url\":\"data:image/png;base64,";
    let image = format!("{head}{}\"}}}}]}}}}]}}\n\n", "A".repeat(2 << 20));
    for usage in [true, false] {
        let pieces = image.as_bytes().chunks(16_000).map(|piece| data(piece.to_vec()));
        let steps = [data(ROLE)].into_iter().chain(pieces).chain([data(FINISH), data(DONE)]);
        let client = Client::new(Answer::steps(steps));
        let taken = take(client.call(openai(), ask(true, usage)).await.unwrap()).await;
        assert_eq!(taken.success(), [ROLE, &image, FINISH, DONE].concat());
    }
}

#[tokio::test(start_paused = true)]
async fn a_prelude_without_end_is_broken_when_it_is_a_megabyte() {
    for usage in [true, false] {
        for piece in [ROLE, COMMENT, "\n\n\n\n\n\n\n\n"] {
            let client = Client::new(Answer::steps([Step::Forever(piece.into())]));
            let error = failed(client.call(openai(), ask(true, usage)).await);
            assert_eq!(error.kind(), Kind::Broken);
            assert!(error.to_string().contains("no content in the first 20"), "{error}");
            assert_eq!(client.events.count("body dropped"), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_encoding_that_was_not_asked_for_is_broken() {
    for encoding in ["gzip", "br", " zstd", "gzip, br"] {
        let client = Client::new(Answer::stream(&[HELLO, DONE]).header("content-encoding", encoding));
        let error = failed(client.stream().await);
        assert_eq!(error.kind(), Kind::Broken);
        assert!(error.to_string().contains(encoding.trim()), "{error}");
        assert_eq!(client.events.all(), ["body dropped", "future dropped"]);
    }
    for encoding in ["identity", "", "IDENTITY"] {
        let client = Client::new(Answer::stream(&[HELLO, DONE]).header("content-encoding", encoding));
        assert_eq!(take(client.stream().await.unwrap()).await.success(), [HELLO, DONE].concat());
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_answer_says_of_limits_and_how_it_charges_is_in_the_response() {
    let answer = Answer::stream(&[HELLO, DONE]).header("x-ratelimit-remaining-requests", "3");
    let response = Client::new(answer).stream().await.unwrap();
    assert_eq!(response.extensions().get::<Limits>().unwrap().requests.remaining, Some(3));
    let charging = response.extensions().get::<Completion>().unwrap().charging();
    assert_eq!(charging.unwrap().output, OutputCharge::ReservedAndSettled);
    let response = Client::new(Answer::stream(&[HELLO, DONE])).stream().await.unwrap();
    assert!(response.extensions().get::<Limits>().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_head_waits_for_the_first_content_and_the_clock_shows_it() {
    let steps =
        [Step::Wait(SECOND), data(ROLE), Step::Wait(SECOND), data(HELLO), Step::Wait(SECOND), data(DONE)];
    let client = Client::new(Answer::steps(steps).head_after([Step::Wait(SECOND)]));
    let begun = tokio::time::Instant::now();
    let response = client.stream().await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 3);
    let progress = completion(&response).progress().clone();
    assert_eq!(progress.time_to_first_content().map(|time| time.as_secs()), Some(3));
    let taken = take(response).await;
    assert_eq!(taken.pieces, [ROLE, HELLO, DONE]);
    assert_eq!(taken.took.as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_head_of_a_silent_answer_is_let_through_in_time() {
    let commit = Commit::FirstContent { within: 5 * SECOND };
    let steps = [data(COMMENT), Step::Wait(20 * SECOND), data(HELLO), data(DONE)];
    let begun = tokio::time::Instant::now();
    let client = Client::new(Answer::steps(steps).head_after([Step::Wait(3 * SECOND)]));
    let response = client.call(openai().commit_streams(commit), ask(true, true)).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 8, "it counts from the head");
    let taken = take(response).await;
    assert_eq!(taken.pieces, [COMMENT, HELLO, DONE]);
    taken.success();
}

#[tokio::test(start_paused = true)]
async fn pings_do_not_move_the_time_at_which_a_head_is_let_through() {
    let pings = (0..100).flat_map(|_| [Step::Wait(SECOND), data(COMMENT)]);
    let client = Client::new(Answer::steps(pings));
    let begun = tokio::time::Instant::now();
    let response = client.stream().await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 45);
    drop(response);
}

#[tokio::test(start_paused = true)]
async fn an_error_after_a_head_let_through_ends_the_body_with_its_own_kind() {
    for layer in [
        openai().commit_streams(Commit::Head),
        openai().commit_streams(Commit::FirstContent { within: Duration::ZERO }),
    ] {
        let client = Client::new(Answer::steps([Step::Wait(SECOND), data(ROLE), data(ERROR), data(DONE)]));
        let taken = take(client.call(layer, ask(true, true)).await.unwrap()).await;
        assert_eq!(taken.text, [ROLE, ERROR].concat());
        let error = taken.error.unwrap();
        assert_eq!(buttress_call::failure(&error).kind, Kind::Overloaded);
        assert_eq!(taken.ended.unwrap().outcome, Kind::Overloaded.into());
    }
}

#[tokio::test(start_paused = true)]
async fn under_head_nothing_waits_and_the_end_is_known_all_the_same() {
    let client = Client::new(Answer::steps([Step::Wait(SECOND), data(HELLO), data(USAGE), data(DONE)]));
    let begun = tokio::time::Instant::now();
    let response = client.call(openai().commit_streams(Commit::Head), ask(true, true)).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let taken = take(response).await;
    assert_eq!(taken.ended.unwrap().usage, Some(Usage::new(7, 2)));
    assert_eq!(taken.success(), [HELLO, USAGE, DONE].concat());
}

#[tokio::test(start_paused = true)]
async fn held_to_its_end_a_stream_that_breaks_is_an_error() {
    let layer = || openai().commit_streams(Commit::End { max_bytes: 100_000 });
    for (steps, kind) in [
        (vec![data(HELLO), data(USAGE), cut()], Kind::Broken),
        (vec![data(HELLO), data(USAGE)], Kind::Broken),
        (vec![data(HELLO), data(USAGE), data(ERROR), data(DONE)], Kind::Overloaded),
    ] {
        let error = failed(Client::new(Answer::steps(steps)).call(layer(), ask(true, true)).await);
        assert_eq!((error.kind(), error.usage()), (kind, Some(Usage::new(7, 2))));
    }
    let steps = [data(HELLO), Step::Wait(SECOND), data(WORLD), data(DONE), Step::Hang];
    let client = Client::new(Answer::steps(steps));
    let begun = tokio::time::Instant::now();
    let mut call = std::pin::pin!(client.call(layer(), ask(true, true)));
    let response = call.as_mut().await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 1, "the transport's end is not waited for");
    let progress = completion(&response).progress().clone();
    assert_eq!(progress.content_events(), 2);
    assert_eq!(progress.time_to_first_content(), Some(Duration::ZERO), "seen while it was held");
    take(response).await.success();
}

#[tokio::test(start_paused = true)]
async fn the_clock_ticks_while_an_answer_is_held() {
    let steps = [data(ROLE), Step::Wait(SECOND), data(HELLO), Step::Wait(SECOND), data(USAGE), Step::Hang];
    let client = Client::new(Answer::steps(steps));
    let mut request = ask(true, true);
    let progress = buttress_call::Call::get_or_insert(request.extensions_mut()).ensure_progress().clone();
    let layer = openai().commit_streams(Commit::End { max_bytes: 100_000 });
    let call = client.call(layer, request);
    assert!(tokio::time::timeout(SECOND * 3 / 2, call).await.is_err());
    assert_eq!(progress.time_to_first_content(), Some(SECOND));
    assert_eq!((progress.content_events(), progress.bytes()), (1, (ROLE.len() + HELLO.len()) as u64));
    assert_eq!(client.events.all(), ["future dropped", "body dropped"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_longer_than_what_may_be_held_passes_from_there() {
    let layer = openai().commit_streams(Commit::End { max_bytes: 2 * HELLO.len() });
    let steps = [data(HELLO), data(HELLO), data(HELLO), Step::Wait(SECOND), data(HELLO), cut()];
    let begun = tokio::time::Instant::now();
    let response = Client::new(Answer::steps(steps)).call(layer, ask(true, true)).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let (text, _) = take(response).await.broken();
    assert_eq!(text, HELLO.repeat(4));
}

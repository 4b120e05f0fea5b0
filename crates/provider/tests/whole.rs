//! Answers that are not streams.

mod kit;

use buttress_call::{Kind, Outcome, Usage};
use buttress_provider::{Commit, Whole};
use http::{Method, Request};
use http_body::Body;
use http_body_util::Full;
use kit::*;

#[tokio::test(start_paused = true)]
async fn a_whole_answer_has_ended_when_it_is_let_through() {
    let (head, tail) = JSON.split_at(20);
    let client =
        Client::new(Answer::of("application/json", [data(head), Step::Wait(SECOND), data(tail)]).declared());
    let begun = tokio::time::Instant::now();
    let response = client.whole().await.unwrap();
    assert_eq!(begun.elapsed(), SECOND);
    let ended = completion(&response).ended().unwrap();
    assert_eq!((ended.outcome, ended.usage), (Outcome::Success, Some(Usage::new(7, 2))));
    assert_eq!(response.body().size_hint().exact(), Some(JSON.len() as u64));
    assert_eq!(response.headers()["content-length"], JSON.len().to_string());
    assert_eq!(client.events.count("body dropped"), 1);
    assert_eq!(take(response).await.success(), JSON);
}

#[tokio::test(start_paused = true)]
async fn an_error_in_a_200_is_that_error_also_where_a_stream_was_asked_for() {
    let body =
        "{\"error\":{\"message\":\"busy\",\"type\":\"server_error\",\"code\":\"server_is_overloaded\"}}";
    for request in [ask(true, true), ask(true, false), ask(false, false)] {
        let client = Client::new(Answer::json(&[body]).declared().header("retry-after", "3"));
        let error = failed(client.call(openai(), request).await);
        assert_eq!((error.kind(), error.code()), (Kind::Overloaded, Some("server_is_overloaded")));
        assert_eq!(error.upstream().unwrap().body, body);
    }
    let body = "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}";
    let error = failed(Client::new(Answer::json(&[body])).anthropic().await);
    assert_eq!(error.kind(), Kind::Overloaded);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_null_is_none() {
    let body = JSON.replacen('{', "{\"error\":null,", 1);
    let client = Client::new(Answer::of("application/json", [data(body.clone())]));
    assert_eq!(take(client.whole().await.unwrap()).await.success(), body);
}

#[tokio::test(start_paused = true)]
async fn blank_lines_before_the_answer_are_waited_through_and_passed_on() {
    let steps = (0..30).flat_map(|_| [Step::Wait(SECOND), data("\n")]).chain([data(JSON)]);
    let taken = take(Client::new(Answer::of("application/json", steps)).whole().await.unwrap()).await;
    assert_eq!(taken.ended.unwrap().usage, Some(Usage::new(7, 2)));
    assert_eq!(taken.success(), "\n".repeat(30) + JSON);
}

#[tokio::test(start_paused = true)]
async fn blank_lines_without_end_are_broken() {
    let client = Client::new(Answer::of("application/json", [Step::Forever("\n".repeat(500).into())]));
    let error = failed(client.whole().await);
    assert_eq!(error.kind(), Kind::Broken);
    assert!(error.to_string().contains("no content"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_whole_json_is_broken() {
    for (body, reason) in [
        (&JSON[..JSON.len() - 1], "cut short"),
        ("<html>", "not JSON"),
        ("{} {}", "not JSON"),
        (" \n ", "empty"),
    ] {
        let error = failed(Client::new(Answer::of("application/json", [data(body)])).whole().await);
        assert_eq!(error.kind(), Kind::Broken);
        assert!(error.to_string().contains(reason), "{error}");
    }
    for step in [cut(), Step::Fail(std::io::ErrorKind::UnexpectedEof)] {
        let error = failed(Client::new(Answer::json(&[&JSON[..9]]).then([step])).whole().await);
        assert_eq!((error.kind(), &*error.upstream().unwrap().body), (Kind::Broken, &JSON.as_bytes()[..9]));
    }
}

#[tokio::test(start_paused = true)]
async fn any_json_is_a_good_answer() {
    for body in ["[]", "{}", "\u{FEFF}{\"object\":\"list\"}", "null", " \"text\" "] {
        for content_type in [
            "application/json",
            "application/json; charset=utf-8",
            "Application/JSON",
            "application/problem+json",
            "",
        ] {
            let client = Client::new(Answer::of(content_type, [data(body)]));
            assert_eq!(take(client.whole().await.unwrap()).await.success(), body);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_json_passes_as_it_is() {
    for content_type in
        ["application/x-ndjson", "application/jsonl", "text/html", "audio/mpeg", "application/json-seq"]
    {
        for stream in [true, false] {
            let client = Client::new(Answer::of(content_type, [data("{\"error\":1}\n"), data("{}\n")]));
            let response = client.call(openai(), ask(stream, true)).await.unwrap();
            assert_eq!(take(response).await.success(), "{\"error\":1}\n{}\n");
        }
    }
    let client = Client::new(Answer::of("audio/mpeg", [data("abc"), cut()]));
    assert_eq!(failed(client.whole().await).kind(), Kind::Broken, "a cut is a cut");
    let client = Client::new(Answer::of("audio/mpeg", []).declared());
    assert_eq!(take(client.whole().await.unwrap()).await.success(), "");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_has_no_body_is_good_without_one() {
    for status in [204, 205] {
        let client = Client::new(Answer::of("", []).declared().status(status));
        assert_eq!(take(client.whole().await.unwrap()).await.success(), "");
    }
    let head = Request::builder().method(Method::HEAD).uri("/v1/models").body(Full::default()).unwrap();
    let client = Client::new(Answer::of("application/json", []).header("content-length", "99"));
    let response = client.call(openai(), head).await.unwrap();
    assert_eq!(response.headers()["content-length"], "99");
    assert_eq!(take(response).await.success(), "");
}

#[tokio::test(start_paused = true)]
async fn a_longer_answer_than_may_be_held_passes_through_and_its_end_is_the_transports() {
    let long = format!("{{\"text\":\"{}\"}}", "x".repeat(5000));
    let layer = || openai().commit_whole(Commit::End { max_bytes: 1000 });
    let pieces = || long.as_bytes().chunks(300).flat_map(|piece| [Step::Yield, data(piece.to_vec())]);
    let client = Client::new(Answer::of("application/json", pieces()));
    let response = client.call(layer(), ask(false, false)).await.unwrap();
    assert!(completion(&response).ended().is_none());
    assert_eq!(take(response).await.success(), long);

    let client = Client::new(Answer::of("application/json", pieces().chain([cut()])));
    let (text, _) = take(client.call(layer(), ask(false, false)).await.unwrap()).await.broken();
    assert_eq!(text, long);
}

#[tokio::test(start_paused = true)]
async fn tiny_pieces_are_held_and_given_on_in_order() {
    // Up to 32 as they came, then gathered, with a large one between.
    let large = "y".repeat(5000);
    let text = format!("{{\"text\":\"{}{large}{}\"}}", "ab".repeat(200), "cd".repeat(100));
    let (before, after) = text.split_once(&large).unwrap();
    let bytes = |text: &str| text.bytes().map(|byte| data(vec![byte])).collect::<Vec<_>>();
    let steps = || bytes(before).into_iter().chain([data(large.clone())]).chain(bytes(after));
    let client = Client::new(Answer::of("application/json", steps()));
    assert_eq!(take(client.whole().await.unwrap()).await.success(), text);
    let client = Client::new(Answer::of("application/octet-stream", steps()).declared());
    let taken = take(client.whole().await.unwrap()).await;
    assert!(taken.pieces.len() < 50, "{}", taken.pieces.len());
    assert_eq!(taken.success(), text);
}

#[tokio::test(start_paused = true)]
async fn under_head_a_whole_answer_flows() {
    for commit in [Commit::Head, Commit::FirstContent { within: SECOND }] {
        let steps = [data("{\"a\":"), Step::Wait(SECOND), data("1}")];
        let client = Client::new(Answer::of("application/json", steps));
        let response = client.call(openai().commit_whole(commit), ask(false, false)).await.unwrap();
        let taken = take(response).await;
        assert_eq!(taken.took, SECOND);
        assert_eq!(taken.success(), "{\"a\":1}");
    }
}

#[tokio::test(start_paused = true)]
async fn outside_of_chat_an_encoding_is_the_callers_own() {
    for (content_type, pieces) in [
        ("text/event-stream", vec![data("\x1f"), Step::Wait(SECOND), data("x")]),
        ("application/json", vec![data("\x1f")]),
    ] {
        let mut request = ask(true, true);
        *request.uri_mut() = "/v1/files".parse().unwrap();
        let client = Client::new(Answer::of(content_type, pieces).header("content-encoding", "gzip"));
        let begun = tokio::time::Instant::now();
        let response = client.call(openai(), request).await.unwrap();
        assert!(begun.elapsed().is_zero(), "an encoded stream is not held to its end");
        let taken = take(response).await;
        assert!(taken.error.is_none() && taken.ended.unwrap().outcome.is_success());
    }
}

#[tokio::test(start_paused = true)]
async fn the_form_is_what_the_head_says_or_else_what_was_asked_for() {
    // A stream though none was asked for.
    let taken = take(Client::new(Answer::stream(&[HELLO, USAGE, DONE])).whole().await.unwrap()).await;
    assert_eq!(taken.ended.unwrap().usage, Some(Usage::new(7, 2)));
    taken.success();
    // Nothing said.
    let client = Client::new(Answer::of("", [data(HELLO), data(DONE), Step::Hang]));
    take(client.stream().await.unwrap()).await.success();
    // A whole answer though a stream was asked for.
    assert_eq!(take(Client::new(Answer::json(&[JSON])).stream().await.unwrap()).await.success(), JSON);
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_another_form_than_chat_passes_as_it_is() {
    let event = "data: {\"type\":\"speech.audio.delta\",\"audio\":\"AAAA\"}\n\n";
    let mut request = ask(true, false);
    *request.uri_mut() = "/v1/audio/speech".parse().unwrap();
    let client = Client::new(Answer::stream(&[event, event]));
    let response = client.call(openai(), request).await.unwrap();
    assert_eq!(take(response).await.success(), event.repeat(2));
    let (_, body) = client.sent().await;
    assert!(!String::from_utf8_lossy(&body).contains("include_usage"), "{body:?}");
}

#[tokio::test(start_paused = true)]
async fn a_path_tells_a_dialect_of_its_own() {
    let created = "event: response.created\ndata: {\"type\":\"response.created\"}\n\n";
    let delta = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n";
    let completed = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"usage\":{\"input_tokens\":7,\"output_tokens\":2,\"total_tokens\":9}}}\n\n";
    let request = || {
        let mut request = ask(true, false);
        *request.uri_mut() = "/v1/responses".parse().unwrap();
        request
    };
    let client = Client::new(Answer::stream(&[created, delta, completed]));
    let taken = take(client.call(openai(), request()).await.unwrap()).await;
    assert_eq!(taken.ended.unwrap().usage, Some(Usage::new(7, 2)));
    assert_eq!(taken.success(), [created, delta, completed].concat());
    let (_, body) = client.sent().await;
    assert!(
        !String::from_utf8_lossy(&body).contains("include_usage"),
        "Responses need not be asked: {body:?}"
    );

    let cut = Client::new(Answer::stream(&[created]));
    assert_eq!(failed(cut.call(openai(), request()).await).kind(), Kind::Broken);
}

#[tokio::test(start_paused = true)]
async fn an_answer_held_to_its_end_is_at_hand_whole() {
    let end = Commit::End { max_bytes: 1000 };
    let json = Client::new(Answer::json(&[&JSON[..10], &JSON[10..]])).whole().await.unwrap();
    assert_eq!(Whole::of(&json).map(|whole| &whole[..]), Some(JSON.as_bytes()));
    assert!(!format!("{json:?}").contains("Hello"), "{json:?}");
    assert_eq!(take(json).await.success(), JSON);

    // Without the usage that the caller did not ask for: what it gets.
    let client = Client::new(Answer::stream(&[HELLO, FINISH, USAGE, DONE]));
    let stream = client.call(openai().commit_streams(end), ask(true, false)).await.unwrap();
    let shown = [HELLO, FINISH, DONE].concat();
    assert_eq!(Whole::of(&stream).map(|whole| &whole[..]), Some(shown.as_bytes()));
    assert_eq!(take(stream).await.success(), shown);

    let long = Client::new(Answer::json(&[JSON]))
        .call(openai().commit_whole(Commit::End { max_bytes: 10 }), ask(false, false))
        .await
        .unwrap();
    assert_eq!(Whole::of(&long), None, "not all of it was held");
    let opaque = Client::new(Answer::of("audio/mpeg", [data("x")])).whole().await.unwrap();
    assert_eq!(Whole::of(&opaque), None);
    let early = Client::new(Answer::stream(&[HELLO, DONE])).stream().await.unwrap();
    assert_eq!(Whole::of(&early), None);
}

//! The usage is asked for on the caller's behalf, read, and hidden again.

mod kit;

use buttress_call::{Outcome, Usage};
use buttress_provider::Commit;
use http_body::Body;
use http_body_util::BodyExt;
use kit::*;

const SEEN: Option<Usage> = Some(Usage::new(7, 2));

#[tokio::test(start_paused = true)]
async fn the_caller_sees_the_stream_that_it_asked_for_and_the_completion_the_usage() {
    let client = Client::new(Answer::stream(&[ROLE, HELLO, FINISH, USAGE, DONE]).declared());
    let response = client.call(openai(), ask(true, false)).await.unwrap();
    assert!(!response.headers().contains_key("content-length"));
    assert_eq!(response.body().size_hint().exact(), None);
    let taken = take(response).await;
    assert_eq!(taken.ended.unwrap().usage, SEEN);
    assert_eq!(taken.success(), [ROLE, HELLO, FINISH, DONE].concat());
    let (_, body) = client.sent().await;
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["stream_options"]["include_usage"], true);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_asked_itself_sees_all() {
    let client = Client::new(Answer::stream(&[HELLO, USAGE, DONE]).declared());
    let response = client.call(openai(), ask(true, true)).await.unwrap();
    assert!(response.headers().contains_key("content-length"));
    assert_eq!(take(response).await.success(), [HELLO, USAGE, DONE].concat());
}

#[tokio::test(start_paused = true)]
async fn usage_is_not_asked_for_where_that_is_not_wanted_or_not_needed() {
    let plain = buttress_provider::ProviderLayer::new(buttress_provider::Provider::openai().ask_usage(false));
    for (layer, stream) in [(plain.unwrap(), true), (openai(), false), (anthropic(), true)] {
        let client = Client::new(Answer::stream(&[HELLO, USAGE, DONE]));
        let request = ask(stream, false);
        let asked = request.body().clone().collect().await.unwrap().to_bytes();
        // Whatever comes of it.
        let _ = client.call(layer, request).await;
        assert_eq!(client.sent().await.1, asked);
    }
}

#[tokio::test(start_paused = true)]
async fn hiding_is_exact_wherever_the_pieces_are_cut_and_however_lines_end() {
    for end in ["\n", "\r\n", "\r"] {
        let with = |text: &str| text.replace('\n', end);
        let sent = with(&[ROLE, COMMENT, HELLO, "\n\n", USAGE, "\n", FINISH, USAGE, DONE, "\n"].concat());
        let want = sent.replace(&with(USAGE), "");
        for cut in 0..=sent.len() {
            let (one, two) = sent.split_at(cut);
            let steps = [data(one.to_owned()), Step::Yield, data(two.to_owned())];
            let response = Client::new(Answer::steps(steps)).call(openai(), ask(true, false)).await.unwrap();
            assert_eq!(take(response).await.success(), want, "cut at {cut}, line end {end:?}");
        }
        let steps = sent.bytes().map(|byte| data(vec![byte]));
        let response = Client::new(Answer::steps(steps)).call(openai(), ask(true, false)).await.unwrap();
        assert_eq!(take(response).await.success(), want);
    }
}

#[tokio::test(start_paused = true)]
async fn keep_alives_are_not_held_up() {
    for ping in [COMMENT, ": ping\n", "\n\n"] {
        let steps =
            [data(HELLO), Step::Wait(SECOND), data(ping), Step::Wait(SECOND), data(FINISH), data(DONE)];
        let client = Client::new(Answer::steps(steps));
        let mut body = client.call(openai(), ask(true, false)).await.unwrap().into_body();
        let begun = tokio::time::Instant::now();
        body.frame().await.unwrap().unwrap();
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!((frame, begun.elapsed()), (ping.into(), SECOND));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_cut_inside_an_event_passes_the_half() {
    for (rest, cut) in [(vec![cut()], true), (vec![], false)] {
        let steps = [data(HELLO), Step::Yield, data(WORLD), data("data: {\"choi")].into_iter().chain(rest);
        let response = Client::new(Answer::steps(steps)).call(openai(), ask(true, false)).await.unwrap();
        let (text, error) = take(response).await.broken();
        assert_eq!(text, [HELLO, WORLD, "data: {\"choi"].concat());
        assert_eq!(error.to_string().contains("cut"), cut, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_came_with_an_error_event_passes_to_the_last_byte() {
    let last = [WORLD, ERROR, DONE, "data: {\"choi"].concat();
    let client = Client::new(Answer::steps([data(HELLO), Step::Yield, data(last.clone())]));
    let (text, _) = take(client.call(openai(), ask(true, false)).await.unwrap()).await.broken();
    assert_eq!(text, HELLO.to_owned() + &last);
}

#[tokio::test(start_paused = true)]
async fn a_last_usage_without_its_blank_line_is_hidden_and_counts() {
    let client = Client::new(Answer::stream(&[HELLO, FINISH, USAGE.trim_end()]));
    let taken = take(client.call(openai(), ask(true, false)).await.unwrap()).await;
    assert_eq!(taken.ended.unwrap().usage, SEEN);
    assert_eq!(taken.success(), [HELLO, FINISH].concat());
}

#[tokio::test(start_paused = true)]
async fn usage_beside_content_is_not_hidden() {
    let both = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\n";
    let client = Client::new(Answer::stream(&[HELLO, both, DONE]));
    let taken = take(client.call(openai(), ask(true, false)).await.unwrap()).await;
    assert_eq!(taken.ended.unwrap().usage, SEEN);
    assert_eq!(taken.success(), [HELLO, both, DONE].concat());
}

#[tokio::test(start_paused = true)]
async fn hiding_works_under_every_commit() {
    for commit in
        [Commit::Head, Commit::STREAM, Commit::End { max_bytes: 1 << 20 }, Commit::End { max_bytes: 10 }]
    {
        let client = Client::new(Answer::stream(&[HELLO, FINISH, USAGE, DONE]));
        let response = client.call(openai().commit_streams(commit), ask(true, false)).await.unwrap();
        let taken = take(response).await;
        let ended = taken.ended.unwrap();
        assert_eq!((ended.outcome, ended.usage), (Outcome::Success, SEEN));
        assert_eq!(taken.success(), [HELLO, FINISH, DONE].concat());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_nothing_but_hidden_usage_is_a_good_empty_answer() {
    let client = Client::new(Answer::steps([data([USAGE, FINISH].concat())]));
    let taken = take(client.call(openai(), ask(true, false)).await.unwrap()).await;
    assert_eq!(taken.success(), FINISH);
}

//! Futures and bodies dropped at any point, and panics inside: the client's own go first, the end is told once.

mod kit;

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::{Context, Waker},
};

use buttress_call::{Ended, Failure, Kind, Outcome, Usage};
use buttress_provider::{Commit, ProviderBody};
use http::Response;
use http_body::Body;
use http_body_util::BodyExt;
use kit::*;

/// Notes the end among the client's own events.
fn watch(client: &Client, response: &Response<ProviderBody<ScriptedBody>>) {
    let events = client.events.clone();
    completion(response).on_end(move |_| events.note("ended"));
}

#[track_caller]
fn assert_ended_last(client: &Client) {
    let events = client.events.all();
    assert_eq!(client.events.count("ended"), 1, "{events:?}");
    assert_eq!(client.events.count("body dropped"), 1, "{events:?}");
    let at = |event| events.iter().position(|seen| *seen == event);
    assert!(at("body dropped") < at("ended"), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_future_dropped_at_any_await_point_takes_the_clients_with_it() {
    let steps = [Step::Yield, data(ROLE), Step::Yield, data(HELLO), Step::Yield, data(DONE)];
    for commit in [Commit::Head, Commit::STREAM, Commit::WHOLE] {
        for status in [200, 500] {
            for polls in 0..8 {
                let answer = Answer::steps(steps.clone()).status(status).head_after([Step::Yield]);
                let client = Client::new(answer);
                let request = ask(true, false);
                let mut cx = Context::from_waker(Waker::noop());
                let mut resolved = false;
                {
                    let mut future = pin!(client.send(openai().commit_streams(commit), request));
                    for _ in 0..polls {
                        if !resolved {
                            resolved = future.as_mut().poll(&mut cx).is_ready();
                        }
                    }
                }
                assert_eq!(client.events.count("future dropped"), 1);
                // No body before the head, one after it, and none twice.
                let heads = usize::from(polls > 1);
                assert_eq!(client.events.count("body dropped"), heads, "{commit:?} {status} {polls}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_before_the_marker_is_cancelled_with_its_usage() {
    let pieces = [START, TEXT, PING, TEXT, DELTA, STOP];
    for taken in 0..=pieces.len() {
        let steps = pieces.iter().flat_map(|piece| [data(*piece), Step::Yield]);
        let client = Client::new(Answer::steps(steps));
        let response = client.anthropic().await.unwrap();
        watch(&client, &response);
        let completion = completion(&response);
        let mut body = response.into_body();
        for _ in 0..taken {
            body.frame().await.unwrap().unwrap();
        }
        drop(body);
        let Ended { outcome, usage, .. } = completion.ended().unwrap();
        let (want, tokens) = match taken {
            0..=4 => (Outcome::Cancelled, 1),
            5 => (Outcome::Cancelled, 2),
            _ => (Outcome::Success, 2),
        };
        assert_eq!((outcome, usage), (want, Some(Usage::new(7, tokens))), "after {taken}");
        assert_ended_last(&client);
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_nobody_looks_at_is_cancelled() {
    let client = Client::new(Answer::steps([data(HELLO), Step::Hang]));
    let response = client.stream().await.unwrap();
    watch(&client, &response);
    let completion = completion(&response);
    drop(response);
    assert_eq!(completion.ended().unwrap().outcome, Outcome::Cancelled);
    assert_ended_last(&client);
}

#[tokio::test(start_paused = true)]
async fn the_clients_body_is_gone_before_the_end_is_told() {
    for (rest, outcome) in [
        (vec![data(DONE)], Outcome::Success),
        (vec![data(DONE), Step::Hang], Outcome::Success),
        (vec![data(FINISH)], Outcome::Success),
        (vec![data(ERROR)], Kind::Broken.into()),
        (vec![cut()], Kind::Broken.into()),
        (vec![], Kind::Broken.into()),
    ] {
        let client = Client::new(Answer::steps([data(HELLO), Step::Yield].into_iter().chain(rest)));
        let response = client.stream().await.unwrap();
        watch(&client, &response);
        assert_eq!(take(response).await.ended.unwrap().outcome, outcome);
        assert_ended_last(&client);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_on_a_body_says_why() {
    let client = Client::new(Answer::steps([data(USAGE), data(HELLO), Step::Hang]));
    let response = client.stream().await.unwrap();
    watch(&client, &response);
    let completion = completion(&response);
    completion.blame(Failure::new(Kind::Timeout));
    assert!(completion.ended().is_none(), "not before the drop");
    drop(response);
    let ended = completion.ended().unwrap();
    assert_eq!((ended.outcome, ended.usage), (Kind::Timeout.into(), Some(Usage::new(7, 2))));
    assert_ended_last(&client);
}

#[tokio::test(start_paused = true)]
async fn blame_comes_too_late_after_the_marker() {
    let response =
        Client::new(Answer::steps([data([HELLO, DONE].concat()), Step::Hang])).stream().await.unwrap();
    let completion = completion(&response);
    completion.blame(Failure::new(Kind::Timeout));
    drop(response);
    assert_eq!(completion.ended().unwrap().outcome, Outcome::Success);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_clients_body_leaves_a_cancelled_call_and_no_second_panic() {
    for ahead in [vec![data(HELLO)], vec![data(HELLO), Step::Yield, data(WORLD), Step::Yield]] {
        let client = Client::new(Answer::steps(ahead.into_iter().chain([Step::Panic])));
        let response = client.call(openai().commit_streams(Commit::Head), ask(true, true)).await.unwrap();
        watch(&client, &response);
        let completion = completion(&response);
        let mut body = Box::pin(response.into_body());
        let mut cx = Context::from_waker(Waker::noop());
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..10 {
                let _ = body.as_mut().poll_frame(&mut cx);
            }
        }));
        assert!(panicked.is_err());
        assert!(completion.ended().is_none());
        drop(body);
        assert_eq!(completion.ended().unwrap().outcome, Outcome::Cancelled);
        assert_ended_last(&client);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_that_takes_the_body_with_it_tells_the_end_once() {
    let client = Client::new(Answer::steps([data(HELLO), Step::Panic]));
    let response = client.stream().await.unwrap();
    watch(&client, &response);
    let completion = completion(&response);
    let task = tokio::spawn(take(response));
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(completion.ended().unwrap().outcome, Outcome::Cancelled);
    assert_ended_last(&client);
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_the_answer_is_held_leaks_nothing() {
    for answer in [
        Answer::stream(&[]).head_after([Step::Panic]),
        Answer::steps([Step::Panic]),
        Answer::steps([data(ROLE), Step::Yield, Step::Panic]),
        Answer::steps([Step::Panic]).status(500),
        Answer::json(&["{"]).then([Step::Panic]),
    ] {
        let heads = usize::from(!format!("{answer:?}").contains("head_after: [Panic]"));
        let client = Client::new(answer);
        let call = client.send(openai(), ask(true, true));
        assert!(tokio::spawn(call).await.unwrap_err().is_panic());
        assert_eq!(client.events.count("future dropped"), 1);
        assert_eq!(client.events.count("body dropped"), heads);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_leaves_nothing_open() {
    for answer in [
        Answer::stream(&[ROLE, ERROR]).then([Step::Hang]),
        Answer::stream(&[ROLE]).then([cut()]),
        Answer::stream(&[ROLE]),
        Answer::json(&["{\"error\":{}}"]),
        Answer::json(&["nothing"]).status(500),
        Answer::steps([Step::Forever("x".repeat(9999).into())]).status(500),
        Answer::steps([Step::Forever(ROLE.into())]),
    ] {
        let client = Client::new(answer);
        // The error is alive: it must not hold on to the connection.
        let error = failed(client.stream().await);
        assert_eq!(client.events.count("future dropped"), 1);
        assert_eq!(client.events.count("body dropped"), 1);
        drop(error);
    }
}

//! Answers that end well.

use buttress_call::Outcome;
use buttress_sim::{Ending, Fault};
use buttress_tests::way::{WAYS, Way};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::{
    line::{Line, TOKENS, completion},
    taken::{take, text},
};

#[tokio::test]
async fn a_good_stream_succeeds_with_its_usage_and_gives_its_connection_back() {
    for way in WAYS {
        let line = Line::new(way).await;
        for _ in 0..3 {
            let taken = take(line.stream().await).await;
            taken.is_success();
            assert_eq!(taken.said(), line.text(TOKENS));
            let seen = line.seen().await;
            assert_eq!((seen.end, seen.output_tokens_sent), (Ending::Answered, TOKENS));
            assert_eq!(seen.billed, seen.input_tokens + TOKENS);
            let usage = taken.ended.usage.unwrap();
            assert_eq!((usage.input, usage.output), (seen.input_tokens, TOKENS));
            assert_eq!(seen.connection, 1, "{way:?}");
        }
        assert_eq!(line.sim.open_connections(), 1);
    }
}

#[tokio::test]
async fn the_usage_that_the_caller_did_not_ask_for_is_not_in_its_stream() {
    let line = Line::new(Way::OpenAi).await;
    let taken = take(line.stream().await).await;
    assert!(!taken.bytes.contains("prompt_tokens"), "{}", taken.bytes);
    assert!(taken.bytes.ends_with("data: [DONE]\n\n"));
    assert!(taken.ended.usage.is_some());
}

#[tokio::test]
async fn a_whole_answer_has_succeeded_when_it_is_there_and_gives_its_connection_back() {
    for way in WAYS {
        let line = Line::new(way).await;
        for _ in 0..3 {
            let answer = line.ask(false).await.unwrap();
            let ended = completion(&answer).ended().unwrap();
            assert_eq!((ended.outcome, ended.usage.unwrap().output), (Outcome::Success, TOKENS));
            let taken = take(answer).await;
            let json: Value = serde_json::from_str(&taken.bytes).unwrap();
            assert_eq!(text(&json), Some(&*line.text(TOKENS)));
            let seen = line.seen().await;
            assert_eq!((seen.end, seen.connection), (Ending::Answered, 1), "{way:?}");
        }
    }
}

#[tokio::test]
async fn a_caller_that_stops_at_the_end_marker_has_a_success_and_its_connection_back() {
    for way in WAYS {
        let line = Line::new(way).await;
        for _ in 0..2 {
            let answer = line.stream().await;
            let completion = completion(&answer);
            let mut body = answer.into_body();
            let mut text = String::new();
            while !way.is_whole(&text) {
                let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
                text.push_str(std::str::from_utf8(&data).unwrap());
            }
            drop(body);
            assert_eq!(completion.ended().unwrap().outcome, Outcome::Success);
            let seen = line.seen().await;
            assert_eq!((seen.end, seen.connection), (Ending::Answered, 1), "{way:?}");
        }
    }
}

#[tokio::test]
async fn a_megabyte_of_blank_lines_before_a_whole_answer_is_waited_through() {
    for way in WAYS {
        let line = Line::faulty(way, Fault::MegabyteLine).await;
        let taken = take(line.ask(false).await.unwrap()).await;
        taken.is_success();
        assert!(taken.bytes.len() > 1 << 20);
    }
}

//! Answers that end well.

use buttress_call::Outcome;
use buttress_sim::{Ending, Fault, Wire};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::{
    line::{Line, TOKENS, WIRES, completion},
    taken::take,
};

#[tokio::test]
async fn a_good_stream_succeeds_with_its_usage_and_gives_its_connection_back() {
    for wire in WIRES {
        let line = Line::new(wire).await;
        for _ in 0..3 {
            let taken = take(line.stream().await).await;
            taken.is_success();
            assert_eq!(taken.said(), line.text(TOKENS));
            let seen = line.seen().await;
            assert_eq!((seen.end, seen.output_tokens_sent), (Ending::Answered, TOKENS));
            assert_eq!(seen.billed, seen.input_tokens + TOKENS);
            let usage = taken.ended.usage.unwrap();
            assert_eq!((usage.input, usage.output), (seen.input_tokens, TOKENS));
            assert_eq!(seen.connection, 1, "{wire}");
        }
        assert_eq!(line.sim.open_connections(), 1);
    }
}

#[tokio::test]
async fn the_usage_that_the_caller_did_not_ask_for_is_not_in_its_stream() {
    let line = Line::new(Wire::OpenAi).await;
    let taken = take(line.stream().await).await;
    assert!(!taken.bytes.contains("prompt_tokens"), "{}", taken.bytes);
    assert!(taken.bytes.ends_with("data: [DONE]\n\n"));
    assert!(taken.ended.usage.is_some());
}

#[tokio::test]
async fn a_whole_answer_has_succeeded_when_it_is_there_and_gives_its_connection_back() {
    for wire in WIRES {
        let line = Line::new(wire).await;
        for _ in 0..3 {
            let answer = line.ask(false).await.unwrap();
            let ended = completion(&answer).ended().unwrap();
            assert_eq!((ended.outcome, ended.usage.unwrap().output), (Outcome::Success, TOKENS));
            let taken = take(answer).await;
            let json: Value = serde_json::from_str(&taken.bytes).unwrap();
            let text =
                json["choices"][0]["message"]["content"].as_str().or(json["content"][0]["text"].as_str());
            assert_eq!(text, Some(&*line.text(TOKENS)));
            let seen = line.seen().await;
            assert_eq!((seen.end, seen.connection), (Ending::Answered, 1), "{wire}");
        }
    }
}

#[tokio::test]
async fn a_caller_that_stops_at_the_end_marker_has_a_success_and_its_connection_back() {
    for (wire, marker) in [(Wire::OpenAi, "[DONE]\n\n"), (Wire::Anthropic, "message_stop\"}\n\n")] {
        let line = Line::new(wire).await;
        for _ in 0..2 {
            let answer = line.stream().await;
            let completion = completion(&answer);
            let mut body = answer.into_body();
            let mut text = Vec::new();
            while !text.ends_with(marker.as_bytes()) {
                text.extend_from_slice(&body.frame().await.unwrap().unwrap().into_data().unwrap());
            }
            drop(body);
            assert_eq!(completion.ended().unwrap().outcome, Outcome::Success);
            let seen = line.seen().await;
            assert_eq!((seen.end, seen.connection), (Ending::Answered, 1), "{wire}");
        }
    }
}

#[tokio::test]
async fn a_megabyte_of_blank_lines_before_a_whole_answer_is_waited_through() {
    for wire in WIRES {
        let line = Line::faulty(wire, Fault::MegabyteLine).await;
        let taken = take(line.ask(false).await.unwrap()).await;
        taken.is_success();
        assert!(taken.bytes.len() > 1 << 20);
    }
}

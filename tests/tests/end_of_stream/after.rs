//! What goes wrong after the first content.

use std::time::Duration;

use buttress_call::{Kind, Outcome};
use buttress_provider::Commit;
use buttress_sim::{Ending, Fault};
use buttress_tests::way::{WAYS, Way};
use buttress_timeout::{TimeoutLayer, Timeouts};
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt};

use crate::{
    line::{Line, TOKENS, completion, until},
    taken::take,
};

#[tokio::test]
async fn what_breaks_after_the_first_content_ends_the_body_with_an_error() {
    for way in WAYS {
        for (fault, said, code) in [
            (Fault::CutAfter { tokens: 3 }, 3, false),
            (Fault::ErrorEvent { after: 3 }, 3, true),
            (Fault::ErrorThenDone { after: 3 }, 3, true),
            (Fault::MissingEnd { finish: false }, TOKENS, false),
        ] {
            let line = Line::faulty(way, fault.clone()).await;
            let taken = take(line.stream().await).await;
            let error = taken.is_broken();
            assert_eq!(taken.said(), line.text(said), "{way:?} {fault:?}");
            assert_eq!(error.code().is_some(), code && way.has_codes(), "{way:?} {fault:?}: {error:?}");
            let shown = ["\"error\":{\"", "event: error", "\"error\": {", "{\"error\":\""];
            assert_eq!(shown.iter().any(|shown| taken.bytes.contains(shown)), code, "{way:?} {fault:?}");
            let seen = line.seen().await;
            assert_eq!((seen.end, seen.output_tokens_sent), (Ending::Faulted, said));
            let usage = taken.ended.usage;
            match way {
                // The input is known from the start.
                Way::Anthropic => assert_eq!(usage.unwrap().input, seen.input_tokens),
                // Each chunk has all there was.
                Way::Gemini | Way::GeminiArray => {
                    assert_eq!((usage.unwrap().input, usage.unwrap().output), (seen.input_tokens, said));
                }
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn only_openai_may_leave_its_marker_out() {
    let fault = Fault::MissingEnd { finish: true };
    let line = Line::faulty(Way::OpenAi, fault.clone()).await;
    let taken = take(line.stream().await).await;
    taken.is_success();
    assert_eq!((taken.said(), taken.ended.usage.unwrap().output), (line.text(TOKENS), TOKENS));
    let line = Line::faulty(Way::Anthropic, fault).await;
    let taken = take(line.stream().await).await;
    taken.is_broken();
    assert_eq!((taken.said(), taken.ended.usage.unwrap().output), (line.text(TOKENS), TOKENS));
}

#[tokio::test]
async fn an_end_marker_that_nothing_closes_is_one_all_the_same() {
    for way in [Way::Gemini, Way::GeminiArray, Way::Ollama, Way::OllamaGenerate] {
        let line = Line::faulty(way, Fault::MissingEnd { finish: true }).await;
        let taken = take(line.stream().await).await;
        taken.is_success();
        assert!(!taken.bytes.ends_with('\n'), "{way:?}");
        assert_eq!((taken.said(), taken.ended.usage.unwrap().output), (line.text(TOKENS), TOKENS));
    }
}

#[tokio::test]
async fn an_error_after_geminis_finish_reason_is_an_error() {
    for way in [Way::Gemini, Way::GeminiArray] {
        let line = Line::faulty(way, Fault::ErrorThenDone { after: TOKENS as u32 }).await;
        let taken = take(line.stream().await).await;
        let (before, after) = taken.bytes.split_once("\"finishReason\": \"STOP\"").unwrap();
        assert!(!before.contains("\"error\": {") && after.contains("\"error\": {"), "{}", taken.bytes);
        assert_eq!((taken.is_broken().code(), taken.said()), (Some("UNAVAILABLE"), line.text(TOKENS)));
    }
}

#[tokio::test]
async fn a_malformed_event_in_the_middle_is_passed_on() {
    for way in WAYS {
        let line = Line::faulty(way, Fault::MalformedEvent { after: 3 }).await;
        let taken = take(line.stream().await).await;
        taken.is_success();
        assert_eq!(taken.said(), line.text(TOKENS));
        let broken = taken.events().iter().filter(|event| event.is_none()).count();
        assert_eq!(broken, 1, "{}", taken.bytes);
    }
}

#[tokio::test]
async fn a_body_kept_open_after_its_end_marker_ends_all_the_same() {
    for way in [Way::OpenAi, Way::Anthropic, Way::Ollama, Way::OllamaGenerate] {
        let line = Line::faulty(way, Fault::OverDeliver).await;
        let taken = take(line.stream().await).await;
        taken.is_success();
        assert_eq!(taken.said(), line.text(TOKENS));
        assert!(taken.took < Duration::from_secs(2), "{:?}", taken.took);
        assert_eq!(line.seen().await.end, Ending::Answered);
        // Its connection is of no use any more.
        until(|| line.sim.open_connections() == 0).await;
    }
}

#[tokio::test]
async fn geminis_body_kept_open_has_not_ended_and_ends_well_for_whoever_gives_up_on_it() {
    // After its finish reason an error may still come, so that only the body's end is the end.
    for way in [Way::Gemini, Way::GeminiArray] {
        let line = Line::faulty(way, Fault::OverDeliver).await;
        let idle = Timeouts { idle: Some(Duration::from_secs(1)), ..Timeouts::attempt() };
        let service = TimeoutLayer::new(idle).unwrap().layer(line.layer.layer(line.client.clone()));
        let mut answer = service.oneshot(way.request(true)).await.unwrap();
        let completion = completion(&answer);
        let mut bytes = Vec::new();
        while let Some(frame) = answer.body_mut().frame().await {
            bytes.extend_from_slice(&frame.unwrap().into_data().unwrap());
        }
        assert!(way.is_whole(std::str::from_utf8(&bytes).unwrap()));
        let ended = completion.ended().unwrap();
        assert_eq!((ended.outcome, ended.usage.unwrap().output), (Outcome::Success, TOKENS));
        assert_eq!(line.seen().await.end, Ending::Answered);
        until(|| line.sim.open_connections() == 0).await;
    }
}

#[tokio::test]
async fn held_to_its_end_even_a_cut_stream_is_an_error() {
    let commit = Commit::End { max_bytes: 1 << 20 };
    for way in WAYS {
        for fault in [Fault::CutAfter { tokens: 5 }, Fault::MissingEnd { finish: false }] {
            let error = Line::faulty(way, fault).await.commit(commit).fails(true).await;
            assert_eq!(error.kind(), Kind::Broken);
        }
        let taken = take(Line::new(way).await.commit(commit).stream().await).await;
        taken.is_success();
    }
}

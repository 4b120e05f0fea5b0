//! What goes wrong after the first content.

use std::time::Duration;

use buttress_call::Kind;
use buttress_provider::Commit;
use buttress_sim::{Ending, Fault, Wire};
use serde_json::Value;

use crate::{
    line::{Line, TOKENS, WIRES, until},
    taken::take,
};

#[tokio::test]
async fn what_breaks_after_the_first_content_ends_the_body_with_an_error() {
    for wire in WIRES {
        for (fault, said, code) in [
            (Fault::CutAfter { tokens: 3 }, 3, false),
            (Fault::ErrorEvent { after: 3 }, 3, true),
            (Fault::ErrorThenDone { after: 3 }, 3, true),
            (Fault::MissingEnd { finish: false }, TOKENS, false),
        ] {
            let line = Line::faulty(wire, fault.clone()).await;
            let taken = take(line.stream().await).await;
            let error = taken.is_broken();
            assert_eq!(taken.said(), line.text(said), "{wire} {fault:?}");
            assert_eq!(error.code().is_some(), code, "{wire} {fault:?}: {error:?}");
            assert_eq!(taken.bytes.contains("\"error\":{\"") || taken.bytes.contains("event: error"), code);
            let seen = line.seen().await;
            assert_eq!((seen.end, seen.output_tokens_sent), (Ending::Faulted, said));
            if wire == Wire::Anthropic {
                // The input is known from the start.
                assert_eq!(taken.ended.usage.unwrap().input, seen.input_tokens);
            }
        }
    }
}

#[tokio::test]
async fn only_openai_may_leave_its_marker_out() {
    let fault = Fault::MissingEnd { finish: true };
    let line = Line::faulty(Wire::OpenAi, fault.clone()).await;
    let taken = take(line.stream().await).await;
    taken.is_success();
    assert_eq!((taken.said(), taken.ended.usage.unwrap().output), (line.text(TOKENS), TOKENS));
    let line = Line::faulty(Wire::Anthropic, fault).await;
    let taken = take(line.stream().await).await;
    taken.is_broken();
    assert_eq!((taken.said(), taken.ended.usage.unwrap().output), (line.text(TOKENS), TOKENS));
}

#[tokio::test]
async fn a_malformed_event_in_the_middle_is_passed_on() {
    for wire in WIRES {
        let line = Line::faulty(wire, Fault::MalformedEvent { after: 3 }).await;
        let taken = take(line.stream().await).await;
        taken.is_success();
        assert_eq!(taken.said(), line.text(TOKENS));
        let broken = taken.bytes.lines().filter_map(|line| line.strip_prefix("data: "));
        let broken = broken.filter(|data| *data != "[DONE]" && serde_json::from_str::<Value>(data).is_err());
        assert_eq!(broken.count(), 1, "{}", taken.bytes);
    }
}

#[tokio::test]
async fn a_body_kept_open_after_its_end_marker_ends_all_the_same() {
    for wire in WIRES {
        let line = Line::faulty(wire, Fault::OverDeliver).await;
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
async fn held_to_its_end_even_a_cut_stream_is_an_error() {
    let commit = Commit::End { max_bytes: 1 << 20 };
    for wire in WIRES {
        for fault in [Fault::CutAfter { tokens: 5 }, Fault::MissingEnd { finish: false }] {
            let error = Line::faulty(wire, fault).await.commit(commit).fails(true).await;
            assert_eq!(error.kind(), Kind::Broken);
        }
        let taken = take(Line::new(wire).await.commit(commit).stream().await).await;
        taken.is_success();
    }
}

//! Faults inside a stream.

use std::{io, time::Duration};

use buttress_sim::{Ending, Fault, Wire};
use http_body_util::BodyExt;
use tokio::time::Instant;

use crate::{
    bytes, call,
    common::{WIRES, broken, events, has_marker, is_end, reason, request, text},
    until_broken,
};

#[tokio::test(start_paused = true)]
async fn a_stalled_stream_is_silent_after_its_tokens() {
    for wire in WIRES {
        let sim = broken(wire, Fault::StallAfter { tokens: 3 });
        let (body, error) = until_broken(call(&sim, request(wire, true)).await.into_body()).await;
        assert_eq!((text(&events(&body)), error), (sim.expected_text(3), None));
        assert_eq!((sim.log()[0].end, sim.log()[0].billed), (Ending::Cancelled, 4 + 3));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_stream_errs_after_its_tokens() {
    for wire in WIRES {
        let sim = broken(wire, Fault::CutAfter { tokens: 3 });
        let (body, error) = until_broken(call(&sim, request(wire, true)).await.into_body()).await;
        assert_eq!(text(&events(&body)), sim.expected_text(3));
        assert_eq!(error, Some(io::ErrorKind::UnexpectedEof));
        assert_eq!((sim.log()[0].end, sim.log()[0].output_tokens_sent), (Ending::Faulted, 3));
    }
}

#[tokio::test(start_paused = true)]
async fn a_malformed_event_stands_in_the_middle_of_a_good_stream() {
    for wire in WIRES {
        let sim = broken(wire, Fault::MalformedEvent { after: 3 });
        let events = events(&bytes(&sim, request(wire, true)).await);
        let broken = events.iter().filter(|event| event.is_string() && *event != "[DONE]").count();
        assert_eq!((broken, text(&events)), (1, sim.expected_text(8)));
        assert!(is_end(wire, events.last().unwrap()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_event_after_nothing_is_the_first_event() {
    for wire in WIRES {
        let sim = broken(wire, Fault::ErrorEvent { after: 0 });
        let events = events(&bytes(&sim, request(wire, true)).await);
        assert_eq!(events.len(), 1);
        assert!(events[0]["error"]["message"].is_string() || events[0]["error"].is_string());
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_event_may_come_late_and_before_an_end_marker() {
    for wire in WIRES {
        let sim = broken(wire, Fault::ErrorThenDone { after: 2 });
        let events = events(&bytes(&sim, request(wire, true)).await);
        assert_eq!(text(&events), sim.expected_text(2));
        let [.., before, last] = &events[..] else { panic!("two events at least") };
        let (error, end) = if wire == Wire::Gemini { (last, before) } else { (before, last) };
        assert!(error.get("error").is_some_and(|error| error.is_object() || error.is_string()), "{error}");
        assert!(is_end(wire, end), "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_may_end_without_its_marker_or_its_reason() {
    for wire in WIRES {
        for (finish, reasons) in [(true, 1), (false, 0)] {
            let sim = broken(wire, Fault::MissingEnd { finish });
            let body = bytes(&sim, request(wire, true)).await;
            let events = events(&body);
            assert_eq!(text(&events), sim.expected_text(8));
            if has_marker(wire) {
                assert!(!events.iter().any(|event| is_end(wire, event)));
            } else {
                // The reason is the marker: what is missing is what closes it.
                assert_eq!(body.ends_with(b"\n"), !finish);
            }
            assert_eq!(events.iter().filter_map(reason).count(), reasons);
            assert_eq!(sim.log()[0].end, Ending::Faulted);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_megabyte_line_is_valid_and_says_nothing() {
    for wire in WIRES {
        let sim = broken(wire, Fault::MegabyteLine);
        let body = bytes(&sim, request(wire, true)).await;
        assert!(body.split(|byte| *byte == b'\n').any(|line| line.len() > 1 << 20));
        assert_eq!(text(&events(&body)), sim.expected_text(8));
        assert_eq!(sim.log()[0].end, Ending::Answered);
    }
}

#[tokio::test(start_paused = true)]
async fn an_endless_prelude_never_has_content() {
    for wire in WIRES {
        let sim = broken(wire, Fault::EndlessPrelude);
        let mut body = call(&sim, request(wire, true)).await.into_body();
        let start = Instant::now();
        for _ in 0..1001 {
            let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(text(&events(&data)), "");
        }
        // Ollama has nothing to say before the first of them.
        let waits = if wire == Wire::Ollama { 1001 } else { 1000 };
        assert_eq!(start.elapsed(), waits * Duration::from_millis(100));
        drop(body);
        assert_eq!((sim.log()[0].end, sim.log()[0].billed), (Ending::Cancelled, 4));
    }
}

//! Faults of the body as a whole.

use std::{io, time::SystemTime};

use buttress_sim::{Ending, Fault, Rule, Sim, Wire};
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    HOUR, bytes, call,
    common::{WIRES, broken, events, model, request, text},
    header, ms, refusal, until_broken,
};

#[tokio::test(start_paused = true)]
async fn a_200_may_be_empty_an_error_or_garbage() {
    for wire in WIRES {
        let empty = broken(wire, Fault::EmptyOk);
        assert!(bytes(&empty, request(wire, true)).await.is_empty());
        let error = broken(wire, Fault::ErrorIn200);
        let (status, body) = refusal(&error, request(wire, true)).await;
        assert_eq!((status, is_error(wire, &body)), (StatusCode::OK, true));
        let garbage = broken(wire, Fault::Garbage { bytes: 5000 });
        let response = call(&garbage, request(wire, true)).await;
        let stream = if wire == Wire::Ollama { "application/x-ndjson" } else { "text/event-stream" };
        assert!(header(&response, "content-type").starts_with(stream));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), 5000);
    }
}

#[tokio::test(start_paused = true)]
async fn an_over_delivered_body_stays_open_after_its_answered_end() {
    for stream in [true, false] {
        let sim = broken(Wire::OpenAi, Fault::OverDeliver);
        let start = Instant::now();
        bytes(&sim, request(Wire::OpenAi, stream)).await;
        assert!(start.elapsed() >= HOUR);
        assert_eq!((sim.log()[0].end, sim.log()[0].ended_at), (Ending::Answered, Some(ms(180))));
    }
}

#[tokio::test(start_paused = true)]
async fn whole_answers_break_in_their_own_way() {
    for wire in WIRES {
        // One beginning for all, or a time in an answer may be a digit longer than in another.
        let sim = || Sim::new("a", model(wire).wall_clock(SystemTime::UNIX_EPOCH)).unwrap();
        let whole = bytes(&sim(), request(wire, false)).await.len();
        let half = whole / 2;
        let cases = [
            (Fault::StallAfter { tokens: 0 }, half, None),
            (Fault::CutAfter { tokens: 0 }, half, Some(io::ErrorKind::UnexpectedEof)),
            (Fault::MalformedEvent { after: 0 }, whole - 1, None),
            (Fault::MissingEnd { finish: true }, half, None),
            (Fault::MegabyteLine, whole + (1 << 20), None),
        ];
        for (fault, length, error) in cases {
            let sim = sim();
            sim.inject(Rule::always(fault)).unwrap();
            let (body, got) = until_broken(call(&sim, request(wire, false)).await.into_body()).await;
            assert_eq!((body.len(), got), (length, error));
        }
        let sim = broken(wire, Fault::ErrorEvent { after: 5 });
        let (status, body) = refusal(&sim, request(wire, false)).await;
        assert_eq!((status, is_error(wire, &body)), (StatusCode::OK, true));
    }
}

#[tokio::test(start_paused = true)]
async fn gzip_says_so_and_is_gzip() {
    let sim = broken(Wire::OpenAi, Fault::Gzip);
    let response = call(&sim, request(Wire::OpenAi, true)).await;
    assert_eq!(header(&response, "content-encoding"), "gzip");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(text(&events(&stored(&body))), sim.expected_text(8));
}

fn is_error(wire: Wire, body: &Value) -> bool {
    if wire == Wire::Ollama { body["error"].is_string() } else { body["error"].is_object() }
}

/// The content of a gzip member that has stored blocks alone.
fn stored(member: &[u8]) -> Vec<u8> {
    let (head, mut rest) = member.split_at(10);
    assert_eq!(head[..3], [0x1f, 0x8b, 8]);
    let mut content = Vec::new();
    loop {
        let last = rest[0] == 1;
        let length = usize::from(u16::from_le_bytes([rest[1], rest[2]]));
        assert_eq!(u16::from_le_bytes([rest[3], rest[4]]), !(length as u16));
        content.extend_from_slice(&rest[5..5 + length]);
        rest = &rest[5 + length..];
        if last {
            assert_eq!(rest.len(), 8);
            assert_eq!(rest[4..], (content.len() as u32).to_le_bytes());
            return content;
        }
    }
}

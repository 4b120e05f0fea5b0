//! What is Gemini's alone: the forms of its stream, and the model in its URL.

use buttress_sim::{Ending, Fault, Wire};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::{
    bytes, call,
    common::{broken, events, json, post, reason, request, sim, text},
    header, refusal,
};

/// The request of a stream that is one array.
fn array() -> http::Request<String> {
    post("/v1beta/models/m:streamGenerateContent", &json(Wire::Gemini, true))
}

fn utf8(body: &[u8]) -> &str {
    std::str::from_utf8(body).unwrap()
}

fn candidates_so_far(chunks: &[Value]) -> Vec<Option<u64>> {
    chunks.iter().map(|chunk| chunk["usageMetadata"]["candidatesTokenCount"].as_u64()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_events_has_the_real_chunks() {
    let sim = sim(Wire::Gemini);
    let body = bytes(&sim, request(Wire::Gemini, true)).await;
    let chunks = events(&body);
    assert_eq!(chunks.len(), 1 + 8 + 1);
    assert!(chunks[0].get("candidates").is_none(), "usage alone");
    let mut counts = vec![None];
    counts.extend((1..=8).chain([8]).map(Some));
    assert_eq!(candidates_so_far(&chunks), counts);
    for chunk in &chunks {
        assert_eq!((&chunk["modelVersion"], &chunk["responseId"]), (&"m".into(), &chunks[0]["responseId"]));
        assert_eq!(chunk["usageMetadata"]["promptTokenCount"], 4);
    }
    assert_eq!(chunks[9]["usageMetadata"]["totalTokenCount"], 12);
    assert_eq!(chunks[9]["candidates"][0]["finishReason"], "STOP");
    assert_eq!(chunks.iter().filter_map(reason).count(), 1);
    // Its lines end in CRLF, and a blank follows each colon.
    assert_eq!(utf8(&body).matches("\r\n\r\n").count(), 10);
    assert!(
        body.starts_with(b"data: {\"usageMetadata\": {\"promptTokenCount\": 4,\"total"),
        "{}",
        utf8(&body)
    );
}

#[tokio::test(start_paused = true)]
async fn without_alt_sse_a_stream_is_one_array_of_the_same_chunks() {
    let sim = sim(Wire::Gemini);
    let response = call(&sim, array()).await;
    assert_eq!(header(&response, "content-type"), "application/json; charset=UTF-8");
    assert_eq!(header(&response, "content-length"), "", "it is a stream");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let Value::Array(chunks) = serde_json::from_slice(&body).unwrap() else { panic!("an array") };
    assert_eq!((chunks.len(), text(&chunks)), (10, sim.expected_text(8)));
    assert_eq!(reason(&chunks[9]), Some("STOP"));
    let seen = &sim.log()[0];
    assert_eq!((seen.end, seen.stream, seen.model.as_str()), (Ending::Answered, true, "m"));
}

#[tokio::test(start_paused = true)]
async fn an_error_among_events_stands_bare_over_many_lines() {
    let sim = broken(Wire::Gemini, Fault::ErrorThenDone { after: 2 });
    let body = bytes(&sim, request(Wire::Gemini, true)).await;
    let (before, error) = utf8(&body).split_once("\r\n\r\n{\n").expect("the error follows an event");
    assert!(before.rsplit("\r\n\r\n").next().unwrap().contains("\"finishReason\": \"STOP\""), "{before}");
    let error: Value = serde_json::from_str(&format!("{{{error}")).unwrap();
    assert_eq!((&error["error"]["code"], &error["error"]["status"]), (&503.into(), &"UNAVAILABLE".into()));
    // It counts what it said, not what it would have said.
    let last = &events(before.as_bytes())[3];
    assert_eq!(last["usageMetadata"]["candidatesTokenCount"], 2);
}

#[tokio::test(start_paused = true)]
async fn an_array_breaks_in_its_own_way() {
    for (fault, reasons) in [
        (Fault::ErrorEvent { after: 0 }, vec![]),
        (Fault::ErrorThenDone { after: 0 }, vec!["STOP"]),
        (Fault::ErrorEvent { after: 2 }, vec![]),
        (Fault::ErrorThenDone { after: 2 }, vec!["STOP"]),
    ] {
        let sim = broken(Wire::Gemini, fault.clone());
        let Value::Array(chunks) = serde_json::from_slice(&bytes(&sim, array()).await).unwrap() else {
            panic!("{fault:?} leaves an array")
        };
        assert_eq!(chunks.last().unwrap()["error"]["status"], "UNAVAILABLE", "{fault:?}");
        assert_eq!(chunks.iter().filter_map(reason).collect::<Vec<_>>(), reasons);
        assert_eq!(text(&chunks), sim.expected_text(if chunks.len() > 2 { 2 } else { 0 }));
    }
    for finish in [true, false] {
        let sim = broken(Wire::Gemini, Fault::MissingEnd { finish });
        let body = bytes(&sim, array()).await;
        let Value::Array(chunks) = serde_json::from_str(&format!("{}]", utf8(&body))).unwrap() else {
            panic!("only the bracket is missing")
        };
        assert_eq!((text(&chunks), chunks.len()), (sim.expected_text(8), 9 + usize::from(finish)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_malformed_element_keeps_its_brackets() {
    let sim = broken(Wire::Gemini, Fault::MalformedEvent { after: 3 });
    let body = bytes(&sim, array()).await;
    assert!(serde_json::from_slice::<Value>(&body).is_err());
    let Value::Array(chunks) = serde_json::from_str(&utf8(&body).replace("  role:", "  \"role\":")).unwrap()
    else {
        panic!("nothing else is wrong")
    };
    assert_eq!((chunks.len(), text(&chunks)), (11, sim.expected_text(8)));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_an_array_where_an_array_was_asked_for() {
    let sim = broken(Wire::Gemini, Fault::Refuse);
    let (status, body) = refusal(&sim, array()).await;
    assert_eq!((status.as_u16(), &body[0]["error"]["status"]), (503, &"UNAVAILABLE".into()));
    let (_, body) = refusal(&sim, request(Wire::Gemini, true)).await;
    assert_eq!(body["error"]["status"], "UNAVAILABLE");
}

#[tokio::test(start_paused = true)]
async fn the_url_names_the_model_that_a_rule_is_for() {
    let sim = sim(Wire::Gemini);
    sim.inject(buttress_sim::Rule::always(Fault::Refuse).for_model("tuned/a")).unwrap();
    for (path, status) in [
        (Wire::Gemini.path("tuned/a", false), 503),
        (Wire::Gemini.path("tuned/b", false), 200),
        ("/v1/projects/p/locations/l/publishers/google/models/g:generateContent".to_owned(), 200),
    ] {
        assert_eq!(call(&sim, post(path, &json(Wire::Gemini, false))).await.status().as_u16(), status);
    }
    let models: Vec<_> = sim.log().into_iter().map(|seen| seen.model).collect();
    assert_eq!(models, ["tuned/a", "tuned/b", "g"]);
}

#[tokio::test(start_paused = true)]
async fn fields_are_read_under_both_spellings() {
    for (config, limit, system) in [
        ("generationConfig", "maxOutputTokens", "systemInstruction"),
        ("generation_config", "max_output_tokens", "system_instruction"),
    ] {
        let sim = sim(Wire::Gemini);
        let mut body = serde_json::json!({"contents": [{"parts": [{"text": "four"}]}]});
        body[config] = serde_json::json!({ limit: 2 });
        body[system] = serde_json::json!({"parts": [{"text": "and more"}]});
        let (_, answer) = refusal(&sim, post(Wire::Gemini.path("m", false), &body)).await;
        assert_eq!(reason(&answer), Some("MAX_TOKENS"));
        let usage = &answer["usageMetadata"];
        assert_eq!((&usage["promptTokenCount"], &usage["candidatesTokenCount"]), (&3.into(), &2.into()));
    }
}

//! Faults that leave no answer, or refuse one.

use std::{error::Error as _, io};

use buttress_sim::{Ending, Fault, Rule, Wire};
use serde_json::Value;
use tokio::time::timeout;
use tower::ServiceExt;

use crate::{
    HOUR, bytes, call,
    common::{broken, events, request, sim, text},
    header, ms, refusal,
};

#[tokio::test(start_paused = true)]
async fn torn_connections_are_io_errors() {
    let cases = [
        (Fault::Reset, io::ErrorKind::ConnectionReset),
        (Fault::ConnectRefused, io::ErrorKind::ConnectionRefused),
    ];
    for (fault, kind) in cases {
        let sim = broken(Wire::OpenAi, fault);
        let error = sim.service().oneshot(request(Wire::OpenAi, true)).await.unwrap_err();
        let io = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!((error.kind(), io.kind()), (kind, kind));
        assert_eq!(sim.log()[0].end, Ending::Faulted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_holds_the_call_until_the_client_goes() {
    let sim = broken(Wire::Anthropic, Fault::BlackHole);
    assert!(timeout(HOUR, sim.service().oneshot(request(Wire::Anthropic, true))).await.is_err());
    let seen = &sim.log()[0];
    assert_eq!((seen.end, seen.ended_at, seen.billed), (Ending::Cancelled, Some(HOUR), 0));
}

#[tokio::test(start_paused = true)]
async fn refusing_faults_have_the_real_bodies() {
    let openai = [
        (Fault::Refuse, 503, "service_unavailable_error", "server_is_overloaded"),
        (Fault::Status(500), 500, "server_error", ""),
        (Fault::Status(401), 401, "invalid_request_error", "invalid_api_key"),
        (Fault::Status(404), 404, "invalid_request_error", "model_not_found"),
        (Fault::RateLimit { retry_after: None }, 429, "tokens", "rate_limit_exceeded"),
        (Fault::Quota, 429, "insufficient_quota", "insufficient_quota"),
        (Fault::ContextTooLong, 400, "invalid_request_error", "context_length_exceeded"),
    ];
    let anthropic = [
        (Fault::Refuse, 503, "api_error", ""),
        (Fault::Status(500), 500, "api_error", ""),
        (Fault::Status(529), 529, "overloaded_error", ""),
        (Fault::RateLimit { retry_after: None }, 429, "rate_limit_error", ""),
        (Fault::Quota, 429, "rate_limit_error", "enforced_spend_limit_reached"),
        (Fault::ContextTooLong, 400, "invalid_request_error", ""),
    ];
    let gemini = [
        (Fault::Refuse, 503, "UNAVAILABLE", ""),
        (Fault::Status(500), 500, "INTERNAL", ""),
        (Fault::Status(401), 401, "UNAUTHENTICATED", "CREDENTIALS_MISSING"),
        (Fault::Status(404), 404, "NOT_FOUND", ""),
        (Fault::Status(504), 504, "DEADLINE_EXCEEDED", ""),
        (Fault::RateLimit { retry_after: None }, 429, "RESOURCE_EXHAUSTED", ""),
        (Fault::Quota, 429, "RESOURCE_EXHAUSTED", "GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
        (Fault::ContextTooLong, 400, "INVALID_ARGUMENT", ""),
    ];
    let ollama = [
        (Fault::Refuse, 503, "server busy, please try again.  maximum pending requests exceeded", ""),
        (Fault::Status(500), 500, "llama runner process has terminated: exit status 2", ""),
        (Fault::Status(404), 404, "model 'm' not found", ""),
        (Fault::RateLimit { retry_after: Some(ms(1500)) }, 429, "too many requests", ""),
        (
            Fault::ContextTooLong,
            400,
            "request (4 tokens) exceeds the available context size (3 tokens), try increasing it",
            "",
        ),
    ];
    let cases = [
        (Wire::OpenAi, &openai[..]),
        (Wire::Anthropic, &anthropic),
        (Wire::Gemini, &gemini),
        (Wire::Ollama, &ollama),
    ];
    let cases = cases.into_iter().flat_map(|(wire, cases)| cases.iter().map(move |case| (wire, case)));
    for (wire, (fault, status, kind, code)) in cases {
        let sim = broken(wire, fault.clone());
        let (got, body) = refusal(&sim, request(wire, true)).await;
        let error = &body["error"];
        let google = &error["details"][0];
        let codes = [
            &error["code"],
            &error["details"]["error_code"],
            &google["reason"],
            &google["violations"][0]["quotaId"],
        ];
        let got_code = codes.into_iter().find_map(Value::as_str).unwrap_or_default();
        let got_kind = [&error["type"], &error["status"], error].into_iter().find_map(Value::as_str);
        assert_eq!((got.as_u16(), got_kind.unwrap(), got_code), (*status, *kind, *code), "{body}");
        assert_eq!((sim.log()[0].end, sim.log()[0].billed), (Ending::Faulted, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hint_in_a_header_is_whole_seconds_rounded_up_and_in_a_body_exact() {
    let hint = Fault::RateLimit { retry_after: Some(ms(1500)) };
    let openai = call(&broken(Wire::OpenAi, hint.clone()), request(Wire::OpenAi, true)).await;
    assert_eq!((header(&openai, "retry-after"), header(&openai, "retry-after-ms")), ("2", "1500"));
    let anthropic = call(&broken(Wire::Anthropic, hint.clone()), request(Wire::Anthropic, true)).await;
    assert_eq!((header(&anthropic, "retry-after"), header(&anthropic, "retry-after-ms")), ("2", ""));
    let (_, gemini) = refusal(&broken(Wire::Gemini, hint), request(Wire::Gemini, true)).await;
    let details = gemini["error"]["details"].as_array().unwrap();
    assert_eq!(details.iter().find_map(|detail| detail["retryDelay"].as_str()), Some("1.500s"));
    assert!(gemini["error"]["message"].as_str().unwrap().ends_with("Please retry in 1.500s."));
    let quota = call(&broken(Wire::OpenAi, Fault::Quota), request(Wire::OpenAi, true)).await;
    assert_eq!(header(&quota, "retry-after"), "");
}

#[tokio::test(start_paused = true)]
async fn slow_faults_slow_and_nothing_else() {
    for (fault, first, end) in
        [(Fault::SlowFirstToken(ms(900)), 1000, 1080), (Fault::Brownout(3.0), 300, 540)]
    {
        let sim = broken(Wire::OpenAi, fault);
        let body = bytes(&sim, request(Wire::OpenAi, true)).await;
        assert_eq!(text(&events(&body)), sim.expected_text(8));
        let seen = &sim.log()[0];
        assert_eq!((seen.first_token_at, seen.ended_at), (Some(ms(first)), Some(ms(end))));
    }
}

#[tokio::test(start_paused = true)]
async fn rules_can_be_changed_while_it_runs() {
    let sim = sim(Wire::OpenAi);
    let status = async || call(&sim, request(Wire::OpenAi, true)).await.status().as_u16();
    sim.inject(Rule::always(Fault::Refuse).calls(0..2)).unwrap();
    assert_eq!([status().await, status().await, status().await], [503, 503, 200]);
    sim.inject(Rule::always(Fault::Quota)).unwrap();
    assert_eq!(status().await, 429);
    sim.clear();
    assert_eq!(status().await, 200);
}

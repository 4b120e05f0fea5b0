//! Faults that leave no answer, or refuse one.

use std::{error::Error as _, io};

use buttress_sim::{Ending, Fault, Rule, Wire};
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
    let cases = openai
        .map(|case| (Wire::OpenAi, case))
        .into_iter()
        .chain(anthropic.map(|case| (Wire::Anthropic, case)));
    for (wire, (fault, status, kind, code)) in cases {
        let sim = broken(wire, fault);
        let (got, body) = refusal(&sim, request(wire, true)).await;
        let error = &body["error"];
        let got_code = error["code"].as_str().or(error["details"]["error_code"].as_str()).unwrap_or_default();
        assert_eq!((got.as_u16(), error["type"].as_str().unwrap(), got_code), (status, kind, code), "{body}");
        assert_eq!((sim.log()[0].end, sim.log()[0].billed), (Ending::Faulted, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hint_is_whole_seconds_rounded_up() {
    let hint = Fault::RateLimit { retry_after: Some(ms(1500)) };
    let openai = call(&broken(Wire::OpenAi, hint.clone()), request(Wire::OpenAi, true)).await;
    assert_eq!((header(&openai, "retry-after"), header(&openai, "retry-after-ms")), ("2", "1500"));
    let anthropic = call(&broken(Wire::Anthropic, hint), request(Wire::Anthropic, true)).await;
    assert_eq!((header(&anthropic, "retry-after"), header(&anthropic, "retry-after-ms")), ("2", ""));
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

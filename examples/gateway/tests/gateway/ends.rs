//! How a stream ends whose provider broke it off.

use buttress_sim::{Fault, Rule};
use http::StatusCode;

use crate::kit::{Act, Answer, Running, Scripted, Told, chat, sim, target};

const FIRST: &str =
    "data: {\"id\":\"x\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\n";

/// What a caller gets of this stream, which then breaks off.
async fn broken_after(pieces: &[&str], then: Act) -> Answer {
    let provider = Scripted::streaming(pieces, then).await;
    let file = target("a", &provider.url)
        + "[[routes]]\nmodel = \"m\"\ntargets = [\"a\"]\nattempts = 1\nidle_seconds = 0.3\n";
    let running = Running::start(&file).await;
    let body = chat("m", true)
        .replace("\"stream\":true", "\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    Answer::read(running.caller().post("/v1/chat/completions", body).await).await
}

fn message(answer: &Answer) -> String {
    match &answer.told {
        Told::Error(error) => error["error"]["message"].as_str().unwrap().to_owned(),
        other => panic!("{other:?}: {}", answer.raw),
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_ends_in_an_error_event() {
    let answer = broken_after(&[FIRST], Act::Close).await;
    assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "one"));
    assert!(message(&answer).starts_with("a: "), "{}", answer.raw);
    assert!(answer.raw.starts_with(FIRST), "{}", answer.raw);
}

#[tokio::test]
async fn a_stream_that_falls_silent_ends_in_an_error_event() {
    let answer = broken_after(&[FIRST], Act::Hang).await;
    assert!(message(&answer).contains("300ms"), "{}", answer.raw);
}

#[tokio::test]
async fn a_stream_that_ends_without_its_mark_ends_in_an_error_event() {
    let answer = broken_after(&[FIRST], Act::Send("0\r\n\r\n".into())).await;
    assert!(message(&answer).contains("end marker"), "{}", answer.raw);
}

#[tokio::test]
async fn of_an_event_that_is_cut_in_two_nothing_passes_and_the_error_is_one_of_its_own() {
    for half in
        ["data: {\"id\":\"x\",\"model\":\"m\",\"cho", "data: {}\n", "data: {}\r", "da", "data: {\"a\":\"\n"]
    {
        let answer = broken_after(&[FIRST, half], Act::Close).await;
        message(&answer);
        assert_eq!(answer.text, "one", "{half:?}");
        assert!(answer.raw[FIRST.len()..].starts_with("data: {\"error\""), "{half:?}: {}", answer.raw);
    }
}

#[tokio::test]
async fn a_long_event_passes_as_it_comes_and_is_closed_if_it_is_cut() {
    let long = format!("data: {{\"x\":\"{}", "y".repeat(100 << 10));
    let answer = broken_after(&[FIRST, &long], Act::Close).await;
    let (before, after) = answer.raw.split_at(FIRST.len() + long.len());
    assert!(before.ends_with('y'), "all of it has passed");
    assert!(after.starts_with("\n\ndata: {\"error\""), "{after}");

    let answer = broken_after(&[FIRST, &long, "\"}\n\n", FIRST, "data: half"], Act::Close).await;
    assert_eq!(answer.text, "oneone");
    assert!(answer.raw[answer.raw.len() - 300..].contains("}\n\ndata: {\"error\""), "{:?}", answer.told);
}

#[tokio::test]
async fn the_providers_own_error_event_is_the_only_one() {
    let own = "data: {\"error\":{\"message\":\"engine on fire\",\"type\":\"server_error\"}}\n\n";
    let answer = broken_after(&[FIRST, own], Act::Close).await;
    assert_eq!(message(&answer), "engine on fire");
    assert_eq!(answer.raw, format!("{FIRST}{own}"));
}

#[tokio::test]
async fn usage_that_was_asked_for_on_the_callers_behalf_hides_no_break() {
    let (sim, server) = sim("a", 9, 1).await;
    sim.inject(Rule::always(Fault::CutAfter { tokens: 4 })).unwrap();
    let file = target("a", &server.base_url()) + "[[routes]]\nmodel = \"m\"\ntargets = [\"a\"]\n";
    let running = Running::start(&file).await;
    let answer = running.caller().stream("m").await;
    message(&answer);
    assert_eq!(answer.text, sim.expected_text(4));
    assert_eq!(sim.log().len(), 1, "what was delivered in part is not sent again");
}

#[tokio::test]
async fn held_to_its_end_even_a_cut_stream_is_tried_again() {
    let (sim, server) = sim("a", 9, 1).await;
    sim.inject(Rule::always(Fault::CutAfter { tokens: 4 }).calls(0..1)).unwrap();
    let file = target("a", &server.base_url())
        + "[[routes]]\nmodel = \"m\"\ntargets = [\"a\"]\ncommit = \"end\"\nretry_base_seconds = 0.01\n";
    let running = Running::start(&file).await;
    let answer = running.caller().stream("m").await;
    assert_eq!((answer.told, answer.text), (Told::Done, sim.expected_text(9)));
}

//! The contract that every layer keeps, and its table in the documentation.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::{
    fs,
    path::Path,
    task::{Context, Poll, Waker},
};

use buttress_provider::{Provider, ProviderLayer};
use buttress_tests::{
    journey::{Client, Journey, erase},
    probe::{self, Act, Piece, Request, TOKEN},
    rules,
    stack::{Numbers, Stack},
    subject, table,
};
use bytes::Bytes;
use tower::Layer;

/// The page, whose table stands between these two lines.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/contract.md");
const BEGIN: &str = "<!-- table: begin -->\n";
const END: &str = "<!-- table: end -->";

fn keeps(rule: u8) {
    for check in rules::all().into_iter().filter(|check| check.rule == rule) {
        for subject in subject::all() {
            // What does not apply is in the table, with the reason.
            let _ = (check.run)(&subject);
        }
    }
}

macro_rules! rules {
    ($($rule:literal $name:ident)*) => {
        $(#[test]
        fn $name() {
            keeps($rule);
        })*
    };
}

rules! {
    1 every_layer_calls_only_what_was_polled_ready
    2 readiness_takes_nothing
    3 whatever_is_dropped_gives_back_what_it_holds
    4 state_is_shared_by_all_services_and_clones
    5 nobody_waits_busily
    6 no_lock_is_held_across_a_callback_and_no_task_is_needed
    7 nothing_grows_without_bound
    8 time_is_tokios
    9 the_happy_path_costs_what_it_says
    10 an_earlier_time_decides_nothing_in_a_later_one
}

/// `BUTTRESS_WRITE_DOCS=1` writes the table instead of comparing it.
#[test]
fn the_documented_table_is_what_ran() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    let ran = table::render(&rules::all(), &subject::all());
    if std::env::var_os("BUTTRESS_WRITE_DOCS").is_some() {
        fs::write(Path::new(PAGE), format!("{before}{BEGIN}{ran}{END}{after}")).unwrap();
    } else {
        assert_eq!(written, ran, "run this test with BUTTRESS_WRITE_DOCS=1 and look at the difference");
    }
}

fn provider() -> ProviderLayer {
    ProviderLayer::new(Provider::openai().api_key("sk-test")).unwrap()
}

/// A chat as a client sends it: no layer has seen it yet.
fn chat() -> Request {
    const BODY: &str = r#"{"model":"gpt-5-mini","stream":true,"messages":[{"role":"user","content":"What is a buttress?"}]}"#;
    // As they come from the wire, a clone of these copies nothing.
    let request = http::Request::post(http::Uri::from_static("/v1/chat/completions"));
    let headers = [
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
        ("authorization", "Bearer sk-test"),
    ];
    let request = headers
        .into_iter()
        .fold(request, |request, (name, value)| request.header(name, http::HeaderValue::from_static(value)));
    request.body(Bytes::from_static(BODY.as_bytes()).into()).unwrap()
}

/// What OpenAI answers: the role, tokens, the finish reason, the usage, the end marker.
fn answer() -> Act {
    let pieces = [
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\
            \"finish_reason\":null}],\"usage\":null}\n\n",
        TOKEN,
        TOKEN,
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n",
        "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":18,\"completion_tokens\":2,\"total_tokens\":20,\
            \"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\n\n",
        probe::END,
    ];
    let pieces = pieces.map(|piece| Piece::Bytes(Bytes::from_static(piece.as_bytes())));
    Act { pieces: pieces.into(), ..Act::good() }
}

/// The allocations of such a chat, read to its end. Of the second: the first may make what stays.
fn allocations(client: &Client) -> u64 {
    let counts = [(); 2].map(|()| {
        let mut call = Journey::new(client.clone(), chat());
        let counted = allocation_counter::measure(|| {
            let end = call.poll_to_end(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(end, Poll::Ready(Ok(()))), "{end:?}");
        });
        counted.count_total
    });
    counts[1]
}

#[test]
fn a_streamed_chat_through_the_composed_stack_takes_twenty_allocations_at_most() {
    let bench = subject::Bench::new(true);
    bench.script_all(&answer());
    let bare = allocations(&erase(bench.http(0)));
    let alone = allocations(&erase(provider().layer(bench.http(0)))) - bare;
    let inner = [bench.http(0), bench.http(1)];
    let stack = Stack::new(&Numbers::default(), &provider(), &bench.hook, inner);
    let composed = allocations(&stack.client()) - bare;
    println!(
        "a streamed chat takes {alone} allocations more through the provider layer, {composed} through the stack"
    );
    assert!(alone <= 12, "{alone}");
    assert!(composed <= 20, "{composed}");
}

#[test]
fn the_future_of_the_composed_stack_takes_two_kilobytes_at_most() {
    let bench = subject::Bench::new(true);
    let inner = [bench.http(0), bench.http(1)];
    let stack = Stack::new(&Numbers::default(), &provider(), &bench.hook, inner);
    println!("the future of the composed stack takes {} bytes", stack.future);
    assert!(stack.future <= 2048, "{} bytes", stack.future);
}

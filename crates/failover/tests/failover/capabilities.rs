//! A request goes only where it can be served.

use std::sync::Arc;

use buttress_call::{Kind, Shape};
use buttress_failover::{Cheapest, Failover, Lack, Reason, Target};

use crate::scripted::*;

fn shaped(change: impl FnOnce(&mut Shape)) -> Ask {
    let mut shape = Shape::default();
    change(&mut shape);
    let mut ask = Ask::default();
    ask.call.set_shape(Arc::new(shape));
    ask
}

fn tokens(tokens: u64) -> Ask {
    shaped(|shape| shape.text_bytes = 4 * tokens)
}

fn target(name: &'static str, service: &Scripted) -> Target<Scripted> {
    Target::new(name, service.clone())
}

#[tokio::test(start_paused = true)]
async fn a_request_goes_to_a_target_that_has_the_model() {
    let [a, b, c] = ["a", "b", "c"].map(Scripted::serves);
    let fleet =
        of([target("a", &a).models(["small"]), target("b", &b).models(["small", "large"]), target("c", &c)]);
    assert_eq!(ask_for(&fleet, Ask::of_model("large")).await.unwrap(), "b");
    assert_eq!(ask_for(&fleet, Ask::of_model("other")).await.unwrap(), "c", "it declares nothing");
    assert_eq!(ask(&fleet).await.unwrap(), "a", "a request that names no model");
}

#[tokio::test(start_paused = true)]
async fn not_found_goes_on_to_a_target_that_has_the_model() {
    let (a, b, c) = (Scripted::always("a", Kind::NotFound), Scripted::serves("b"), Scripted::serves("c"));
    let fleet = of([target("a", &a), target("b", &b).models(["small"]), target("c", &c).models(["large"])]);
    assert_eq!(ask_for(&fleet, Ask::of_model("large")).await.unwrap(), "c");
}

#[tokio::test(start_paused = true)]
async fn a_stream_goes_where_streams_are() {
    let (a, b) = (Scripted::serves("a"), Scripted::serves("b"));
    let fleet = of([target("a", &a).without_streaming(), target("b", &b)]);
    assert_eq!(ask_for(&fleet, shaped(|shape| shape.stream = true)).await.unwrap(), "b");
    assert_eq!(ask_for(&fleet, shaped(|shape| shape.stream = false)).await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_request_with_tools_goes_where_they_can_be_used() {
    let (a, b, c) = (Scripted::serves("a"), Scripted::always("b", Kind::Server), Scripted::serves("c"));
    let fleet = of([target("a", &a).without_tools(), target("b", &b), target("c", &c).tier(1)]);
    let with_tools = || shaped(|shape| shape.tools = true);
    assert_eq!(ask_for(&fleet, with_tools()).await.unwrap(), "c", "not even after a failure");
    assert_eq!(ask_for(&fleet, shaped(|shape| shape.stream = true)).await.unwrap(), "a");
    assert_eq!((a.calls(), b.calls(), c.calls()), (1, 1, 1));

    c.does(Kind::Server);
    let error = ask_for(&fleet, with_tools()).await.unwrap_err();
    assert_eq!(error.to_string(), "no target served: b: server; c: server; a: cannot use tools");
    assert_eq!(exhausted(&error).attempts().last().unwrap().reason(), Reason::Lacks(Lack::Tools));
    assert_eq!(a.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_tools_nobody_can_use_is_invalid_and_costs_no_call() {
    let a = Scripted::serves("a");
    let fleet = of([target("a", &a).without_tools()]);
    let error = ask_for(&fleet, shaped(|shape| shape.tools = true)).await.unwrap_err();
    assert_eq!(error.to_string(), "no target served: a: cannot use tools");
    assert_eq!((kind_of(Err(error)), a.calls()), (Kind::Invalid, 0));
}

#[tokio::test(start_paused = true)]
async fn a_long_prompt_goes_to_a_window_that_holds_it_and_its_answer() {
    let (a, b) = (Scripted::serves("a"), Scripted::serves("b"));
    let fleet = of([target("a", &a).window(8_000), target("b", &b).window(100_000)]);
    assert_eq!(ask_for(&fleet, tokens(8_000)).await.unwrap(), "a");
    assert_eq!(ask_for(&fleet, tokens(8_001)).await.unwrap(), "b");
    let capped = shaped(|shape| (shape.text_bytes, shape.max_output) = (16_000, Some(4_001)));
    assert_eq!(ask_for(&fleet, capped).await.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_prompt_too_long_for_all_by_the_estimate_is_tried_in_the_largest_window() {
    let (a, b) = (Scripted::serves("a"), Scripted::serves("b"));
    let fleet = of([target("a", &a).window(8_000), target("b", &b).window(100_000)]);
    assert_eq!(ask_for(&fleet, tokens(120_000)).await.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_was_too_long_goes_to_larger_windows_only() {
    let too_long = || Kind::ContextTooLong;
    let [a, b, c] = ["a", "b", "c"].map(|name| Scripted::always(name, too_long()));
    let d = Scripted::serves("d");
    let fleet = of([
        target("a", &a).window(8_000),
        target("b", &b).window(8_000),
        target("c", &c).window(32_000),
        target("d", &d),
    ]);
    assert_eq!(ask(&fleet).await.unwrap(), "d", "it may have a larger one");
    assert_eq!((a.calls(), b.calls(), c.calls()), (1, 0, 1));
    d.does(too_long());
    let error = ask(&fleet).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no target served: a: context_too_long; c: context_too_long; d: context_too_long; \
         b: has too small a window"
    );
}

#[tokio::test(start_paused = true)]
async fn when_no_target_can_serve_the_request_the_error_says_what_they_lack() {
    let (a, b) = (Scripted::serves("a"), Scripted::serves("b"));
    let fleet = of([target("a", &a).models(["x"]), target("b", &b).models(["y"])]);
    let error = ask_for(&fleet, Ask::of_model("z")).await.unwrap_err();
    assert_eq!(error.to_string(), "no target served: a: does not have the model; b: does not have the model");
    assert_eq!(exhausted(&error).attempts().next().unwrap().reason(), Reason::Lacks(Lack::Model));
    assert_eq!(kind_of(Err(error)), Kind::NotFound);
    assert_eq!((a.calls(), b.calls()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_last_target_that_can_serve_knows_that_it_is_the_last() {
    let (a, b) = (Scripted::serves("a"), Scripted::serves("b"));
    let fleet = of([target("a", &a).models(["x"]), target("b", &b).models(["y"])]);
    assert_eq!(ask_for(&fleet, Ask::of_model("x")).await.unwrap(), "a");
    assert!(!a.asked()[0].another_can_serve());
}

#[tokio::test(start_paused = true)]
async fn the_cheapest_that_can_serve_takes_the_call() {
    let [a, b, c] = ["a", "b", "c"].map(Scripted::serves);
    let fleet = of([target("a", &a), target("b", &b).price(2.5), target("c", &c).price(0.4).window(8_000)])
        .strategy(Cheapest);
    assert_eq!(ask(&fleet).await.unwrap(), "c");
    assert_eq!(ask_for(&fleet, tokens(9_000)).await.unwrap(), "b");
    b.does(Kind::Server);
    assert_eq!(ask_for(&fleet, tokens(9_000)).await.unwrap(), "a");
}

#[test]
fn a_declaration_that_makes_no_sense_is_refused_with_its_value() {
    let says = |change: fn(Target<()>) -> Target<()>| {
        Failover::new([change(Target::new("a", ()))]).unwrap_err().to_string()
    };
    assert_eq!(
        says(|target| target.price(-1.0)),
        "target \"a\" has a price of -1: it must be a number, zero or more"
    );
    assert_eq!(says(|target| target.window(0)), "target \"a\" has a window of 0 tokens: no request fits");
    let none: fn(Target<()>) -> Target<()> = |target| target.models([""; 0]);
    assert_eq!(says(none), "target \"a\" has an empty list of models: none may be asked for");
}

//! Requests go where they can be served, by what their real bodies say.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use buttress_breaker::{BreakerLayer, State};
use buttress_call::{BoxError, Error, Kind, find};
use buttress_failover::{Failover, FailoverHandle, Target};
use buttress_provider::BufferLayer;
use buttress_sim::Sim;
use buttress_tests::{
    fleet::{ask, client, model, quick, sim},
    journey::{Client, Journey, erase},
    probe::Request,
};
use http_body_util::Full;
use tower::Layer;

/// The failover's targets, as a caller meets them: the body is read outside of it.
fn fleet(targets: impl IntoIterator<Item = Target<Client>>) -> (Client, FailoverHandle) {
    let fleet = Failover::new(targets).unwrap();
    let handle = fleet.handle();
    (erase(BufferLayer::default().layer(fleet)), handle)
}

/// A question with this beside its messages.
fn saying(more: &str) -> Request {
    let body = format!(r#"{{"messages":[{{"role":"user","content":"Hi"}}],{more}}}"#);
    let request = http::Request::post("/").header(http::header::CONTENT_TYPE, "application/json");
    request.body(Full::from(body)).unwrap()
}

async fn call(client: &Client, request: Request) -> Result<(), BoxError> {
    Journey::new(client.clone(), request).run().await
}

fn calls(sims: [&Sim; 2]) -> [usize; 2] {
    sims.map(|sim| sim.log().len())
}

#[tokio::test(start_paused = true)]
async fn a_body_with_tools_goes_where_they_can_be_used() {
    let [a, b] = [quick("a"), quick("b")];
    let (stack, _) = fleet([Target::new("a", client(&a)).without_tools(), Target::new("b", client(&b))]);
    call(&stack, saying(r#""model":"m""#)).await.unwrap();
    call(&stack, saying(r#""model":"m","tools":[]"#)).await.unwrap();
    assert_eq!(calls([&a, &b]), [2, 0]);
    let tools = r#""model":"m","tools":[{"type":"function","function":{"name":"now"}}]"#;
    call(&stack, saying(tools)).await.unwrap();
    call(&stack, saying(&format!(r#"{tools},"tool_choice":"none""#))).await.unwrap();
    call(&stack, saying(r#""model":"m","functions":[{"name":"now"}]"#)).await.unwrap();
    assert_eq!(calls([&a, &b]), [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_body_goes_where_its_stream_its_model_and_its_length_can_be_served() {
    let [a, b] = [quick("a"), quick("b")];
    let small = Target::new("a", client(&a)).without_streaming().models(["m"]).window(100);
    let (stack, _) = fleet([small, Target::new("b", client(&b))]);
    call(&stack, saying(r#""model":"m""#)).await.unwrap();
    assert_eq!(calls([&a, &b]), [1, 0]);
    for more in [r#""model":"m","stream":true"#, r#""model":"l""#, r#""model":"m","max_tokens":101"#] {
        call(&stack, saying(more)).await.unwrap();
    }
    assert_eq!(calls([&a, &b]), [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_misspelt_model_takes_no_target_from_others() {
    let [a, b] = ["a", "b"].map(|name| sim(name, model().names(["m"])));
    let breakers = [(); 2].map(|()| BreakerLayer::default());
    let targets = ["a", "b"].into_iter().zip([&a, &b]).zip(&breakers);
    let (stack, handle) =
        fleet(targets.map(|((name, sim), breaker)| Target::new(name, erase(breaker.layer(client(sim))))));
    for _ in 0..20 {
        let error = call(&stack, ask("mm")).await.unwrap_err();
        assert_eq!(find(&error).map(Error::kind), Some(Kind::NotFound));
    }
    for (breaker, target) in breakers.iter().zip(handle.snapshot()) {
        assert_eq!(breaker.handle().state(), State::Closed);
        assert_eq!((target.cooling, target.cooling_models.len()), (None, 1));
    }
    let before = calls([&a, &b]);
    for _ in 0..5 {
        call(&stack, ask("m")).await.unwrap();
    }
    assert_eq!(calls([&a, &b]), [before[0] + 5, before[1]]);
}

//! An orderly end.

use std::time::Duration;

use buttress_sim::{Fault, Rule};
use http_body_util::BodyExt;
use tokio::{net::TcpStream, time::timeout};

use crate::kit::{Answer, Running, Told, chat, sim, target, until};

const ROUTE: &str = "[[routes]]\nmodel = \"m\"\ntargets = [\"a\"]\n";

#[tokio::test]
async fn streams_under_way_come_to_their_end_and_nobody_new_gets_in() {
    let (sim, server) = sim("a", 40, 10).await;
    let mut running = Running::start(&(target("a", &server.base_url()) + ROUTE)).await;
    let response = running.caller().post("/v1/chat/completions", chat("m", true)).await;
    running.stop();
    let address = running.url.strip_prefix("http://").unwrap().to_owned();
    let refused = async {
        while TcpStream::connect(&address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_millis(200), refused).await.expect("the port closes at once");
    let answer = Answer::read(response).await;
    assert_eq!((answer.told, answer.text), (Told::Done, sim.expected_text(40)));
    timeout(Duration::from_secs(2), running.stopped()).await.expect("it ends with its last call");
}

#[tokio::test]
async fn an_idle_connection_holds_nothing_up() {
    let (_sim, server) = sim("a", 2, 1).await;
    let mut running = Running::start(&(target("a", &server.base_url()) + ROUTE)).await;
    let caller = running.caller();
    caller.answered_by("m").await;
    running.stop();
    timeout(Duration::from_secs(2), running.stopped()).await.expect("nothing is under way");
}

#[tokio::test]
async fn the_wait_for_streams_is_bounded_and_those_that_are_cut_are_seen_as_cut() {
    let (sim, server) = sim("a", 40, 1).await;
    sim.inject(Rule::always(Fault::StallAfter { tokens: 2 })).unwrap();
    let file = "drain_seconds = 0.2\n".to_owned() + &target("a", &server.base_url()) + ROUTE;
    let mut running = Running::start(&file).await;
    let response = running.caller().post("/v1/chat/completions", chat("m", true)).await;
    running.stop();
    timeout(Duration::from_secs(2), running.stopped()).await.expect("it does not wait for ever");
    assert!(response.into_body().collect().await.is_err(), "the stream did not end well");
    until(|| if sim.in_flight() == 0 { Ok(()) } else { Err("the provider still generates".into()) }).await;
}

//! Clients that go away.

use buttress_sim::{Ending, Wire};
use http_body_util::BodyExt;
use tokio::time::timeout;
use tower::ServiceExt;

use crate::{
    call,
    common::{WIRES, events, is_end, request, sim},
    ms,
};

#[tokio::test(start_paused = true)]
async fn dropping_a_stream_is_a_cancelled_call_billed_as_far_as_it_came() {
    let sim = sim(Wire::OpenAi);
    let mut body = call(&sim, request(Wire::OpenAi, true)).await.into_body();
    for _ in 0..3 {
        body.frame().await.unwrap().unwrap();
    }
    assert_eq!(sim.in_flight(), 1);
    drop(body);
    let seen = &sim.log()[0];
    assert_eq!((seen.end, seen.output_tokens_sent, seen.billed), (Ending::Cancelled, 2, 6));
    assert_eq!(sim.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_a_whole_answer_half_way_bills_what_was_generated() {
    let sim = sim(Wire::OpenAi);
    let answer = timeout(ms(125), sim.service().oneshot(request(Wire::OpenAi, false))).await;
    assert!(answer.is_err());
    let seen = &sim.log()[0];
    assert_eq!((seen.end, seen.output_tokens_sent, seen.billed), (Ending::Cancelled, 0, 4 + 3));
}

#[tokio::test(start_paused = true)]
async fn what_is_generated_while_nobody_reads_is_billed() {
    let sim = sim(Wire::OpenAi);
    let body = call(&sim, request(Wire::OpenAi, true)).await.into_body();
    tokio::time::advance(ms(125)).await;
    drop(body);
    let seen = &sim.log()[0];
    assert_eq!((seen.end, seen.output_tokens_sent, seen.billed), (Ending::Cancelled, 0, 4 + 3));
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_right_after_its_end_marker_was_answered() {
    for wire in WIRES {
        let sim = sim(wire);
        let mut body = call(&sim, request(wire, true)).await.into_body();
        loop {
            let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
            if events(&data).last().is_some_and(|event| is_end(wire, event)) {
                break;
            }
        }
        drop(body);
        assert_eq!(sim.log()[0].end, Ending::Answered);
    }
}

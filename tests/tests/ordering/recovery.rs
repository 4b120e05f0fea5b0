//! A target that is back, behind the whole stack.

use std::{
    task::{Context, Waker},
    time::Duration,
};

use buttress_call::Kind;
use buttress_tests::{
    fleet::provider,
    journey::Journey,
    probe::{Act, Head, Piece},
    stack::{Numbers, Stack},
    subject::{Bench, Hook, request},
};
use tokio::time::advance;

#[tokio::test(start_paused = true)]
async fn a_stream_from_before_the_outage_does_not_keep_its_target_out() {
    let bench = Bench::new(true);
    let inner = [bench.http(0), bench.http(1)];
    let stack = Stack::new(&Numbers::default(), &provider(), &Hook::default(), inner);
    let call = || Journey::new(stack.client(), request());

    bench.script_all(&Act::answering([Piece::token(), Piece::Never]));
    let mut stream = call();
    assert!(stream.poll_to_end(&mut Context::from_waker(Waker::noop())).is_pending());
    bench.script([&Act::head(Head::Fails(Kind::Server)), &Act::good()]);
    for _ in 0..5 {
        call().run().await.unwrap();
    }
    assert!(stack.breakers[0].is_open());
    advance(Duration::from_secs(61)).await;
    bench.script_all(&Act::good());
    let seen = bench.observe(call()).await;
    assert!(seen.served_by(0), "{seen:?}");
}

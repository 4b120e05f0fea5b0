//! A healthy service has nothing to say above debug.

use std::collections::BTreeSet;

use buttress_call::Kind;
use buttress_limit::Policy;
use buttress_tests::probe::{Act, Head, Piece};

use super::{
    heard::Heard,
    run::{MS, Run, wide},
    wire::metered,
};

#[tokio::test(start_paused = true)]
async fn calls_waits_hedges_callers_who_leave_and_wrong_requests_are_no_news() {
    let heard = Heard::default();
    let _guard = heard.listen();
    let run = Run::new(Policy { in_flight: Some(1), ..wide() });
    run.bench.script_all(&metered(30, 10, Piece::After(MS)));
    for _ in 0..50 {
        assert!(run.call().await);
    }
    // One waits for the one before it.
    let held = run.begun().await;
    let waiting = run.waiting();
    held.run().await.unwrap();
    waiting.run().await.unwrap();
    // A caller leaves in the middle of his answer.
    drop(run.begun().await);
    // A target is slow once, and hedged.
    run.bench.script([&Act::head(Head::After(200 * MS)), &Act::good()]);
    assert!(run.call().await);
    // A caller's own mistake.
    run.bench.script_all(&Act::head(Head::Fails(Kind::Invalid)));
    assert!(!run.call().await);

    let lines = heard.lines();
    let loud: Vec<_> =
        lines.iter().filter(|(_, level, ..)| !["debug", "trace"].contains(&&**level)).collect();
    assert!(loud.is_empty(), "{loud:#?}");
    let said: BTreeSet<&str> = lines.iter().map(|(_, _, message, _)| &**message).collect();
    for message in ["call ended", "attempt ended", "call waited", "hedge sent"] {
        assert!(said.contains(message), "{said:?}");
    }
}

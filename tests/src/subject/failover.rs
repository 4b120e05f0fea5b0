//! `Failover`: two targets in order, each with a gate.

use std::{sync::Arc, time::Duration};

use buttress_call::{ByError, Http, Kind, with_call};
use buttress_failover::{Failover, FailoverHandle};

use super::{Bench, Built, Lesson, Subject, bench::erase_typed, ringing::Ringing};
use crate::{
    journey::erase,
    probe::{Act, Ask, Head},
};

pub(super) fn http() -> Subject {
    Subject {
        name: "Failover",
        build: |bench| {
            let failover = Failover::in_order([("a", bench.http(0)), ("b", bench.http(1))]);
            let failover = failover.expect("the names differ").classify(Ringing::new(&bench.hook, Http));
            let failover = gated(bench, failover);
            built(failover.handle(), Built::new(move || erase(failover.clone())))
        },
        decodes: false,
        lesson: Ok(Lesson {
            acts: [Act::head(Head::Fails(Kind::Quota)), Act::good()],
            calls: 1,
            asks: Act::good(),
            over_after: Duration::from_secs(5 * 60),
            again_after: Duration::ZERO,
        }),
        refuses: Err("calls a target that is out of service rather than none"),
        tries_one: Ok(()),
        callbacks: Ok(()),
        bounds: Err("holds nothing of an answer"),
        plain: Err("see its typed form"),
        streamed: Ok(3),
        late_successes: Ok(()),
        late_failures: Err("a late failure is news of the target"),
    }
}

pub(super) fn typed() -> Subject {
    Subject {
        name: "Failover, typed",
        build: |bench| {
            let classify = with_call(ByError, |ask: &Ask| &ask.call, |ask| &mut ask.call);
            let failover = Failover::in_order([("a", bench.typed(0)), ("b", bench.typed(1))]);
            let failover = failover.expect("the names differ").classify(Ringing::new(&bench.hook, classify));
            let failover = gated(bench, failover);
            built(failover.handle(), Built::new(move || erase_typed(failover.clone())))
        },
        plain: Ok(()),
        streamed: Err("typed answers are no streams"),
        ..http()
    }
}

fn gated<S, C>(bench: &Bench, failover: Failover<S, C>) -> Failover<S, C> {
    let hook = bench.hook.clone();
    let may_pass = move || {
        hook.ring();
        true
    };
    failover.gate("a", may_pass).expect("there is a target of this name")
}

fn built(handle: FailoverHandle, built: Built) -> Built {
    let held = handle.clone();
    Built { held: Box::new(move || in_flight(&held)), look: Arc::new(move || look(&handle)), ..built }
}

/// Calls that the targets still work on, as far as it knows.
pub(crate) fn in_flight(handle: &FailoverHandle) -> u64 {
    handle.snapshot().iter().map(|target| u64::from(target.in_flight)).sum()
}

/// What a handle can be asked, and a change of the list that changes nothing.
pub(super) fn look(handle: &FailoverHandle) {
    drop((handle.snapshot(), handle.watch()));
    handle.reorder(["a", "b"]).expect("there are targets of these names");
}

//! `BreakerLayer`: one probe at a time.

use std::{cell::RefCell, sync::Arc, time::Duration};

use buttress_breaker::{BreakerHandle, BreakerLayer, Policy};
use buttress_call::{ByError, Http, Kind, with_call};
use tower::Layer;

use super::{Built, Hook, Lesson, Subject, bench::erase_typed, ringing::Ringing};
use crate::{
    journey::erase,
    probe::{Act, Ask, Head},
};

pub(super) fn http() -> Subject {
    Subject {
        name: "BreakerLayer",
        build: |bench| {
            let layer = layer(&bench.hook).classify(Ringing::new(&bench.hook, Http));
            let (handle, inner) = (layer.handle(), bench.http(0));
            built(handle, Built::new(move || erase(layer.layer(inner.clone()))))
        },
        decodes: false,
        lesson: Ok(Lesson {
            acts: [(); 2].map(|()| Act::head(Head::Fails(Kind::Server))),
            calls: 5,
            asks: Act::good(),
            over_after: Duration::from_secs(60),
            again_after: Duration::ZERO,
        }),
        refuses: Ok(()),
        tries_one: Ok(()),
        callbacks: Ok(()),
        bounds: Err("holds nothing of a request or an answer"),
        plain: Err("see its typed form"),
        streamed: Ok(1),
        late_successes: Ok(()),
        late_failures: Ok(()),
    }
}

pub(super) fn typed() -> Subject {
    Subject {
        name: "BreakerLayer, typed",
        build: |bench| {
            let classify = with_call(ByError, |ask: &Ask| &ask.call, |ask| &mut ask.call);
            let layer = layer(&bench.hook).classify(Ringing::new(&bench.hook, classify));
            let (handle, inner) = (layer.handle(), bench.typed(0));
            built(handle, Built::new(move || erase_typed(layer.layer(inner.clone()))))
        },
        plain: Ok(()),
        streamed: Err("typed answers are no streams"),
        ..http()
    }
}

fn layer(hook: &Hook) -> BreakerLayer {
    COUNTS.set(Some(hook.clone()));
    BreakerLayer::new(Policy { probes: 1, counts, ..Policy::default() }).expect("the numbers make sense")
}

fn built(handle: BreakerHandle, built: Built) -> Built {
    let held = handle.clone();
    Built {
        held: Box::new(move || held.snapshot().probes.into()),
        look: Arc::new(move || look(&handle)),
        ..built
    }
}

/// All that a handle can be asked, and a change of policy, which runs the policy's own callback.
pub(super) fn look(handle: &BreakerHandle) {
    let _ = (handle.snapshot(), handle.is_open(), handle.name(), *handle.watch().borrow());
    handle.set_policy(handle.policy()).expect("it is the policy in force");
}

thread_local! {
    // A policy's callback is a plain function: it has no other place for what it rings.
    static COUNTS: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

fn counts(kind: Kind) -> bool {
    if let Some(hook) = COUNTS.with_borrow(Clone::clone) {
        hook.ring();
    }
    kind.trips()
}

//! `LimitLayer`: requests and tokens a minute, and calls in flight. Over HTTP a call that may not pass is refused, typed it
//! waits.

use std::{sync::Arc, time::Duration};

use buttress_call::{ByError, Call, Http, Kind, with_call};
use buttress_limit::{Cost, Estimate, LimitHandle, LimitLayer, Policy, TextBytes};
use tower::Layer;

use super::{Built, Lesson, Subject, bench::erase_typed, ringing::Ringing};
use crate::{
    journey::erase,
    probe::{Act, Ask, Head, Request},
    stack,
};

pub(super) fn http() -> Subject {
    Subject {
        name: "LimitLayer",
        build: |bench| {
            let (hook, inner) = (bench.hook.clone(), bench.http(0));
            let cost = move |request: &Request| {
                hook.ring();
                TextBytes.cost(request)
            };
            let layer = layer(0).cost(cost).classify(Ringing::new(&bench.hook, Http));
            built(layer.handle(), Built::new(move || erase(layer.layer(inner.clone()))))
        },
        decodes: false,
        lesson: Ok(Lesson {
            acts: [(); 2].map(|()| Act::head(Head::Fails(Kind::RateLimited))),
            calls: 1,
            asks: Act::good(),
            over_after: Duration::from_secs(1),
            again_after: Duration::from_secs(1),
        }),
        refuses: Err("is ready when its inner service is: what a call needs is known with the call"),
        tries_one: Ok(()),
        callbacks: Ok(()),
        bounds: Err("holds nothing of a request or an answer"),
        plain: Err("see its typed form"),
        streamed: Ok(1),
        late_successes: Ok(()),
        late_failures: Err("a late 429 is news of the provider's count"),
    }
}

/// Each model has limits of its own, and there is room for 50 models.
pub(super) fn keyed() -> Subject {
    Subject {
        name: "LimitLayer, keyed",
        build: |bench| {
            let (hook, inner) = (bench.hook.clone(), bench.http(0));
            let model = move |request: &Request| {
                hook.ring();
                Call::get(request.extensions())?.shape()?.model.clone()
            };
            let layer = layer(0).key(model).classify(Ringing::new(&bench.hook, Http));
            let (handle, held) = (layer.handle(), layer.handle());
            let built = built(handle, Built::new(move || erase(layer.layer(inner.clone()))));
            let held = move || {
                let of_key = held.snapshot_key(&Some("some-model"));
                of_key.as_ref().map_or(0, stack::held) + stack::held(&held.snapshot())
            };
            Built { held: Box::new(held), ..built }
        },
        ..http()
    }
}

pub(super) fn typed() -> Subject {
    const WAITS: &str = "lets calls wait here: see its HTTP form";
    Subject {
        name: "LimitLayer, typed",
        build: |bench| {
            let (hook, inner) = (bench.hook.clone(), bench.typed(0));
            let cost = move |_: &Ask| {
                hook.ring();
                Estimate::new(10)
            };
            let classify = with_call(ByError, |ask: &Ask| &ask.call, |ask| &mut ask.call);
            let layer = layer(100).cost(cost).classify(Ringing::new(&bench.hook, classify));
            built(layer.handle(), Built::new(move || erase_typed(layer.layer(inner.clone()))))
        },
        refuses: Err(WAITS),
        tries_one: Err(WAITS),
        plain: Ok(()),
        streamed: Err("typed answers are no streams"),
        late_successes: Err(WAITS),
        ..http()
    }
}

fn layer(max_waiting: usize) -> LimitLayer {
    let policy = Policy {
        in_flight: Some(32),
        max_waiting,
        max_keys: 50,
        ramp_up: Duration::ZERO,
        ..Policy::per_minute(60_000, 200_000)
    };
    LimitLayer::new(policy).expect("the numbers make sense")
}

fn built(handle: LimitHandle, built: Built) -> Built {
    let held = handle.clone();
    Built {
        held: Box::new(move || stack::held(&held.snapshot())),
        look: Arc::new(move || look(&handle)),
        ..built
    }
}

/// All that a handle can be asked, and a change of policy.
pub(super) fn look(handle: &LimitHandle) {
    let _ = (handle.snapshot(), handle.snapshot_key("some-model"), handle.keys());
    handle.set_policy(handle.policy()).expect("it is the policy in force");
}

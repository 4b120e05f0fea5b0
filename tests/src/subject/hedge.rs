//! `HedgeLayer`: a learnt delay, of which nothing is known at first.

use std::{sync::Arc, time::Duration};

use buttress_call::{ByError, Http};
use buttress_hedge::{Delay, HedgeHandle, HedgeLayer, Policy};
use tower::Layer;

use super::{Built, Lesson, Subject, bench::erase_typed, ringing::Ringing};
use crate::{
    journey::erase,
    probe::{Act, Ask, Head, Request},
};

pub(super) fn http() -> Subject {
    const ALL: &str = "lets every call through: only hedges are counted";
    const TIMES: &str = "no result decides a state: it learns times";
    let quick = Act::head(Head::After(Duration::from_millis(4)));
    Subject {
        name: "HedgeLayer",
        build: |bench| {
            let (hook, inner) = (bench.hook.clone(), bench.http(0));
            let layer = layer().classify(Ringing::new(&hook, Http)).when(move |_: &Request| {
                hook.ring();
                true
            });
            built(layer.handle(), Built::new(move || erase(layer.layer(inner.clone()))))
        },
        decodes: false,
        // Enough quick calls, so that the slow ones with which a check asks do not weigh.
        lesson: Ok(Lesson {
            acts: [quick.clone(), quick],
            calls: 100,
            asks: Act::head(Head::After(Duration::from_secs(1))),
            over_after: Duration::ZERO,
            again_after: Duration::ZERO,
        }),
        refuses: Err(ALL),
        tries_one: Err(ALL),
        callbacks: Ok(()),
        bounds: Err("holds nothing of an answer"),
        plain: Err("see its typed form"),
        streamed: Ok(3),
        late_successes: Err(TIMES),
        late_failures: Err(TIMES),
    }
}

pub(super) fn typed() -> Subject {
    Subject {
        name: "HedgeLayer, typed",
        build: |bench| {
            // Its requests carry nothing, so there is nothing in them for tries side by side to share.
            let (hook, inner) = (bench.hook.clone(), bench.typed(0));
            let layer = layer().classify(Ringing::new(&hook, ByError)).when(move |_: &Ask| {
                hook.ring();
                true
            });
            built(layer.handle(), Built::new(move || erase_typed(layer.layer(inner.clone()))))
        },
        plain: Ok(()),
        streamed: Err("typed answers are no streams"),
        ..http()
    }
}

fn layer() -> HedgeLayer {
    let delay = Delay::Learnt { window: 1_000, min_samples: 50, floor: Duration::from_millis(1) };
    HedgeLayer::new(Policy { delay, ..Policy::default() }).expect("the numbers make sense")
}

fn built(handle: HedgeHandle, built: Built) -> Built {
    let look = move || {
        let _ = (handle.delay(), handle.snapshot());
    };
    Built { look: Arc::new(look), ..built }
}

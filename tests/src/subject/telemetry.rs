//! `TelemetryLayer`, in both of its places: a call's over HTTP, an attempt's over HTTP, both around a typed client.

use std::sync::Arc;

use buttress_call::{ByError, Http, with_call};
use buttress_telemetry::Telemetry;
use tower::{Layer, ServiceBuilder};

use super::{Built, Subject, bench::erase_typed, ringing::Ringing};
use crate::{journey::erase, probe::Ask};

pub(super) fn call() -> Subject {
    Subject {
        name: "TelemetryLayer, calls",
        build: |bench| {
            let telemetry = Telemetry::default();
            let layer = telemetry.call().classify(Ringing::new(&bench.hook, Http));
            let inner = bench.http(0);
            built(&telemetry, Built::new(move || erase(layer.layer(inner.clone()))))
        },
        decodes: false,
        lesson: Err(ONLY_COUNTS),
        refuses: Err("refuses nothing"),
        tries_one: Err("lets any number of calls through"),
        callbacks: Ok(()),
        bounds: Err("holds nothing of a request or an answer but the model's name, and that for 64 models"),
        plain: Err("see its typed form"),
        streamed: Ok(1),
        late_successes: Err(ONLY_COUNTS),
        late_failures: Err(ONLY_COUNTS),
    }
}

pub(super) fn attempt() -> Subject {
    Subject {
        name: "TelemetryLayer, attempts",
        build: |bench| {
            let telemetry = Telemetry::default();
            let layer = telemetry.attempt("a").classify(Ringing::new(&bench.hook, Http));
            let inner = bench.http(0);
            built(&telemetry, Built::new(move || erase(layer.layer(inner.clone()))))
        },
        ..call()
    }
}

pub(super) fn typed() -> Subject {
    Subject {
        name: "TelemetryLayer, both, typed",
        build: |bench| {
            let telemetry = Telemetry::default();
            let classify = with_call(ByError, |ask: &Ask| &ask.call, |ask| &mut ask.call);
            let classify = Ringing::new(&bench.hook, classify);
            let layers = ServiceBuilder::new()
                .layer(telemetry.call().classify(classify.clone()))
                .layer(telemetry.attempt("a").classify(classify));
            let inner = bench.typed(0);
            built(&telemetry, Built::new(move || erase_typed(layers.clone().service(inner.clone()))))
        },
        plain: Ok(()),
        streamed: Err("typed answers are no streams"),
        ..call()
    }
}

const ONLY_COUNTS: &str = "counts, and does nothing differently for it";

fn built(telemetry: &Telemetry, built: Built) -> Built {
    let (held, look) = (telemetry.clone(), telemetry.clone());
    Built {
        held: Box::new(move || self::held(&held)),
        look: Arc::new(move || {
            let _ = look.snapshot();
        }),
        ..built
    }
}

/// What has begun and not ended, and tokens of which nobody knows what they were spent for.
pub(crate) fn held(telemetry: &Telemetry) -> u64 {
    let seen = telemetry.snapshot();
    seen.calls.running + seen.total.attempts.running + seen.total.tokens.undecided().total()
}

//! `TimeoutLayer`: two hours in all, a learnt limit to first content, twenty minutes of silence.

use std::{sync::Arc, time::Duration};

use buttress_call::{Outcome, classify_fn, failure, with_call};
use buttress_timeout::{TimeLimit, TimeoutLayer, Timeouts};
use tower::Layer;

use super::{Built, Lesson, Subject, bench::erase_typed};
use crate::{
    journey::erase,
    probe::{Act, Answer, Ask, Head},
};

pub(super) fn http() -> Subject {
    Subject {
        name: "TimeoutLayer",
        build: |bench| {
            let (layer, inner) = (layer(), bench.http(0));
            let handle = layer.clone();
            let built = Built::new(move || erase(layer.layer(inner.clone())));
            Built { look: Arc::new(move || look(&handle)), ..built }
        },
        decodes: false,
        // Enough quick calls, so that the slow ones with which a check asks do not weigh.
        lesson: Ok(Lesson {
            acts: [Act::good(), Act::good()],
            calls: 400,
            asks: Act::head(Head::Never),
            over_after: Duration::ZERO,
            again_after: Duration::ZERO,
        }),
        refuses: Err("refuses only a call that comes after its deadline"),
        tries_one: Err("lets any number of calls through"),
        callbacks: Err("runs no code of its user's over HTTP"),
        bounds: Err("holds a timer a call and 1,000 times at most"),
        plain: Err("see its typed form"),
        streamed: Ok(0),
        late_successes: Err("no result decides a state: it learns times"),
        late_failures: Err("no result decides a state: it learns times"),
    }
}

pub(super) fn typed() -> Subject {
    Subject {
        name: "TimeoutLayer, typed",
        build: |bench| {
            let hook = bench.hook.clone();
            let classify = classify_fn::<Answer, _>(move |result| {
                hook.ring();
                result.map_or_else(|error| failure(error).into(), |_| Outcome::Success)
            });
            let classify = with_call(classify, |ask: &Ask| &ask.call, |ask| &mut ask.call);
            let (layer, inner) = (layer().classify(classify), bench.typed(0));
            let handle = layer.clone();
            let built = Built::new(move || erase_typed(layer.layer(inner.clone())));
            Built { look: Arc::new(move || look(&handle)), ..built }
        },
        callbacks: Ok(()),
        plain: Ok(()),
        streamed: Err("typed answers are no streams"),
        ..http()
    }
}

pub(super) fn layer() -> TimeoutLayer {
    TimeoutLayer::new(Timeouts {
        total: Some(Duration::from_secs(2 * 60 * 60)),
        first_content: Some(TimeLimit::adaptive()),
        idle: Some(Duration::from_secs(20 * 60)),
        answer: None,
    })
    .expect("the numbers make sense")
}

fn look<C>(layer: &TimeoutLayer<C>) {
    let _ = (layer.timeouts(), layer.first_content_now(), layer.answer_now());
}

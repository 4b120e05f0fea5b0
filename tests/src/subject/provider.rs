//! `ProviderLayer`, with its defaults.

use buttress_provider::{Provider, ProviderLayer};
use bytes::Bytes;
use tower::Layer;

use super::{Bound, Built, Subject, bench::request};
use crate::{
    journey::erase,
    probe::{Act, Piece},
};

pub(super) fn subject() -> Subject {
    const STATELESS: &str = "has no state";
    Subject {
        name: "ProviderLayer",
        build: |bench| {
            let (layer, inner) = (layer(), bench.http(0));
            Built::new(move || erase(layer.layer(inner.clone())))
        },
        decodes: true,
        lesson: Err(STATELESS),
        refuses: Err("refuses only what it can make no request of"),
        tries_one: Err("lets any number of calls through"),
        callbacks: Err("runs a user's code only at a completion's end: see the composed stack"),
        bounds: Ok(bounds()),
        plain: Err("is for HTTP"),
        streamed: Ok(7),
        late_successes: Err(STATELESS),
        late_failures: Err(STATELESS),
    }
}

pub(super) fn layer() -> ProviderLayer {
    ProviderLayer::new(Provider::openai().api_key("sk-test")).expect("a key is all it needs")
}

/// What may come before the first content is bounded, in events and in one event.
pub(super) fn bounds() -> Vec<Bound> {
    let endless = |text: &[u8]| Act {
        pieces: vec![Piece::Endless(Bytes::from(text.repeat((64 << 10) / text.len())))],
        ..Act::good()
    };
    vec![
        Bound { act: endless(b": still here\n\n"), request, says: "no content in the first" },
        Bound { act: endless(b"data: "), request, says: "longer than the limit" },
    ]
}

//! `BufferLayer`: a limit of 64 KiB.

use buttress_provider::BufferLayer;
use bytes::Bytes;
use http_body_util::Full;
use tower::Layer;

use super::{Bound, Built, Subject};
use crate::{
    journey::erase,
    probe::{Act, Request},
};

const LIMIT: usize = 64 << 10;

pub(super) fn subject() -> Subject {
    const STATELESS: &str = "has no state";
    Subject {
        name: "BufferLayer",
        build: |bench| {
            let (layer, inner) = (layer(), bench.http(0));
            Built::new(move || erase(layer.layer(inner.clone())))
        },
        decodes: false,
        lesson: Err(STATELESS),
        refuses: Err("refuses only a body that is too large"),
        tries_one: Err("lets any number of calls through"),
        callbacks: Err("runs no code of its user's"),
        bounds: Ok(vec![bound()]),
        plain: Err("is for HTTP"),
        streamed: Ok(0),
        late_successes: Err(STATELESS),
        late_failures: Err(STATELESS),
    }
}

fn layer() -> BufferLayer {
    BufferLayer::default().limit(LIMIT)
}

pub(super) fn bound() -> Bound {
    let request = || Request::new(Full::new(Bytes::from(vec![b' '; LIMIT + 1])));
    Bound { act: Act::good(), request, says: "over the limit of 65536 bytes" }
}

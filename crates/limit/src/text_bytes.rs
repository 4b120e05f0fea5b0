//! The default estimate: a quarter of the prompt's bytes.

use std::{
    any::Any,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use buttress_call::{Call, Shape};
use buttress_wire::{Dialect, shape_at};
use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;

use crate::{Cost, Estimate};

/// Bytes of text a token, about, in the languages that models see most; what it is off by is learnt model by model.
const BYTES_PER_TOKEN: u64 = 4;
/// What a request is taken to cost whose body cannot be looked at.
const UNKNOWN: u64 = 1_000;

/// Estimates a prompt's tokens as a quarter of its bytes of text: images and audio are left out.
///
/// It takes the [`Shape`] that the request's [`Call`] carries. If there is none it reads the body and puts the shape
/// there, so that nobody reads the body again; that works for bodies which lie in memory as they are: `Full<Bytes>`,
/// `Bytes`, `String`. (`BufferLayer` of `buttress-provider` makes any body a `Full<Bytes>`.) A request whose body cannot be
/// read counts 1,000 tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextBytes;

impl<B: 'static> Cost<http::Request<B>> for TextBytes {
    fn cost(&self, request: &http::Request<B>) -> Estimate {
        match known(request) {
            Some(shape) => of(shape),
            None => read(request).as_ref().map_or(Estimate::new(UNKNOWN), of),
        }
    }

    fn prepare(&self, request: &mut http::Request<B>) {
        if known(request).is_none()
            && let Some(shape) = read(request)
        {
            Call::get_or_insert(request.extensions_mut()).set_shape(Arc::new(shape));
        }
    }
}

fn known<B>(request: &http::Request<B>) -> Option<&Shape> {
    Call::get(request.extensions())?.shape().map(|shape| &**shape)
}

fn of(shape: &Shape) -> Estimate {
    Estimate {
        input: shape.text_bytes.div_ceil(BYTES_PER_TOKEN),
        max_output: shape.max_output,
        model: shape.model.clone(),
    }
}

fn read<B: 'static>(request: &http::Request<B>) -> Option<Shape> {
    let body = bytes(request.body())?;
    shape_at(Dialect::OpenAi, request.uri().path(), &body).ok()
}

/// The body, if it lies in memory: a look at it copies nothing.
pub(crate) fn bytes(body: &dyn Any) -> Option<Bytes> {
    if let Some(full) = body.downcast_ref::<Full<Bytes>>() {
        let mut full = full.clone();
        let mut cx = Context::from_waker(Waker::noop());
        return match Pin::new(&mut full).poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
            _ => None,
        };
    }
    if let Some(text) = body.downcast_ref::<String>() {
        return Some(Bytes::copy_from_slice(text.as_bytes()));
    }
    body.downcast_ref::<Bytes>().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"model":"m","max_tokens":7,"messages":[{"role":"user","content":"12345678"}]}"#;

    #[test]
    fn a_body_in_memory_is_read_and_its_shape_is_kept() {
        let mut request = http::Request::new(Full::new(Bytes::from_static(BODY.as_bytes())));
        TextBytes.prepare(&mut request);
        assert!(known(&request).is_some());
        let estimate = TextBytes.cost(&request);
        assert_eq!((estimate.input, estimate.max_output, estimate.model.as_deref()), (2, Some(7), Some("m")));
        assert_eq!(TextBytes.cost(&http::Request::new(BODY.to_owned())), estimate);
    }

    #[test]
    fn a_shape_that_the_call_carries_is_believed() {
        let mut request = http::Request::new(Full::new(Bytes::from_static(BODY.as_bytes())));
        let mut shape = Shape::default();
        shape.text_bytes = 4_000;
        Call::get_or_insert(request.extensions_mut()).set_shape(Arc::new(shape));
        assert_eq!(TextBytes.cost(&request), Estimate::new(1_000));
    }

    #[test]
    fn what_cannot_be_read_counts_a_thousand() {
        assert_eq!(TextBytes.cost(&http::Request::new(17_u64)), Estimate::new(UNKNOWN));
        assert_eq!(TextBytes.cost(&http::Request::new("not JSON".to_owned())), Estimate::new(UNKNOWN));
    }
}

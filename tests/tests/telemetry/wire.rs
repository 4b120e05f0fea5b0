//! What has come over the wire: the tokens that a provider will bill, whoever reads of them.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use buttress_call::BoxError;
use buttress_tests::probe::{Act, Head, Piece, Request};
use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use tower::{Service, ServiceExt};

/// A stream that says its usage twice, as some providers do: the prompt's at first, the whole at the end.
pub(super) fn metered(input: u64, output: u64, pause: Piece) -> Act {
    let usage = |output| {
        let text = format!(
            "data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":{input},\"completion_tokens\":{output}}}}}\n\n"
        );
        Piece::Bytes(Bytes::from(text))
    };
    let pieces = [usage(0), pause.clone(), Piece::token(), pause, Piece::token(), usage(output)];
    Act { head: Head::AtOnce, ..Act::answering(pieces) }
}

/// Tokens that were seen on the wire.
#[derive(Clone, Debug, Default)]
pub(super) struct Wire {
    tokens: Arc<AtomicU64>,
}

impl Wire {
    pub(super) fn tokens(&self) -> u64 {
        self.tokens.load(Relaxed)
    }

    /// The same client, with its answers watched.
    pub(super) fn watch<S, B>(
        &self,
        client: S,
    ) -> impl Service<
        Request,
        Response = http::Response<impl Body<Data = Bytes, Error = BoxError> + Send + 'static>,
        Error = BoxError,
        Future: Send,
    > + Clone
    + Send
    + Sync
    + 'static
    where
        S: Service<Request, Response = http::Response<B>, Error = BoxError, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        B: Body<Data = Bytes, Error = BoxError> + Send + 'static,
    {
        let tokens = self.tokens.clone();
        client.map_response(move |response: http::Response<B>| {
            let (tokens, known) = (tokens.clone(), Mutex::new(0));
            response.map(|body| {
                body.map_frame(move |frame| {
                    if let Some(latest) = frame.data_ref().and_then(usage) {
                        let before = std::mem::replace(&mut *known.lock().unwrap(), latest);
                        tokens.fetch_add(latest - before, Relaxed);
                    }
                    frame
                })
            })
        })
    }
}

/// The total of a usage event.
fn usage(data: &Bytes) -> Option<u64> {
    let text = std::str::from_utf8(data).unwrap().strip_prefix("data: ")?;
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let usage = value.get("usage")?;
    Some(usage["prompt_tokens"].as_u64()? + usage["completion_tokens"].as_u64()?)
}

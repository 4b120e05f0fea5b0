//! Bodies that never come to anything.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use buttress_call::{Kind, find};
use buttress_tests::way::Way;
use bytes::Bytes;
use http::{Response, header};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt};

use crate::{
    handmade::Handmade,
    line::{client, layer, until},
};

/// One piece again and again, as fast as it is read.
struct Endless {
    piece: Bytes,
    sent: Arc<Mutex<usize>>,
}

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        *self.sent.lock().unwrap() += self.piece.len();
        Poll::Ready(Some(Ok(Frame::data(self.piece.clone()))))
    }
}

#[tokio::test]
async fn a_flood_without_content_is_broken_and_little_of_it_is_kept() {
    let role = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
        .repeat(20);
    for (way, content_type, piece) in [
        (Way::OpenAi, "text/event-stream", role),
        (Way::OpenAi, "text/event-stream", ": waiting\n\n".repeat(100)),
        (Way::OpenAi, "text/event-stream", "\n".repeat(1000)),
        (Way::OpenAi, "text/event-stream", "x".repeat(1000)),
        (Way::OpenAi, "application/json", "\n".repeat(1000)),
        (Way::GeminiArray, "application/json", "[{\"usageMetadata\":{\"promptTokenCount\":4}},".repeat(20)),
        (Way::GeminiArray, "application/json", "[{\"candidates\":".repeat(50)),
        (Way::Ollama, "application/x-ndjson", "{\"response\":\"\",\"done\":false}\n".repeat(20)),
        (Way::Ollama, "application/x-ndjson", "{\"response\":".repeat(50)),
    ] {
        let sent = Arc::<Mutex<usize>>::default();
        let flood = {
            let sent = sent.clone();
            move |_| {
                let body = Endless { piece: piece.clone().into(), sent: sent.clone() };
                let response = Response::builder().header(header::CONTENT_TYPE, content_type);
                std::future::ready(response.body(body.map_err(Into::into).boxed_unsync()).map_err(Into::into))
            }
        };
        let server = Handmade::new(flood).await;
        let service = layer(way, server.url()).layer(client());
        let error = service.oneshot(way.request(true)).await.map(|_| ()).unwrap_err();
        let error = find(&error).unwrap();
        assert_eq!(error.kind(), Kind::Broken);
        let message = error.to_string();
        if let Some(rest) = message.split("no content in the first ").nth(1) {
            let bytes: usize = rest.split(' ').next().unwrap().parse().unwrap();
            assert!(bytes <= (2 << 20) + (1 << 19), "{message}");
        } else {
            assert!(message.contains("longer than the limit"), "{message}");
        }
        assert_eq!(error.upstream().unwrap().body.len(), 64 << 10);
        // The connection is closed: the server cannot go on.
        let mut last = 0;
        until(|| {
            let now = *sent.lock().unwrap();
            std::mem::replace(&mut last, now) == now
        })
        .await;
    }
}

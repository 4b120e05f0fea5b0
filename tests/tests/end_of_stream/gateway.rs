//! Behind a hyper server: what a gateway's caller sees and does.

use std::time::Duration;

use buttress_call::{Kind, Outcome};
use buttress_provider::{Commit, ProviderLayer};
use buttress_sim::{Ending, Fault, Rule};
use buttress_tests::way::{WAYS, Way};
use bytes::Bytes;
use http::{Response, header};
use http_body_util::{BodyExt, Full};
use tokio::net::TcpStream;

use crate::{
    handmade::{Handmade, gateway, told},
    line::{Line, TOKENS, client, until},
};

#[tokio::test]
async fn a_server_that_stops_at_the_declared_length_leaves_a_success() {
    let events = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\ndata: [DONE]\n\n";
    let json = "{\"choices\":[]}";
    let chunk = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]},\"finishReason\":\"STOP\"}]}\r\n\r\n";
    let array =
        "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]},\"finishReason\":\"STOP\"}]}]";
    let lines =
        "{\"message\":{\"content\":\"Hi\"},\"done\":false}\n{\"done\":true,\"done_reason\":\"stop\"}\n";
    for (way, content_type, text) in [
        (Way::OpenAi, "text/event-stream", events),
        (Way::OpenAi, "application/json", json),
        (Way::OpenAi, "audio/mpeg", "la la la"),
        (Way::Gemini, "text/event-stream", chunk),
        (Way::GeminiArray, "application/json", array),
        (Way::Ollama, "application/x-ndjson", lines),
    ] {
        for commit in [Commit::Head, Commit::STREAM, Commit::WHOLE] {
            let upstream = Handmade::new(move |_| {
                let response = Response::builder().header(header::CONTENT_TYPE, content_type);
                let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
                std::future::ready(response.body(body).map_err(Into::into))
            })
            .await;
            let provider = way.provider().base_url(upstream.url()).ask_usage(false);
            let layer = ProviderLayer::new(provider).unwrap().commit_streams(commit).commit_whole(commit);
            let (gateway, mut ends) = gateway(layer).await;
            let mut asked = way.request(true);
            *asked.uri_mut() = format!("{}{}", gateway.url(), way.path(true)).parse().unwrap();
            let answer = client().request(asked).await.unwrap();
            assert_eq!(answer.headers()[header::CONTENT_LENGTH], text.len().to_string());
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), text);
            assert_eq!(told(&mut ends).await.outcome, Outcome::Success, "{content_type} {commit:?}");
        }
    }
}

#[tokio::test]
async fn behind_a_gateway_a_stream_ends_as_the_provider_ended_it() {
    for way in WAYS {
        let line = Line::new(way).await;
        let (gateway, mut ends) = gateway(line.layer.clone()).await;
        let mut asked = way.request(true);
        *asked.uri_mut() = format!("{}{}", gateway.url(), way.path(true)).parse().unwrap();
        let answer = client().request(asked.clone()).await.unwrap();
        answer.into_body().collect().await.unwrap();
        let ended = told(&mut ends).await;
        assert_eq!((ended.outcome, ended.usage.unwrap().output), (Outcome::Success, TOKENS));

        line.sim.inject(Rule::always(Fault::CutAfter { tokens: 3 })).unwrap();
        let answer = client().request(asked.clone()).await.unwrap();
        assert!(answer.into_body().collect().await.is_err(), "the caller sees that it was cut");
        assert_eq!(told(&mut ends).await.outcome, Kind::Broken.into());

        line.sim.clear();
        line.sim.inject(Rule::always(Fault::StallAfter { tokens: 3 })).unwrap();
        let mut body = client().request(asked).await.unwrap().into_body();
        body.frame().await.unwrap().unwrap();
        drop(body);
        assert_eq!(told(&mut ends).await.outcome, Outcome::Cancelled);
        assert_eq!(line.seen().await.end, Ending::Cancelled);
    }
}

#[tokio::test]
async fn a_caller_of_a_gateway_that_hangs_up_before_the_first_content_stops_the_provider() {
    let line = Line::faulty(Way::OpenAi, Fault::SlowFirstToken(Duration::from_secs(60))).await;
    let (gateway, _ends) = gateway(line.layer.clone()).await;
    let mut caller = TcpStream::connect(gateway.address).await.unwrap();
    let body = "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    tokio::io::AsyncWriteExt::write_all(&mut caller, (head + body).as_bytes()).await.unwrap();
    until(|| line.sim.in_flight() == 1).await;
    drop(caller);
    assert_eq!(line.seen().await.end, Ending::Cancelled);
}

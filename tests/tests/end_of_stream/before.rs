//! What goes wrong before the first content is an error instead of an answer.

use std::time::Duration;

use buttress_call::{Kind, find};
use buttress_provider::BufferLayer;
use buttress_sim::{Ending, Fault, Wire};
use buttress_tests::way::{WAYS, Way};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

use crate::line::{Line, client, layer};

#[tokio::test]
async fn an_error_answer_is_an_error_of_its_kind_and_gives_its_connection_back() {
    for way in WAYS {
        for (fault, kind, status) in [
            (Fault::Refuse, Kind::Overloaded, 503),
            (Fault::Status(500), Kind::Server, 500),
            (Fault::RateLimit { retry_after: Some(Duration::from_secs(2)) }, Kind::RateLimited, 429),
            (Fault::Quota, Kind::Quota, 429),
            (Fault::ContextTooLong, Kind::ContextTooLong, 400),
        ] {
            let line = Line::faulty(way, fault.clone()).await;
            for stream in [true, false] {
                let error = line.fails(stream).await;
                assert_eq!(error.kind(), kind, "{way:?} {fault:?}");
                let upstream = error.upstream().unwrap();
                assert!(!upstream.body.is_empty());
                if fault != Fault::Quota {
                    assert_eq!(upstream.status, status, "{way:?} {fault:?}");
                }
                if kind == Kind::RateLimited {
                    // Ollama cannot say it.
                    let hint = (way.wire() != Wire::Ollama).then_some(Duration::from_secs(2));
                    assert_eq!(error.retry_after(), hint, "{way:?}");
                }
                let seen = line.seen().await;
                assert_eq!((seen.end, seen.billed), (Ending::Faulted, 0));
                assert_eq!(seen.connection, 1, "{way:?} {fault:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_error_in_a_200_is_an_error_of_its_kind() {
    for way in WAYS {
        for fault in [Fault::ErrorEvent { after: 0 }, Fault::ErrorThenDone { after: 0 }, Fault::ErrorIn200] {
            for stream in [true, false] {
                let line = Line::faulty(way, fault.clone()).await;
                let error = line.fails(stream).await;
                assert_eq!((error.kind(), error.upstream().unwrap().status.as_u16()), (way.trouble(), 200));
                let seen = line.seen().await;
                assert_eq!(seen.output_tokens_sent, 0);
            }
        }
    }
}

#[tokio::test]
async fn what_breaks_before_the_first_content_is_broken_and_says_why() {
    for way in WAYS {
        for (fault, stream, reason) in [
            (Fault::EmptyOk, true, "empty"),
            (Fault::EmptyOk, false, "empty"),
            (Fault::CutAfter { tokens: 0 }, true, "cut"),
            (Fault::CutAfter { tokens: 0 }, false, "cut"),
            (Fault::Reset, true, "no answer"),
            (Fault::Reset, false, "no answer"),
            (Fault::Garbage { bytes: 4096 }, true, "before its end marker"),
            (Fault::Garbage { bytes: 4096 }, false, "malformed"),
            (Fault::Garbage { bytes: 5 << 20 }, true, "limit|no content"),
            (Fault::Garbage { bytes: 5 << 20 }, false, "malformed"),
            (Fault::MegabyteLine, true, "longer than the limit"),
            (Fault::Gzip, true, "\"gzip\""),
            (Fault::Gzip, false, "\"gzip\""),
            (Fault::MissingEnd { finish: false }, false, "cut short"),
            (Fault::MalformedEvent { after: 0 }, false, "cut short"),
        ] {
            let line = Line::faulty(way, fault.clone()).await;
            let error = line.fails(stream).await;
            assert_eq!(error.kind(), Kind::Broken, "{way:?} {fault:?} {stream}: {error}");
            let message = error.to_string();
            assert!(reason.split('|').any(|reason| message.contains(reason)), "{way:?} {fault:?}: {message}");
            // However much was sent, little is kept.
            assert!(error.upstream().is_none_or(|upstream| upstream.body.len() <= 64 << 10));
            line.seen().await;
        }
    }
}

#[tokio::test]
async fn nobody_there_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let layer = layer(Way::OpenAi, format!("http://{address}"));
    let error = layer.layer(client()).oneshot(Way::OpenAi.request(true)).await.unwrap_err();
    assert_eq!(find(&error).unwrap().kind(), Kind::Connect);
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused_before_anything_is_sent() {
    for way in WAYS {
        let line = Line::new(way).await;
        let service = BufferLayer::default().limit(40).layer(line.layer.layer(line.client.clone()));
        let error = service.oneshot(way.request(true)).await.unwrap_err();
        assert_eq!(find(&error).unwrap().status(), 413);
        assert!(line.sim.log().is_empty());
        assert_eq!(line.sim.open_connections(), 0);
    }
}

//! No bytes whatever make anything panic.

use std::time::SystemTime;

use buttress_wire::{ApiError, Decoder, Dialect, Edit, Vendor, answer, edit, limits, shape};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use proptest::prelude::*;

use crate::amazon;
use crate::transcripts::{ALL, decode};

fn everything(bytes: &[u8], status: u16) {
    let mut headers = HeaderMap::new();
    for name in [
        "date",
        "retry-after",
        "x-amzn-errortype",
        "x-ratelimit-limit-requests",
        "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests",
        "x-ratelimit-limit",
        "x-ratelimit-reset",
        "anthropic-ratelimit-tokens-limit",
        "anthropic-ratelimit-tokens-reset",
    ] {
        if let Ok(value) = HeaderValue::from_bytes(bytes) {
            headers.insert(name, value);
        }
    }
    for now in [SystemTime::UNIX_EPOCH, SystemTime::now()] {
        for vendor in Vendor::ALL {
            limits(vendor, &headers, now);
            ApiError::from_answer(vendor, StatusCode::from_u16(status).unwrap(), &headers, bytes, now);
        }
    }
    for dialect in Dialect::ALL {
        for limit in [0, 1, 7, 1 << 20] {
            decode(Decoder::new(dialect).max_event(limit), bytes.chunks(5));
            decode(Decoder::new(dialect).max_event(limit), [bytes]);
        }
        ApiError::in_body(dialect, bytes);
        answer(dialect, bytes);
        let _ = shape(dialect, bytes);
        let change = Edit::new().with_model("m\u{0}\"").with_usage_asked();
        if let Ok(edited) = edit(dialect, &Bytes::copy_from_slice(bytes), &change) {
            let again = edit(dialect, &edited.body, &change).expect("still an object");
            assert_eq!(again.body.as_ptr(), edited.body.as_ptr(), "nothing is left to change");
        }
    }
}

/// Numbers, strings and structure that a provider never sends, in the places that it uses.
fn json() -> impl Strategy<Value = String> {
    let leaf = proptest::sample::select(vec![
        "null",
        "true",
        "-1",
        "1e400",
        "0",
        "3.5",
        "18446744073709551616",
        "\"\"",
        "\"error\"",
        "\"429\"",
        "\"\\ud800\"",
        "\"try again in 9e99999s\"",
        "{}",
        "[]",
    ])
    .prop_map(str::to_owned);
    let key = proptest::sample::select(vec![
        "error",
        "choices",
        "delta",
        "content",
        "usage",
        "prompt_tokens",
        "total_tokens",
        "finish_reason",
        "index",
        "type",
        "message",
        "code",
        "metadata",
        "details",
        "detail",
        "status",
        "violations",
        "quotaId",
        "retryDelay",
        "headers",
        "__type",
        "x_groq",
        "messages",
        "stream",
        "stream_options",
        "model",
        "n",
        "max_tokens",
        "input_tokens",
        "stopReason",
        "outputs",
        "generation",
        "generated_text",
        "token",
        "eval_count",
        "done",
        "response",
        "blockReason",
        "promptFeedback",
        "usageMetadata",
        "text",
        "parts",
        "candidates",
        "finishReason",
        "source",
        "data",
        "system",
        "tools",
        "input",
    ]);
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|list| format!("[{}]", list.join(","))),
            proptest::collection::vec((key.clone(), inner), 0..6).prop_map(|fields| {
                let fields: Vec<_> = fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300), status in 100u16..1000) {
        everything(&bytes, status);
    }

    #[test]
    fn arbitrary_json(json in json(), status in 100u16..1000) {
        everything(json.as_bytes(), status);
        for prefix in ["data: ", "event: error\ndata: ", "event: message_delta\ndata: ", "data"] {
            everything(format!("{prefix}{json}\n\n{json}\n\n").as_bytes(), status);
        }
    }

    #[test]
    fn arbitrary_messages_with_the_right_checksums(
        headers in proptest::collection::vec(any::<u8>(), 0..60),
        payload in proptest::collection::vec(any::<u8>(), 0..60),
        json in json(),
    ) {
        everything(&amazon::raw(&headers, &payload), 500);
        for name in ["contentBlockDelta", "messageStop", "metadata", "chunk", "\u{1F30A}"] {
            let texts = [(":message-type", "event"), (":event-type", name)];
            everything(&amazon::message(&texts, json.as_bytes()), 500);
            everything(&amazon::message(&texts, amazon::packed(json.as_bytes()).as_bytes()), 500);
        }
        let texts = [(":message-type", "exception"), (":exception-type", "throttlingException")];
        everything(&amazon::message(&texts, json.as_bytes()), 500);
    }

    #[test]
    fn damaged_transcripts(
        which in 0..ALL.len(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut bytes = ALL[which].bytes.clone();
        let at = at.index(bytes.len());
        if cut { bytes.remove(at); } else { bytes[at] = byte; }
        everything(&bytes, 500);
    }
}

//! What the provider itself refuses.

use buttress_sim::{Ending, Sim, Wire};
use http::{Request, StatusCode};

use crate::{
    common::{BOTH, model, request, sim},
    refusal,
};

#[tokio::test(start_paused = true)]
async fn without_a_key_the_answer_is_401() {
    for (wire, kind) in [(Wire::OpenAi, "invalid_request_error"), (Wire::Anthropic, "authentication_error")] {
        let sim = sim(wire);
        let mut request = request(wire, true);
        request.headers_mut().remove("authorization");
        let (status, body) = refusal(&sim, request).await;
        assert_eq!((status, &body["error"]["type"]), (StatusCode::UNAUTHORIZED, &kind.into()));
        assert_eq!(sim.log()[0].end, Ending::Refused);
    }
}

#[tokio::test(start_paused = true)]
async fn bad_requests_are_told_what_is_wrong() {
    let cases = [
        ("{", "JSON"),
        (r#"{"messages":[{}]}"#, "model"),
        (r#"{"model":"m","max_tokens":5}"#, "messages"),
        (r#"{"model":"m","messages":[{}],"max_tokens":0}"#, "max_tokens"),
        (r#"{"model":"m","messages":[{}],"max_tokens":5,"stream":1}"#, "stream"),
    ];
    for wire in BOTH {
        for (body, word) in cases {
            let sim = sim(wire);
            let request = request(wire, true).map(|_| body.to_owned());
            let (status, body) = refusal(&sim, request).await;
            assert_eq!(status, StatusCode::BAD_REQUEST);
            assert_eq!(body["error"]["type"], "invalid_request_error");
            assert!(body["error"]["message"].as_str().unwrap().contains(word), "{body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_paths_methods_models_and_sizes_are_refused() {
    for wire in BOTH {
        let model = model(wire).names(["known"]).context_window(3);
        let sim = Sim::new("a", model).unwrap();
        let with = |change: &dyn Fn(&mut Request<String>)| {
            let mut request = request(wire, true);
            change(&mut request);
            request
        };
        let cases = [
            (404, with(&|request| *request.uri_mut() = "/v2/else".parse().unwrap())),
            (405, with(&|request| *request.method_mut() = http::Method::GET)),
            (404, with(&|_| {})),
            (413, with(&|request| *request.body_mut() = " ".repeat(17 << 20))),
            (400, with(&|request| *request.body_mut() = request.body().replace("\"m\"", "\"known\""))),
        ];
        for (wanted, request) in cases {
            let (status, body) = refusal(&sim, request).await;
            assert_eq!(status.as_u16(), wanted, "{body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn models_are_listed() {
    for wire in BOTH {
        let sim = Sim::new("a", model(wire).names(["one", "two"])).unwrap();
        let mut request = request(wire, true);
        *request.method_mut() = http::Method::GET;
        *request.uri_mut() = "/v1/models".parse().unwrap();
        let (status, body) = refusal(&sim, request).await;
        assert_eq!((status, &body["data"][1]["id"]), (StatusCode::OK, &"two".into()));
    }
}

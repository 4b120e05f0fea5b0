//! An axum service whose handler calls the stack: the stack in its state, its errors as responses.
//!
//! ```sh
//! cargo run -p buttress-integrations --example axum_service              # asks itself once, and ends
//! cargo run -p buttress-integrations --example axum_service -- --stay    # serves until it is stopped
//! ```

use std::future::IntoFuture;

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use buttress::{BoxError, Error, Stack, failover::AnsweredBy, presets, provider::Provider, stack::Target};
use buttress_sim::{Fault, Model, Rule, Sim, Wire};
use http::{Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let app = Router::new().route("/haiku", post(haiku)).with_state(stack()?);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    println!(
        "curl -s http://{address}/haiku -H 'content-type: application/json' -d '{{\"about\":\"towers\"}}'"
    );
    let server = tokio::spawn(axum::serve(listener, app.clone()).into_future());
    if std::env::args().any(|arg| arg == "--stay") {
        server.await??;
    }

    let request = Request::post("/haiku").header(CONTENT_TYPE, "application/json");
    let response = app.oneshot(request.body(Body::from(r#"{"about":"towers"}"#))?).await?;
    let (status, target) = (response.status(), response.headers().get("x-answered-by").cloned());
    println!("{status}, from {target:?}: {} bytes", response.into_body().collect().await?.to_bytes().len());
    assert_eq!(status, StatusCode::OK);
    Ok(())
}

/// Two providers, the first of which is down. Yours are real ones, over `buttress::client` or a client of your own.
fn stack() -> Result<Stack, BoxError> {
    let [down, up] = [Sim::new("down", Model::new(Wire::OpenAi))?, Sim::new("up", Model::new(Wire::OpenAi))?];
    down.inject(Rule::always(Fault::Refuse))?;
    let policies = presets::interactive();
    let targets = [&down, &up].map(|sim| {
        let provider = Provider::compatible(sim.name(), "http://llm.test").api_key("sk-test");
        Target::new(sim.name(), provider, sim.service(), &policies)
    });
    policies.stack(targets.into_iter().collect::<Result<Vec<_>, _>>()?)
}

/// Passes the stream on as it comes. Whoever hangs up cancels the call to the provider.
async fn haiku(State(llm): State<Stack>, Json(wish): Json<Value>) -> Result<Response, Problem> {
    let about = wish["about"].as_str().unwrap_or("nothing");
    let chat = json!({
        "model": "gpt-5-mini",
        "stream": true,
        "messages": [{"role": "user", "content": format!("A haiku about {about}, please.")}],
    });
    let request = Request::post("/").header(CONTENT_TYPE, "application/json").body(chat.to_string())?;
    let mut answer = llm.oneshot(request).await?.map(Body::new);
    if let Some(target) = answer.extensions().get::<AnsweredBy>() {
        let target = target.name().parse()?;
        answer.headers_mut().insert("x-answered-by", target);
    }
    Ok(answer)
}

/// Whatever went wrong. The provider's own answer passes, else the kind decides the status; `Retry-After` is set.
struct Problem(BoxError);

impl<E: Into<BoxError>> From<E> for Problem {
    fn from(error: E) -> Self {
        Problem(error.into())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        Error::from(self.0).into_response()
    }
}

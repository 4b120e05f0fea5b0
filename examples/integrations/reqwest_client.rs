//! The stack over a reqwest client.
//!
//! ```sh
//! cargo run -p buttress-integrations --example reqwest_client
//! ```

use buttress::{BoxError, call::Completion, presets, provider::Provider};
use buttress_sim::{Fault, Model, Rule, Sim, Wire};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tower::{ServiceExt, service_fn};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let sim = Sim::new("sim", Model::new(Wire::OpenAi))?;
    sim.inject(Rule::always(Fault::Status(500)).calls(0..1))?;
    let server = sim.serve().await?;

    // No time-out and no retry of its own: the layers have them.
    let client = reqwest::Client::builder().build()?;
    let client = service_fn(move |request: http::Request<Full<Bytes>>| {
        let client = client.clone();
        async move {
            let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap))?;
            client.execute(request).await.map(http::Response::<reqwest::Body>::from)
        }
    });
    let provider = Provider::compatible("sim", server.base_url()).api_key("sk-test");
    let llm = presets::interactive().target("sim", provider, client)?;

    let chat =
        r#"{"model": "gpt-5-mini", "stream": true, "messages": [{"role": "user", "content": "Hello?"}]}"#;
    let request =
        http::Request::post("/").header("content-type", "application/json").body(chat.to_owned())?;
    let answer = llm.oneshot(request).await?;
    let completion = answer.extensions().get::<Completion>().cloned();
    let bytes = answer.into_body().collect().await?.to_bytes();
    println!(
        "{} calls, {} bytes, {:?}",
        sim.log().len(),
        bytes.len(),
        completion.and_then(|end| end.ended())
    );
    assert_eq!(sim.log().len(), 2, "the first was retried");
    Ok(())
}

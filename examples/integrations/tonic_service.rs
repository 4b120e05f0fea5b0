//! A tonic service whose handler calls the stack: an answer as a stream of pieces, its errors as `Status`.
//!
//! ```sh
//! cargo run -p buttress-integrations --example tonic_service              # asks itself twice, and ends
//! cargo run -p buttress-integrations --example tonic_service -- --stay    # serves until it is stopped
//! ```

use buttress::{BoxError, Error, Stack, presets, provider::Provider};
use buttress_integrations::chat::{
    Piece, Question,
    chat_client::ChatClient,
    chat_server::{Chat, ChatServer},
};
use buttress_sim::{Fault, Model, Rule, Sim, Wire};
use eventsource_stream::Eventsource;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tonic::{Request, Response, Status, transport::server::TcpIncoming};
use tower::ServiceExt;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let sim = Sim::new("sim", Model::new(Wire::OpenAi))?;
    let provider = Provider::compatible("sim", "http://llm.test").api_key("sk-test");
    let llm = presets::interactive().target("sim", provider, sim.service())?;

    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?;
    let address = format!("http://{}", incoming.local_addr()?);
    println!("chat.v1.Chat at {address}");
    let server = tonic::transport::Server::builder().add_service(ChatServer::new(Handler { llm }));
    let server = tokio::spawn(server.serve_with_incoming(incoming));
    if std::env::args().any(|arg| arg == "--stay") {
        server.await??;
    }

    let mut client = ChatClient::connect(address).await?;
    let question = Question { text: "What holds a wall up?".into() };
    let pieces: Vec<Piece> = client.ask(question.clone()).await?.into_inner().try_collect().await?;
    println!("{}", pieces.into_iter().map(|piece| piece.text).collect::<String>());

    sim.inject(Rule::always(Fault::Quota))?;
    let status = client.ask(question).await.expect_err("nobody has paid");
    println!("{:?}: {}", status.code(), status.message());
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    Ok(())
}

/// The stack is cheap to clone; every clone is the same one.
struct Handler {
    llm: Stack,
}

#[tonic::async_trait]
impl Chat for Handler {
    type AskStream = BoxStream<'static, Result<Piece, Status>>;

    /// What fails before the first content is the call's status, what fails later the stream's. A caller who hangs up
    /// drops the stream, and with it the call to the provider.
    async fn ask(&self, question: Request<Question>) -> Result<Response<Self::AskStream>, Status> {
        let chat = json!({
            "model": "gpt-5-mini",
            "stream": true,
            "messages": [{"role": "user", "content": question.into_inner().text}],
        });
        let request =
            http::Request::post("/").header("content-type", "application/json").body(chat.to_string());
        let request = request.map_err(|error| Status::internal(error.to_string()))?;
        let answer = self.llm.clone().oneshot(request).await.map_err(status)?;
        let events = answer.into_body().into_data_stream().map_err(status).eventsource();
        let pieces = events.filter_map(async |event| match event {
            Ok(event) => piece(&event.data).map(Ok),
            Err(eventsource_stream::EventStreamError::Transport(status)) => Some(Err(status)),
            Err(other) => Some(Err(Status::internal(other.to_string()))),
        });
        Ok(Response::new(pieces.boxed()))
    }
}

/// The text of a chunk, if it has any. The end marker is no JSON.
fn piece(data: &str) -> Option<Piece> {
    let chunk: Value = serde_json::from_str(data).ok()?;
    let text = chunk["choices"][0]["delta"]["content"].as_str()?;
    (!text.is_empty()).then(|| Piece { text: text.to_owned() })
}

/// The kind decides the code; `retry-after` is in the metadata where a wait is known.
fn status(error: BoxError) -> Status {
    Error::from(error).into()
}

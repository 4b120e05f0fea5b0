//! `async-openai`, as anybody would use it.

use async_openai::{
    Client,
    config::OpenAIConfig,
    error::OpenAIError,
    types::{
        chat::{
            ChatCompletionRequestUserMessageArgs, CreateChatCompletionRequest,
            CreateChatCompletionRequestArgs,
        },
        embeddings::CreateEmbeddingRequestArgs,
    },
};
use buttress_sim::{Fault, Rule, Sim};
use futures_util::StreamExt;

use crate::kit::{CALLER_KEY, Running, sim, target};

async fn start() -> (Sim, buttress_sim::Server, Running) {
    let (sim, server) = sim("a", 12, 1).await;
    let file = "callers = { web = \"CALLER_KEY\" }\n".to_owned()
        + &target("a", &server.base_url())
        + "[[routes]]\nmodel = \"gpt-5-mini\"\ntargets = [\"a\"]\nattempts = 1\n";
    let running = Running::start(&file).await;
    (sim, server, running)
}

fn client(running: &Running, key: &str) -> Client<OpenAIConfig> {
    let config = OpenAIConfig::new().with_api_base(format!("{}/v1", running.url)).with_api_key(key);
    Client::with_config(config)
}

fn chat() -> CreateChatCompletionRequest {
    let message =
        ChatCompletionRequestUserMessageArgs::default().content("What is a buttress?").build().unwrap();
    CreateChatCompletionRequestArgs::default().model("gpt-5-mini").messages([message.into()]).build().unwrap()
}

#[tokio::test]
async fn it_reads_whole_answers_streams_vectors_and_the_list_of_models() {
    let (sim, _server, running) = start().await;
    let client = client(&running, CALLER_KEY);

    let answer = client.chat().create(chat()).await.unwrap();
    assert_eq!(answer.choices[0].message.content, Some(sim.expected_text(12)));

    let mut stream = client.chat().create_stream(chat()).await.unwrap();
    let mut text = String::new();
    while let Some(chunk) = stream.next().await {
        let delta = chunk.unwrap().choices.into_iter().next().and_then(|choice| choice.delta.content);
        text += &delta.unwrap_or_default();
    }
    assert_eq!(text, sim.expected_text(12));

    let vectors = CreateEmbeddingRequestArgs::default().model("gpt-5-mini").input("a text").build().unwrap();
    let vectors = client.embeddings().create(vectors).await.unwrap();
    assert_eq!(vectors.data[0].embedding.len(), 1536);

    let models = client.models().list().await.unwrap();
    assert_eq!(models.data[0].id, "gpt-5-mini");
}

#[tokio::test]
async fn it_reads_errors_before_and_in_the_middle_of_a_stream() {
    let (sim, _server, running) = start().await;
    let wrong = client(&running, "wrong").chat().create(chat()).await.unwrap_err();
    assert!(wrong.to_string().contains("Incorrect API key"), "{wrong}");

    sim.inject(Rule::always(Fault::CutAfter { tokens: 4 })).unwrap();
    let mut stream = client(&running, CALLER_KEY).chat().create_stream(chat()).await.unwrap();
    let (mut text, mut broken) = (String::new(), None);
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => text += chunk.choices[0].delta.content.as_deref().unwrap_or_default(),
            Err(error) => broken = Some(error),
        }
    }
    assert_eq!(text, sim.expected_text(4));
    let broken: OpenAIError = broken.expect("a cut stream does not look like a whole one");
    assert!(broken.to_string().contains("a: the answer was cut"), "{broken}");
}

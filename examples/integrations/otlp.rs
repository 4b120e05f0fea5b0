//! Spans of calls and attempts, sent to an OpenTelemetry collector.
//!
//! ```sh
//! cargo run -p buttress-integrations --example otlp      # to a collector of its own, which prints what it gets
//! OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4317 cargo run -p buttress-integrations --example otlp
//! ```

use std::sync::mpsc::{Sender, channel};

use buttress::{
    BoxError, Policies, presets,
    provider::Provider,
    stack::Target,
    telemetry::{Settings, Telemetry},
};
use buttress_sim::{Fault, Model, Rule, Sim, Wire};
use http_body_util::BodyExt;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};
use tower::ServiceExt;
use tracing_subscriber::prelude::*;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (spans, received) = channel();
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?;
    let own = format!("http://{}", incoming.local_addr()?);
    let collector =
        tonic::transport::Server::builder().add_service(TraceServiceServer::new(Collector { spans }));
    tokio::spawn(collector.serve_with_incoming(incoming));

    let elsewhere = std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok();
    let endpoint = elsewhere.clone().unwrap_or(own);
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("buttress"));
    tracing_subscriber::registry().with(layer).init();

    // The first target stumbles, and the second answers: one call, two attempts.
    let [down, up] = [Sim::new("down", Model::new(Wire::OpenAi))?, Sim::new("up", Model::new(Wire::OpenAi))?];
    down.inject(Rule::always(Fault::ErrorEvent { after: 0 }))?;
    let telemetry = Telemetry::new(Settings::default())?;
    let policies = Policies { telemetry: telemetry.clone(), ..presets::interactive() };
    let targets = [&down, &up].map(|sim| {
        let provider = Provider::compatible(sim.name(), "http://llm.test").api_key("sk-test");
        Target::new(sim.name(), provider, sim.service(), &policies)
    });
    let llm = policies.stack(targets.into_iter().collect::<Result<Vec<_>, _>>()?)?;

    let chat =
        r#"{"model": "gpt-5-mini", "stream": true, "messages": [{"role": "user", "content": "Hello?"}]}"#;
    let request =
        http::Request::post("/").header("content-type", "application/json").body(chat.to_owned())?;
    llm.oneshot(request).await?.into_body().collect().await?;

    // What is still in the batch goes out.
    tokio::task::spawn_blocking(move || provider.shutdown()).await??;
    if elsewhere.is_none() {
        let spans: Vec<Span> = received.try_iter().collect();
        spans.iter().for_each(print);
        let tokens =
            spans.iter().flat_map(|span| &span.attributes).filter(|it| it.key.ends_with("output_tokens"));
        assert!(tokens.clone().count() > 0 && tokens.into_iter().all(is_a_number), "tokens are numbers");
        assert_eq!(spans.len() as u64, 1 + telemetry.snapshot().total.attempts.started());
    }
    Ok(())
}

fn is_a_number(attribute: &KeyValue) -> bool {
    let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
    matches!(value, Some(Value::IntValue(_)))
}

fn print(span: &Span) {
    println!("{}", span.name);
    let mut attributes: Vec<_> = span.attributes.iter().filter(|it| it.key.contains("gen_ai")).collect();
    attributes.sort_by(|a, b| a.key.cmp(&b.key));
    for attribute in attributes {
        println!(
            "    {} = {:?}",
            attribute.key,
            attribute.value.as_ref().and_then(|value| value.value.as_ref())
        );
    }
}

/// A collector that passes spans on to whoever prints them.
struct Collector {
    spans: Sender<Span>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let scopes =
            request.into_inner().resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            self.spans.send(span).map_err(|_| Status::unavailable("nobody listens"))?;
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

//! One simulated provider on loopback, from the command line.

use std::{collections::BTreeMap, error::Error, process::ExitCode, time::Duration};

use buttress_sim::{Bucket, Fault, Latency, Model, Rule, Seen, Sim, Wire};
use clap::Parser;

/// A simulated LLM provider on 127.0.0.1 that can be made to fail.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// openai, anthropic, gemini or ollama.
    #[arg(long, default_value = "openai")]
    wire: Wire,
    /// 0 picks a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Tells this provider's text and draws from those of others.
    #[arg(long, default_value = "sim")]
    name: String,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Milliseconds to the first token; without it, a heavy-tailed distribution around 500.
    #[arg(long, value_name = "MS")]
    first_token: Option<u64>,
    /// Milliseconds from token to token.
    #[arg(long, value_name = "MS", default_value_t = 20)]
    per_token: u64,
    /// Tokens of an answer.
    #[arg(long, default_value_t = 64)]
    tokens: u64,
    /// Requests a minute; needs --tpm.
    #[arg(long, requires = "tpm")]
    rpm: Option<u64>,
    /// Tokens a minute; needs --rpm.
    #[arg(long, requires = "rpm")]
    tpm: Option<u64>,
    /// What goes wrong; may be given more than once, and the first that strikes decides. An unknown one lists all.
    #[arg(long)]
    fault: Vec<Fault>,
    /// The share of calls that each fault strikes, 0 to 1.
    #[arg(long, default_value_t = 1.0)]
    share: f64,
    /// Only calls to this model are struck.
    #[arg(long)]
    for_model: Option<String>,
    /// Faults are on for ON seconds, then off for OFF, and so on.
    #[arg(long, num_args = 2, value_names = ["ON", "OFF"])]
    flap: Option<Vec<u64>>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let sim = Sim::new(&args.name, model(args))?;
    for fault in &args.fault {
        sim.inject(rule(args, fault.clone()))?;
    }
    let server = sim.serve_on(args.port).await?;
    println!("listening on {}", server.base_url());
    println!("{}", curl(args.wire, &server.base_url()));
    tokio::signal::ctrl_c().await?;
    server.shutdown().await;
    println!("\n{}", summary(&sim.log()));
    Ok(())
}

fn model(args: &Args) -> Model {
    let millis = |millis| Latency::Fixed(Duration::from_millis(millis));
    let model = Model::new(args.wire)
        .seed(args.seed)
        .first_token(args.first_token.map_or(Latency::Heavy, millis))
        .per_token(millis(args.per_token))
        .output_tokens(args.tokens);
    match (args.rpm, args.tpm) {
        (Some(requests), Some(tokens)) => model.bucket(Bucket::per_minute(requests, tokens)),
        _ => model,
    }
}

fn rule(args: &Args, fault: Fault) -> Rule {
    let mut rule = Rule::always(fault).share(args.share);
    if let Some(model) = &args.for_model {
        rule = rule.for_model(model);
    }
    if let Some([on, off]) = args.flap.as_deref() {
        rule = rule.flapping(Duration::from_secs(*on), Duration::from_secs(*off));
    }
    rule
}

fn curl(wire: Wire, base: &str) -> String {
    let key = match wire {
        Wire::Anthropic => " -H 'x-api-key: any' -H 'anthropic-version: 2023-06-01'",
        Wire::Gemini => " -H 'x-goog-api-key: any'",
        Wire::Ollama => "",
        _ => " -H 'authorization: Bearer any'",
    };
    let body = match wire {
        Wire::Gemini => r#"{"contents":[{"parts":[{"text":"Hello"}]}]}"#,
        Wire::Ollama => r#"{"model":"any","messages":[{"role":"user","content":"Hello"}]}"#,
        _ => {
            r#"{"model":"any","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"Hello"}]}"#
        }
    };
    let path = wire.path("any", true);
    format!("curl -N '{base}{path}'{key} -H 'content-type: application/json' -d '{body}'")
}

/// How many calls ended how, and what they would have cost.
fn summary(log: &[Seen]) -> String {
    let mut ends = BTreeMap::<String, usize>::new();
    for seen in log {
        let status = seen.status.map_or_else(|| "no answer".to_owned(), |status| status.as_u16().to_string());
        *ends.entry(format!("{:?} ({status})", seen.end)).or_default() += 1;
    }
    let mut lines = vec![format!("{} calls", log.len())];
    lines.extend(ends.iter().map(|(end, count)| format!("  {count:6}  {end}")));
    let sent: u64 = log.iter().map(|seen| seen.output_tokens_sent).sum();
    let billed: u64 = log.iter().map(|seen| seen.billed).sum();
    lines.push(format!("{sent} tokens sent, {billed} billed with input"));
    lines.join("\n")
}

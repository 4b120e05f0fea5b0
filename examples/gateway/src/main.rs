//! The gateway as a program. Its README says what it does.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use buttress::BoxError;
use buttress_gateway::{
    Gateway, config::Config, curl::curl, demo::Demo, metrics, reload, server::serve, shutdown,
};
use clap::Parser;
use tokio::net::TcpListener;

/// An OpenAI-compatible gateway over several providers. Without a file it brings simulated ones.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// The file with targets, routes and callers; taken again when it changes, and on SIGHUP.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where it listens, whatever the file says.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), BoxError> {
    let demo = if args.config.is_none() { Some(Demo::start().await?) } else { None };
    let (mut config, text) = match (&args.config, &demo) {
        (Some(file), _) => Config::read(file)?,
        (None, Some(demo)) => (demo.config()?, String::new()),
        (None, None) => return Err("neither a file nor a demo".into()),
    };
    if let Some(listen) = args.listen {
        config.set_listen(listen)?;
    }
    let (listen, drain) = (config.listen, config.drain_seconds.0);
    // Before the gateway, which describes its metrics to it.
    let recorder = metrics::install()?;
    let gateway = match &demo {
        Some(_) => Gateway::new(config, Demo::env)?,
        None => Gateway::new(config, |name| std::env::var(name).ok())?,
    };
    let listener = TcpListener::bind(listen).await?;
    let asked_to_stop = shutdown::asked()?;
    if let Some(file) = args.config {
        tokio::spawn(reload::watch(gateway.clone(), file, text)?);
    }
    let url = format!("http://{}", listener.local_addr()?);
    // Whoever started it may have read enough after the first line.
    let _ = writeln!(io::stdout(), "listening on {url}\n{}", curl(&gateway.config(), &url));
    tokio::spawn(gateway.control().recorder());
    tokio::spawn(metrics::upkeep(recorder.clone()));
    let router = gateway.router(Some(Arc::new(move || recorder.render())));
    serve(listener, router, asked_to_stop, drain).await;
    Ok(())
}

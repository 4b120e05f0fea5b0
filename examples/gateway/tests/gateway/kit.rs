//! What the tests share: simulated providers, a scripted one, a running gateway, a caller.

mod answer;
mod caller;
mod child;
mod scripted;

use std::{sync::Arc, time::Duration};

use buttress_gateway::{
    Gateway,
    config::{Config, ConfigError},
    server::serve,
};
use buttress_sim::{Latency, Model, Server, Sim, Wire};
use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep},
};

pub(crate) use self::{
    answer::{Answer, Told},
    caller::{Caller, chat},
    child::Child,
    scripted::{Act, Scripted},
};

/// The keys that the tests' files name.
pub(crate) const TARGET_KEY: &str = "sk-target-0123456789";
pub(crate) const ADMIN_TOKEN: &str = "operator-0123456789";
pub(crate) const CALLER_KEY: &str = "gw-caller-9876543210";

pub(crate) fn env(name: &str) -> Option<String> {
    match name {
        "TARGET_KEY" => Some(TARGET_KEY.to_owned()),
        "ADMIN_TOKEN" => Some(ADMIN_TOKEN.to_owned()),
        "CALLER_KEY" => Some(CALLER_KEY.to_owned()),
        _ => None,
    }
}

/// A provider whose answers have so many tokens, each so many milliseconds after the one before.
pub(crate) async fn sim(name: &str, tokens: u64, every: u64) -> (Sim, Server) {
    let millis = |millis| Latency::Fixed(Duration::from_millis(millis));
    let model =
        Model::new(Wire::OpenAi).first_token(millis(4)).per_token(millis(every)).output_tokens(tokens);
    let sim = Sim::new(name, model).unwrap();
    let server = sim.serve().await.unwrap();
    (sim, server)
}

/// An entry of a file for a target.
pub(crate) fn target(name: &str, url: &str) -> String {
    format!(
        "[targets.{name}]\nprovider = \"compatible\"\nbase_url = \"{url}\"\napi_key_env = \"TARGET_KEY\"\n"
    )
}

pub(crate) fn config(file: &str) -> Result<Config, ConfigError> {
    Config::parse(file, "gateway.toml")
}

/// A gateway that serves until this is dropped.
pub(crate) struct Running {
    pub(crate) gateway: Gateway,
    pub(crate) url: String,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start(file: &str) -> Running {
        let gateway = Gateway::new(config(file).unwrap(), env).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let drain = gateway.config().drain_seconds.0;
        let serving = tokio::spawn(serve(
            listener,
            gateway.router(None),
            async {
                let _ = stopped.await;
            },
            drain,
        ));
        Running { gateway, url, stop: Some(stop), serving }
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller::new(&self.url)
    }

    /// Asks it to stop.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until it has.
    pub(crate) async fn stopped(mut self) {
        (&mut self.serving).await.unwrap();
    }

    /// Whether nothing is held any more: no call, no place, no token, no probe.
    pub(crate) fn is_at_rest(&self) -> Result<(), String> {
        let status = self.gateway.control().status();
        for route in &status.routes {
            for place in &route.targets {
                if place.in_flight != 0 {
                    return Err(format!("{} at {}: {} in flight", route.name, place.name, place.in_flight));
                }
            }
        }
        for target in &status.targets {
            let probes = target.breaker.as_ref().map_or(0, |breaker| breaker.probes);
            let limits = target.limit.iter();
            let held = limits.map(|limit| {
                let levels = [&limit.requests, &limit.tokens, &limit.input_tokens, &limit.output_tokens];
                let held: u64 = levels.into_iter().flatten().map(|level| level.held).sum();
                limit.in_flight as u64 + limit.waiting as u64 + held
            });
            if probes != 0 || held.sum::<u64>() != 0 {
                return Err(format!("{target:?}"));
            }
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Waits until this is so, 5 s at most.
pub(crate) async fn until(mut so: impl FnMut() -> Result<(), String>) {
    let began = Instant::now();
    while let Err(why) = so() {
        assert!(began.elapsed() < Duration::from_secs(5), "{why}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Runs this for each number below `calls`, so many at a time.
pub(crate) async fn each<T, F, Fut>(calls: usize, at_once: usize, call: F) -> Vec<T>
where
    T: Send + 'static,
    F: Fn(usize) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = T> + Send,
{
    let call = Arc::new(call);
    let next = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let workers = (0..at_once).map(|_| {
        let (call, next) = (call.clone(), next.clone());
        tokio::spawn(async move {
            let mut done = Vec::new();
            loop {
                let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if number >= calls {
                    return done;
                }
                done.push(call(number).await);
            }
        })
    });
    let mut all = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        all.extend(worker.await.unwrap());
    }
    all
}

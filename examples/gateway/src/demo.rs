//! Simulated providers, for whoever has no key at hand.

use std::time::Duration;

use buttress::BoxError;
use buttress_sim::{Fault, Latency, Model, Rule, Server, Sim, Wire};

use crate::config::Config;

/// Two providers on loopback that live as long as this.
#[derive(Debug)]
pub struct Demo {
    servers: Vec<(Sim, Server)>,
}

/// The variable that holds the demo's key.
const KEY: &str = "DEMO_KEY";

impl Demo {
    /// Starts them. The first fails at every third call: look at who answers.
    ///
    /// # Errors
    ///
    /// If no port is free.
    pub async fn start() -> Result<Demo, BoxError> {
        let mut servers = Vec::new();
        for name in ["flaky", "steady"] {
            let model = Model::new(Wire::OpenAi)
                .first_token(Latency::Fixed(Duration::from_millis(150)))
                .per_token(Latency::Fixed(Duration::from_millis(20)));
            let sim = Sim::new(name, model)?;
            if name == "flaky" {
                sim.inject(Rule::always(Fault::ErrorEvent { after: 0 }).share(1.0 / 3.0))?;
            }
            let server = sim.serve().await?;
            servers.push((sim, server));
        }
        Ok(Demo { servers })
    }

    /// The file that a gateway over them would have.
    ///
    /// # Errors
    ///
    /// Never, as long as the file below is a good one.
    pub fn config(&self) -> Result<Config, BoxError> {
        use std::fmt::Write;

        let mut file = String::new();
        for (sim, server) in &self.servers {
            let (name, url) = (sim.name(), server.base_url());
            write!(
                file,
                "[targets.{name}]\nprovider = \"compatible\"\nbase_url = \"{url}\"\napi_key_env = \"{KEY}\"\n\
                 circuit_cooldown_seconds = 5\n\n"
            )?;
        }
        for model in ["gpt-5-mini", "*"] {
            // No second attempt at the same target, so that failing over shows.
            write!(
                file,
                "[[routes]]\nmodel = \"{model}\"\ntargets = [\"flaky\", \"steady\"]\nattempts = 1\n\n"
            )?;
        }
        Ok(Config::parse(&file, "demo")?)
    }

    /// The environment that the file needs.
    pub fn env(name: &str) -> Option<String> {
        (name == KEY).then(|| "demo".to_owned())
    }
}

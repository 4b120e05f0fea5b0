//! The simulated provider.

use std::{net::SocketAddr, time::Duration};

use buttress_call::BoxError;
use buttress_sim::{Latency, Model, Server, Sim, Wire};

/// With these an answer is about 1 kB.
pub(super) const TOKENS: u64 = 64;

/// A provider that answers at once. It lives as long as this.
pub(super) struct Upstream {
    server: Server,
    _sim: Sim,
}

impl Upstream {
    pub(super) async fn start(at: SocketAddr) -> Result<Self, BoxError> {
        if !at.ip().is_loopback() {
            return Err(format!("--provider {at}: the simulated provider listens on 127.0.0.1 alone").into());
        }
        let at_once = Latency::Fixed(Duration::ZERO);
        let model =
            Model::new(Wire::OpenAi).first_token(at_once.clone()).per_token(at_once).output_tokens(TOKENS);
        let sim = Sim::new("provider", model)?;
        let server = sim.serve_on(at.port()).await?;
        Ok(Upstream { server, _sim: sim })
    }

    pub(super) fn url(&self) -> String {
        self.server.base_url()
    }
}

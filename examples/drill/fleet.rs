//! The three simulated providers.

use std::time::Duration;

use buttress_call::BoxError;
use buttress_sim::{Latency, Model, Seen, Server, Sim, Wire};

use crate::phase::Phase;

/// Providers A, B and C on ephemeral loopback ports. B and C are 1.3 and 1.6 times slower than A and never fail.
pub(crate) struct Fleet {
    members: Vec<(Sim, Server)>,
}

impl Fleet {
    pub(crate) async fn start(seed: u64) -> Result<Fleet, BoxError> {
        let mut members = Vec::new();
        for (name, slower) in [("a", 1.0), ("b", 1.3), ("c", 1.6)] {
            let first_token = Latency::LogNormal { median: Duration::from_millis(100), sigma: 0.1 };
            let model = Model::new(Wire::OpenAi)
                .first_token(first_token.scaled(slower))
                .per_token(Latency::Fixed(Duration::from_millis(5)).scaled(slower))
                .output_tokens(10..=30)
                .seed(seed);
            let sim = Sim::new(name, model)?;
            let server = sim.serve().await?;
            members.push((sim, server));
        }
        Ok(Fleet { members })
    }

    /// Name and base URL of each provider, in order.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = (&str, String)> {
        self.members.iter().map(|(sim, server)| (sim.name(), server.base_url()))
    }

    /// Breaks A in the way of this phase, and forgets what was seen before.
    pub(crate) fn begin(&self, phase: Phase) -> Result<(), BoxError> {
        for (sim, _) in &self.members {
            sim.clear();
            sim.clear_log();
        }
        if let (Some(rule), Some((a, _))) = (phase.rule(), self.members.first()) {
            a.inject(rule)?;
        }
        Ok(())
    }

    /// What each provider saw in this phase of the calls for this model, in order.
    pub(crate) fn seen(&self, model: &str) -> Vec<Vec<Seen>> {
        let of_model = |sim: &Sim| sim.log().into_iter().filter(|seen| seen.model == model).collect();
        self.members.iter().map(|(sim, _)| of_model(sim)).collect()
    }
}

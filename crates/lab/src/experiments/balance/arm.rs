//! The ways to spread calls over replicas.

use std::time::Duration;

use buttress_call::BoxError;
use buttress_failover::{Failover, PowerOfTwo};
use clap::ValueEnum;
use rand::{Rng as _, rngs::StdRng};
use serde::Serialize;
use tower::{
    Service,
    balance::p2c::Balance,
    discover::ServiceList,
    load::{CompleteOnResponse, PeakEwma},
    util::{BoxService, rng::Rng},
};

use super::{
    Balancing,
    fleet::{Job, REPLICAS, Replica},
    pick::Picker,
};
use crate::{
    chat::{Answer, Ask, ByEnd},
    experiments::Experiment,
    seed::generator,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(super) enum Arm {
    Random,
    RoundRobin,
    LeastInFlight,
    TowerP2c,
    Buttress,
}

/// As in Finagle and linkerd, and as our own estimate.
const DECAY: Duration = Duration::from_secs(10);
/// Finagle's first guess is a second, as is tower's docs'.
const FIRST_GUESS: Duration = Duration::from_secs(1);

pub(super) type Client = BoxService<Ask<Job>, Answer, BoxError>;

impl Arm {
    pub(super) fn client(self, replicas: [Replica; REPLICAS], seed: u64) -> Result<Client, BoxError> {
        let rng = generator(Balancing::NAME, "arm", seed, "choice");
        Ok(match self {
            Arm::Buttress => {
                let named = replicas.map(|replica| (replica.index.to_string(), replica));
                let fleet = Failover::in_order(named)?.strategy(PowerOfTwo).seed(seed);
                Client::new(fleet.classify(ByEnd))
            }
            // Both as they come.
            Arm::TowerP2c => {
                let decay_ns = DECAY.as_nanos() as f64;
                let load =
                    |replica| PeakEwma::new(replica, FIRST_GUESS, decay_ns, CompleteOnResponse::default());
                let list = ServiceList::new::<Ask<Job>>(Vec::from(replicas.map(load)));
                Client::new(Balance::from_rng(list, Seeded(rng)))
            }
            Arm::Random | Arm::RoundRobin | Arm::LeastInFlight => {
                let mut picker = Picker::new(self, rng);
                Client::new(tower::service_fn(move |ask| picker.pick(&replicas).clone().call(ask)))
            }
        })
    }
}

/// Tower takes no other generator than its own trait's.
struct Seeded(StdRng);

impl Rng for Seeded {
    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}

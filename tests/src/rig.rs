//! Two simulated providers behind the whole stack, and the operator's hand on it.

use buttress::control::Control;
use buttress_call::BoxError;
use buttress_sim::Sim;

use crate::{
    fleet::{ask, provider, quick},
    journey::Journey,
    stack::{NAMES, Numbers, Stack},
    subject::Hook,
};

/// The route of both targets.
pub const ROUTE: &str = "chat";

/// Targets `a` and `b` of one route.
#[derive(Debug)]
pub struct Rig {
    /// The providers, in order.
    pub sims: [Sim; 2],
    /// What is around them.
    pub stack: Stack,
    /// The operator's hand.
    pub control: Control,
}

impl Rig {
    /// With these providers and numbers.
    pub fn new(sims: [Sim; 2], numbers: &Numbers) -> Self {
        let services = sims.each_ref().map(Sim::service);
        let stack = Stack::new(numbers, &provider(), &Hook::default(), services);
        let control = Control::new();
        register(&control, &stack);
        Rig { sims, stack, control }
    }

    /// With two good providers.
    pub fn quick() -> Self {
        Rig::new(NAMES.map(quick), &Numbers::default())
    }

    /// One call, to its end.
    pub async fn call(&self) -> Result<(), BoxError> {
        Journey::new(self.stack.client(), ask("m")).run().await
    }

    /// Which providers are asked in the course of this many calls, how often each.
    pub async fn calls(&self, calls: usize) -> Result<[usize; 2], BoxError> {
        let before = self.asked();
        for _ in 0..calls {
            self.call().await?;
        }
        let after = self.asked();
        Ok([after[0] - before[0], after[1] - before[1]])
    }

    /// How often each provider was asked so far.
    pub fn asked(&self) -> [usize; 2] {
        self.sims.each_ref().map(|sim| sim.log().len())
    }
}

/// Registers a stack under the names of its targets.
pub fn register(control: &Control, stack: &Stack) {
    for (name, (breaker, limit)) in NAMES.into_iter().zip(stack.breakers.iter().zip(&stack.limits)) {
        control.target(name).breaker(breaker.clone()).limit(limit.clone());
    }
    control.route(ROUTE).failover(stack.failover.clone()).hedge(stack.hedge.clone());
}

//! The ways to call three providers.

use std::sync::Arc;

use buttress_breaker::{BreakerLayer, Policy};
use buttress_call::BoxError;
use buttress_failover::Failover;
use buttress_hedge::HedgeLayer;
use buttress_retry::{RetryLayer, RetryPolicy};
use buttress_timeout::{TimeoutLayer, Timeouts};
use clap::ValueEnum;
use serde::Serialize;
use tower::{Layer, ServiceExt, util::BoxCloneSyncService};

use super::{DEADLINE, provider::Provider, sdk::Sdk, trip::Trip};
use crate::chat::{Answer, Ask, ByEnd, until_content};

const HEDGES: f64 = 0.05;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(super) enum Arm {
    /// A, once.
    Naive,
    /// A, three times at most.
    Sdk,
    /// A, B, C, once each.
    SdkOrder,
    All,
    NoRetry,
    NoBreaker,
    NoTimeouts,
    NoHedge,
    NoFailover,
}

type Stack = BoxCloneSyncService<Ask<Trip>, Answer, BoxError>;

/// An arm's client.
#[derive(Clone, Debug)]
pub(super) enum Client {
    Sdk(Arc<Sdk>),
    Ours(Stack),
}

impl Arm {
    pub(super) fn is_ours(self) -> bool {
        !matches!(self, Arm::Naive | Arm::Sdk | Arm::SdkOrder)
    }

    pub(super) fn client(self, providers: &[Provider; 3], seed: u64) -> Result<Client, BoxError> {
        let [a, b, c] = providers;
        Ok(match self {
            Arm::Naive => Client::Sdk(Arc::new(Sdk::new([a], seed))),
            Arm::Sdk => Client::Sdk(Arc::new(Sdk::new([a, a, a], seed))),
            Arm::SdkOrder => Client::Sdk(Arc::new(Sdk::new([a, b, c], seed))),
            _ => Client::Ours(self.stack(providers, seed)?),
        })
    }

    fn stack(self, providers: &[Provider; 3], seed: u64) -> Result<Stack, BoxError> {
        let mut targets = Vec::new();
        let mut breakers = Vec::new();
        for (number, provider) in (0..).zip(providers) {
            let breaker = BreakerLayer::new(Policy::with_rates())?.name(provider.name());
            let breaker = breaker.seed(seed ^ (number << 32));
            breakers.push((provider.name(), breaker.handle()));
            let retry = RetryPolicy::default().seed(seed ^ (number << 40)).classify(ByEnd);
            let mut target = Stack::new(provider.clone());
            if self != Arm::NoTimeouts {
                let timeouts = TimeoutLayer::new(Timeouts::attempt())?.classify(until_content());
                target = Stack::new(timeouts.layer(target));
            }
            if self != Arm::NoBreaker {
                target = Stack::new(breaker.classify(ByEnd).layer(target));
            }
            if self != Arm::NoRetry {
                target = Stack::new(RetryLayer::new(retry).layer(target));
            }
            targets.push((provider.name(), target));
        }
        let mut stack = if self == Arm::NoFailover {
            targets.swap_remove(0).1
        } else {
            let mut failover = Failover::in_order(targets)?.classify(ByEnd).seed(seed);
            if self != Arm::NoBreaker {
                for (name, breaker) in breakers {
                    failover = failover.gate(name, move || !breaker.is_open())?;
                }
            }
            Stack::new(failover)
        };
        if self != Arm::NoHedge {
            stack = Stack::new(HedgeLayer::budget(HEDGES)?.classify(ByEnd).layer(stack));
        }
        if self != Arm::NoTimeouts {
            let total = Timeouts { total: Some(DEADLINE), ..Timeouts::default() };
            stack = Stack::new(TimeoutLayer::new(total)?.classify(until_content()).layer(stack));
        }
        Ok(stack)
    }
}

impl Client {
    pub(super) async fn call(&self, ask: Ask<Trip>) -> Result<Answer, BoxError> {
        match self {
            Client::Sdk(sdk) => sdk.call(ask).await,
            Client::Ours(stack) => stack.clone().oneshot(ask).await,
        }
    }
}

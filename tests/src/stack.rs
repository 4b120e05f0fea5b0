//! All layers around two targets, as a user composes them.

use std::{sync::Arc, time::Duration};

use buttress_breaker::{BreakerHandle, BreakerLayer};
use buttress_call::{BoxError, Http};
use buttress_failover::{Failover, FailoverHandle};
use buttress_hedge::{HedgeHandle, HedgeLayer};
use buttress_limit::{LimitHandle, LimitLayer, Snapshot};
use buttress_provider::{BufferLayer, ProviderLayer};
use buttress_retry::{Retries, RetryLayer, RetryPolicy};
use buttress_telemetry::Telemetry;
use buttress_timeout::{TimeoutLayer, Timeouts};
use bytes::Bytes;
use http_body::Body;
use tower::{Service, ServiceBuilder};

use crate::{
    journey::{Client, erase},
    probe::Request,
    subject::{Hook, Ringing, in_flight},
};

/// What each layer is told.
#[derive(Clone, Debug)]
pub struct Numbers {
    /// The outermost layer's.
    pub total: Duration,
    /// The largest request, in bytes.
    pub buffer: usize,
    /// The hedge's.
    pub hedge: buttress_hedge::Policy,
    /// Each target's retries.
    pub retries: Retries,
    /// Each target's limits.
    pub limit: buttress_limit::Policy,
    /// Each target's breaker.
    pub breaker: buttress_breaker::Policy,
    /// Each attempt's limits.
    pub attempt: Timeouts,
    /// Where calls and attempts are written down, if they are.
    pub telemetry: Option<Telemetry>,
}

impl Default for Numbers {
    /// Far limits; a call that would have to wait for its turn goes elsewhere; one probe at a time.
    fn default() -> Self {
        Numbers {
            total: Duration::from_secs(2 * 60 * 60),
            buffer: 64 << 10,
            hedge: buttress_hedge::Policy::default(),
            retries: Retries::default(),
            limit: buttress_limit::Policy {
                in_flight: Some(64),
                max_waiting: 0,
                ramp_up: Duration::ZERO,
                ..buttress_limit::Policy::per_minute(60_000, 60_000_000)
            },
            breaker: buttress_breaker::Policy { probes: 1, ..buttress_breaker::Policy::default() },
            attempt: Timeouts { idle: Some(Duration::from_secs(20 * 60)), ..Timeouts::attempt() },
            telemetry: None,
        }
    }
}

/// The stack, and a hand on each of its layers.
#[derive(Clone)]
pub struct Stack {
    /// The hedge's.
    pub hedge: HedgeHandle,
    /// The failover's.
    pub failover: FailoverHandle,
    /// The targets', in order.
    pub limits: [LimitHandle; 2],
    /// The targets', in order.
    pub breakers: [BreakerHandle; 2],
    /// The size of a call's future, in bytes.
    pub future: usize,
    client: Arc<dyn Fn() -> Client + Send + Sync>,
}

/// The names of the targets.
pub const NAMES: [&str; 2] = ["a", "b"];

impl Stack {
    /// Around these targets. Whatever may run a user's code rings the hook.
    pub fn new<S, B>(numbers: &Numbers, provider: &ProviderLayer, hook: &Hook, inner: [S; 2]) -> Self
    where
        S: Service<Request, Response = http::Response<B>, Future: Send> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError> + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let classify = Ringing::new(hook, Http);
        let limits = NAMES.map(|name| {
            let limit = LimitLayer::new(numbers.limit).expect(SENSIBLE);
            limit.name(name).classify(classify.clone())
        });
        let breakers = NAMES.map(|name| {
            let breaker = BreakerLayer::new(numbers.breaker).expect(SENSIBLE);
            breaker.name(name).classify(classify.clone())
        });
        let handles =
            (limits.each_ref().map(LimitLayer::handle), breakers.each_ref().map(BreakerLayer::handle));
        let layers = limits.into_iter().zip(breakers).zip(inner);
        let recorded = || numbers.telemetry.as_ref();
        let attempts = |name: &'static str| {
            recorded().map(|telemetry| telemetry.attempt(name).classify(classify.clone()))
        };
        let targets = NAMES.into_iter().zip(layers).map(|(name, ((limit, breaker), inner))| {
            let retries = RetryPolicy::new(numbers.retries.clone()).expect(SENSIBLE).seed(7);
            let target = ServiceBuilder::new()
                .layer(RetryLayer::new(retries.classify(classify.clone())))
                .layer(limit)
                .layer(breaker)
                .option_layer(attempts(name))
                .layer(TimeoutLayer::new(numbers.attempt).expect(SENSIBLE))
                .layer(provider)
                .service(inner);
            (name, target)
        });
        let mut failover = Failover::in_order(targets).expect("the names differ").classify(classify.clone());
        for (name, breaker) in NAMES.into_iter().zip(handles.1.clone()) {
            let hook = hook.clone();
            let may_pass = move || {
                hook.ring();
                !breaker.is_open()
            };
            failover = failover.gate(name, may_pass).expect("there is a target of this name");
        }
        let calls = recorded().map(|telemetry| telemetry.call().classify(classify.clone()));
        let hedge = HedgeLayer::new(numbers.hedge).expect(SENSIBLE).classify(classify);
        let total = Timeouts { total: Some(numbers.total), ..Timeouts::default() };
        let total = TimeoutLayer::new(total).expect(SENSIBLE);
        let buffer = BufferLayer::default().limit(numbers.buffer);
        let handles = (hedge.handle(), failover.handle(), handles.0, handles.1);
        let service = move || {
            let layers = ServiceBuilder::new().option_layer(calls.clone()).layer(total.clone());
            layers.layer(buffer).layer(hedge.clone()).service(failover.clone())
        };
        Stack {
            hedge: handles.0,
            failover: handles.1,
            limits: handles.2,
            breakers: handles.3,
            future: future_of(&service),
            client: Arc::new(move || erase(service())),
        }
    }

    /// Another service of the same layers.
    pub fn client(&self) -> Client {
        (self.client)()
    }

    /// All that is held at this moment: places, tokens, probes' slots and calls in flight.
    pub fn held(&self) -> u64 {
        let limits = self.limits.iter().map(|limit| held(&limit.snapshot()));
        let probes = self.breakers.iter().map(|breaker| u64::from(breaker.snapshot().probes));
        limits.chain(probes).sum::<u64>() + in_flight(&self.failover)
    }
}

fn future_of<S: Service<Request>>(_: &impl Fn() -> S) -> usize {
    size_of::<S::Future>()
}

/// Calls that are in a limiter, and tokens that they hold.
pub fn held(limits: &Snapshot) -> u64 {
    let Snapshot { requests, tokens, input_tokens, output_tokens, in_flight, waiting, .. } = limits;
    let levels = [requests, tokens, input_tokens, output_tokens].into_iter().flatten();
    levels.map(|level| level.held).sum::<u64>() + (in_flight + waiting) as u64
}

const SENSIBLE: &str = "the numbers make sense";

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stack").field("failover", &self.failover.snapshot()).finish_non_exhaustive()
    }
}

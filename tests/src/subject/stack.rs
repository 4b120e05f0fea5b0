//! All layers together, as a user composes them.

use std::{sync::Arc, time::Duration};

use buttress_breaker::{BreakerLayer, Policy};
use buttress_call::{Http, Kind};
use buttress_failover::Failover;
use buttress_timeout::{TimeoutLayer, Timeouts};
use tower::{Layer, ServiceBuilder};

use super::{Bench, Built, Lesson, Subject, breaker, buffer, provider, ringing::Ringing};
use crate::{
    journey::erase,
    probe::{Act, Head},
};

pub(super) fn subject() -> Subject {
    let bounds = provider::bounds().into_iter().chain([buffer::bound()]).collect();
    Subject {
        name: "composed stack",
        build,
        decodes: true,
        lesson: Ok(Lesson {
            acts: [(); 2].map(|()| Act::head(Head::Fails(Kind::Server))),
            calls: 5,
            asks: Act::good(),
            over_after: Duration::from_secs(60),
        }),
        refuses: Ok(()),
        tries_one: Ok(()),
        callbacks: Ok(()),
        bounds: Ok(bounds),
        plain: Err("is for HTTP"),
        streamed: Ok(36),
        late_successes: Ok(()),
        late_failures: Ok(()),
    }
}

fn build(bench: &Bench) -> Built {
    let breakers = ["a", "b"].map(|name| {
        let policy = Policy { probes: 1, ..Policy::default() };
        BreakerLayer::new(policy).expect("the numbers make sense").name(name)
    });
    let handles = breakers.each_ref().map(BreakerLayer::handle);
    let targets = breakers.into_iter().enumerate().map(|(at, breaker)| {
        let name = if at == 0 { "a" } else { "b" };
        let breaker = breaker.classify(Ringing::new(&bench.hook, Http));
        let attempt = Timeouts { idle: Some(Duration::from_secs(20 * 60)), ..Timeouts::attempt() };
        let attempt = TimeoutLayer::new(attempt).expect("the numbers make sense");
        (name, breaker.layer(attempt.layer(provider::layer().layer(bench.http(at)))))
    });
    let mut failover = Failover::in_order(targets).expect("the names differ");
    for (name, handle) in ["a", "b"].into_iter().zip(handles.clone()) {
        let (handle, hook) = (handle.clone(), bench.hook.clone());
        let may_pass = move || {
            hook.ring();
            !handle.is_open()
        };
        failover = failover.gate(name, may_pass).expect("there is a target of this name");
    }
    let total = Timeouts { total: Some(Duration::from_secs(2 * 60 * 60)), ..Timeouts::default() };
    let total = TimeoutLayer::new(total).expect("the numbers make sense");
    let handle = failover.handle();
    let held = handles.clone();
    let stack = move || {
        let layers = ServiceBuilder::new().layer(total.clone()).layer(buffer::layer());
        erase(layers.service(failover.clone()))
    };
    Built {
        held: Box::new(move || held.iter().map(|handle| u64::from(handle.snapshot().probes)).sum()),
        look: Arc::new(move || {
            handles.iter().for_each(breaker::look);
            drop(handle.snapshot());
        }),
        ..Built::new(stack)
    }
}

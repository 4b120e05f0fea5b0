//! All layers together, as a user composes them.

use std::{sync::Arc, time::Duration};

use buttress_call::Kind;

use super::{Built, Lesson, Subject, breaker, buffer, failover, limit, provider};
use crate::{
    probe::{Act, Head},
    stack::{Numbers, Stack},
};

pub(super) fn subject() -> Subject {
    let bounds = provider::bounds().into_iter().chain([buffer::bound()]).collect();
    Subject {
        name: "composed stack",
        build: |bench| {
            let inner = [bench.http(0), bench.http(1)];
            let stack = Stack::new(&Numbers::default(), &provider::layer(), &bench.hook, inner);
            let (held, look) = (stack.clone(), stack.clone());
            Built {
                held: Box::new(move || held.held()),
                look: Arc::new(move || self::look(&look)),
                ..Built::new(move || stack.client())
            }
        },
        decodes: true,
        lesson: Ok(Lesson {
            acts: [(); 2].map(|()| Act::head(Head::Fails(Kind::Server))),
            calls: 5,
            asks: Act::good(),
            over_after: Duration::from_secs(60),
            again_after: Duration::ZERO,
        }),
        refuses: Ok(()),
        tries_one: Ok(()),
        callbacks: Ok(()),
        bounds: Ok(bounds),
        plain: Err("is for HTTP"),
        streamed: Ok(15),
        late_successes: Ok(()),
        late_failures: Ok(()),
    }
}

fn look(stack: &Stack) {
    stack.breakers.iter().for_each(breaker::look);
    stack.limits.iter().for_each(limit::look);
    failover::look(&stack.failover);
    let _ = stack.hedge.snapshot();
}

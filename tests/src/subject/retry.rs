//! `RetryLayer`: two retries a call, of which two come at once and one in a second after that.

use std::{sync::Arc, time::Duration};

use buttress_call::{ByError, Http, Kind, with_call};
use buttress_retry::{Backoff, Jitter, Retries, RetryBudget, RetryLayer, RetryPolicy};
use tower::{Layer, retry::budget::Budget};

use super::{Built, Hook, Lesson, Subject, bench::erase_typed, ringing::Ringing};
use crate::{
    journey::erase,
    probe::{Act, Answer, Ask, Head, ProbeBody},
};

pub(super) fn http() -> Subject {
    const ALL: &str = "lets every call through: only retries are counted";
    Subject {
        name: "RetryLayer",
        build: |bench| {
            let (hook, inner) = (bench.hook.clone(), bench.http(0));
            let (policy, budget) = policy(&hook);
            let policy = policy.classify(Ringing::new(&hook, Http));
            let policy = policy.validate(1, move |_: &http::Response<ProbeBody>| {
                hook.ring();
                Ok(())
            });
            let layer = RetryLayer::new(policy);
            built(budget, Built::new(move || erase(layer.layer(inner.clone()))))
        },
        decodes: false,
        lesson: Ok(Lesson {
            acts: [(); 2].map(|()| Act::head(Head::Fails(Kind::Server))),
            calls: 1,
            asks: Act::head(Head::Fails(Kind::Server)),
            over_after: Duration::from_secs(2),
            again_after: Duration::ZERO,
        }),
        refuses: Err(ALL),
        tries_one: Err(ALL),
        callbacks: Ok(()),
        bounds: Err("holds nothing of an answer"),
        plain: Err("see its typed form"),
        streamed: Ok(2),
        late_successes: Err("no result decides a state: every call pays in"),
        late_failures: Err("no result decides a state: every call pays in"),
    }
}

pub(super) fn typed() -> Subject {
    Subject {
        name: "RetryLayer, typed",
        build: |bench| {
            let (hook, inner) = (bench.hook.clone(), bench.typed(0));
            let (policy, budget) = policy(&hook);
            let classify = with_call(ByError, |ask: &Ask| &ask.call, |ask| &mut ask.call);
            let policy = policy.classify(Ringing::new(&hook, classify));
            let policy = policy.validate(1, move |_: &Answer| {
                hook.ring();
                Ok(())
            });
            let layer = RetryLayer::new(policy);
            built(budget, Built::new(move || erase_typed(layer.layer(inner.clone()))))
        },
        plain: Ok(()),
        streamed: Err("typed answers are no streams"),
        ..http()
    }
}

fn policy(hook: &Hook) -> (RetryPolicy, Arc<RingingBudget>) {
    let pause = Duration::from_millis(10);
    let backoff = Backoff { base: pause, cap: pause, jitter: Jitter::None };
    let budget = RetryBudget::new(0.0, 1, 2).expect("the numbers make sense");
    let budget = Arc::new(RingingBudget { hook: hook.clone(), inner: budget });
    let policy = RetryPolicy::new(Retries { backoff, ..Retries::default() });
    (policy.expect("the numbers make sense").budget(budget.clone()), budget)
}

fn built(budget: Arc<RingingBudget>, built: Built) -> Built {
    let look = move || {
        let _ = budget.inner.available();
    };
    Built { look: Arc::new(look), ..built }
}

/// A user's own budget may run any code.
struct RingingBudget {
    hook: Hook,
    inner: RetryBudget,
}

impl Budget for RingingBudget {
    fn deposit(&self) {
        self.hook.ring();
        self.inner.deposit();
    }

    fn withdraw(&self) -> bool {
        self.hook.ring();
        self.inner.withdraw()
    }
}

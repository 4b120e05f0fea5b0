//! One system in one case: something that can be called in a loop.

use std::{future::poll_fn, hint::black_box};

use tower::Service;

use crate::clock;

/// Makes so many calls.
pub(crate) type Loop = Box<dyn FnMut(u32) + Send>;

/// A system; each thread gets its own loop over the same state.
pub(crate) struct Subject {
    pub(crate) case: &'static str,
    pub(crate) system: &'static str,
    pub(crate) make: Box<dyn Fn() -> Loop>,
    /// Bytes that a call's future takes where it is kept; what a box in it points to is not among them.
    pub(crate) future: Option<usize>,
}

impl Subject {
    /// A tower service, called as its users do: driven ready, then called.
    pub(crate) fn service<S>(case: &'static str, system: &'static str, service: S) -> Self
    where
        S: Service<u64, Response = u64> + Clone + Send + 'static,
    {
        Subject::made(case, system, move || service.clone())
    }

    /// The same of a service that cannot be cloned: `make` makes a thread's.
    pub(crate) fn made<S>(case: &'static str, system: &'static str, make: impl Fn() -> S + 'static) -> Self
    where
        S: Service<u64, Response = u64> + Send + 'static,
    {
        let make = move || {
            let mut service = make();
            looped(async move |number| {
                let ready = poll_fn(|cx| service.poll_ready(cx)).await;
                ready.is_ok() && service.call(number).await.is_ok()
            })
        };
        Subject { case, system, make: Box::new(make), future: Some(size_of::<S::Future>()) }
    }

    /// Anything else: `make` makes a thread's call, which says whether it went well.
    pub(crate) fn new<F>(case: &'static str, system: &'static str, make: impl Fn() -> F + 'static) -> Self
    where
        F: AsyncFnMut(u64) -> bool + Send + 'static,
    {
        Subject { case, system, make: Box::new(move || looped(make())), future: None }
    }
}

fn looped(mut call: impl AsyncFnMut(u64) -> bool + Send + 'static) -> Loop {
    let runtime = clock::real();
    Box::new(move |calls| {
        let refused = runtime.block_on(async {
            let mut refused = 0;
            for number in 0..u64::from(calls) {
                refused += u32::from(!black_box(call(black_box(number)).await));
            }
            refused
        });
        // Saying no is cheaper than what is measured here.
        assert_eq!(refused, 0, "a system refused calls, so its time says nothing");
    })
}

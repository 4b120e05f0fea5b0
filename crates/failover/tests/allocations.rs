//! The happy path allocates nothing.

use std::{
    future::{Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use buttress_call::{ByError, Error};
use buttress_failover::Failover;
use tower_service::Service;

#[derive(Clone)]
struct Echo;

impl Service<u64> for Echo {
    type Response = u64;
    type Error = Error;
    type Future = Ready<Result<u64, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, n: u64) -> Self::Future {
        ready(Ok(n))
    }
}

fn call(fleet: &mut Failover<Echo, ByError>) -> u64 {
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(())) = Service::<u64>::poll_ready(fleet, &mut cx) else { panic!("not ready") };
    let Poll::Ready(Ok(n)) = pin!(fleet.call(7)).poll(&mut cx) else { panic!("pending") };
    n
}

#[test]
fn a_call_that_the_first_target_serves_allocates_nothing() {
    let mut fleet = Failover::in_order([("a", Echo), ("b", Echo)]).unwrap().classify(ByError);
    let counted = allocation_counter::measure(|| assert_eq!(call(&mut fleet), 7));
    assert_eq!(counted.count_total, 0);
    let counted = allocation_counter::measure(|| drop(fleet.clone()));
    assert_eq!(counted.count_total, 0, "nor does a clone");
}

#[test]
fn the_future_is_small() {
    let mut fleet = Failover::in_order([("a", Echo), ("b", Echo)]).unwrap().classify(ByError);
    let size = size_of_val(&fleet.call(7));
    assert!(size <= 192, "{size} bytes");
}

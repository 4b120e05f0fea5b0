//! The happy path allocates nothing.

use std::{
    future::{Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use buttress_call::{ByError, Error};
use buttress_failover::{
    Affinity, Cheapest, Failover, FailoverHandle, MostReliable, PowerOfTwo, Prober, Strategy, Weighted,
};
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
fn nor_does_a_call_by_any_strategy() {
    fn allocations(strategy: impl Strategy) -> u64 {
        let mut fleet = Failover::in_order(["a", "b", "c"].map(|name| (name, Echo))).unwrap();
        fleet = fleet.strategy(strategy);
        let mut fleet = fleet.classify(ByError);
        // The first may find a later list than the clone has.
        assert_eq!(call(&mut fleet), 7);
        allocation_counter::measure(|| assert_eq!(call(&mut fleet), 7)).count_total
    }
    let all = [
        allocations(Weighted),
        allocations(PowerOfTwo),
        allocations(MostReliable),
        allocations(Affinity::default()),
        allocations(Cheapest),
    ];
    assert_eq!(all, [0; 5]);
}

#[test]
fn services_handles_and_probers_may_cross_threads() {
    fn check<T: Send + Sync + 'static>() {}
    fn may_be_spawned<T: Send + 'static>() {}
    check::<Failover<Echo>>();
    check::<FailoverHandle>();
    may_be_spawned::<Prober<Echo, ByError>>();
}

#[test]
fn the_future_is_small() {
    let mut fleet = Failover::in_order([("a", Echo), ("b", Echo)]).unwrap().classify(ByError);
    let size = size_of_val(&fleet.call(7));
    assert!(size <= 192, "{size} bytes");
}

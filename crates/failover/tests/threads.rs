//! A list that is turned over by one thread while others call.

use std::{
    pin::pin,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    task::{Context, Poll, Waker},
};

use buttress_call::{ByError, Error};
use buttress_failover::{Failover, PowerOfTwo, Target};
use tower::util::BoxCloneSyncService;
use tower_service::Service;

const CALLS: usize = 20_000;

fn target(name: &'static str) -> BoxCloneSyncService<u64, &'static str, Error> {
    BoxCloneSyncService::new(tower::service_fn(move |_: u64| async move { Ok::<_, Error>(name) }))
}

#[test]
fn no_call_is_lost_while_targets_come_and_go() {
    let fleet = Failover::in_order(["a", "b"].map(|name| (name, target(name)))).unwrap();
    let fleet = fleet.classify(ByError).strategy(PowerOfTwo);
    let handle = fleet.handle();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let callers = [(); 3].map(|()| {
            let mut fleet = fleet.clone();
            scope.spawn(move || {
                let mut cx = Context::from_waker(Waker::noop());
                for n in 0..CALLS as u64 {
                    let Poll::Ready(result) = pin!(fleet.call(n)).poll(&mut cx) else { panic!("pending") };
                    result.expect("one of them always serves");
                }
            })
        });
        let turning = scope.spawn(|| {
            // At every moment one of them is in the list and takes calls.
            while !done.load(Relaxed) {
                handle.drain("a").unwrap();
                handle.resume("a").unwrap();
                handle.remove("b").unwrap();
                fleet.add(Target::new("b", target("b"))).unwrap();
                handle.reorder(["b"]).unwrap();
                handle.drain("b").unwrap();
                fleet.add(Target::new("c", target("c"))).unwrap();
                handle.remove("a").unwrap();
                handle.resume("b").unwrap();
                fleet.add(Target::new("a", target("a"))).unwrap();
                handle.remove("c").unwrap();
            }
        });
        for caller in callers {
            caller.join().unwrap();
        }
        done.store(true, Relaxed);
        turning.join().unwrap();
    });
    assert!(handle.snapshot().iter().all(|target| target.in_flight == 0));
}

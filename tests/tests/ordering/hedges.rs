//! The hedge among the other layers.

use std::time::Duration;

use buttress_call::Kind;
use buttress_failover::Failover;
use buttress_hedge::HedgeLayer;
use buttress_limit::{LimitLayer, Policy};
use buttress_sim::{Ending, Fault, Latency, Sim};
use buttress_tests::{
    fleet::{broken, client, model, quick, sim},
    journey::erase,
};
use tokio::{
    join,
    time::{Instant, sleep, timeout},
};
use tower::{Layer, ServiceBuilder};

use super::{SECOND, call, first_content, in_order, kind};

const DELAY: Duration = Duration::from_millis(100);

fn hedge() -> HedgeLayer {
    HedgeLayer::after(DELAY).unwrap()
}

#[tokio::test(start_paused = true)]
async fn outside_of_failover_it_asks_another_target() {
    let sims = [broken(quick("a"), Fault::BlackHole), quick("b")];
    let layer = hedge();
    let stack = erase(layer.layer(in_order(sims.each_ref().map(client))));
    let since = Instant::now();
    call(&stack).await.unwrap();
    assert_eq!(since.elapsed(), DELAY + Duration::from_millis(9));
    let [a, b] = sims.each_ref().map(Sim::log);
    assert_eq!((a[0].end, b[0].end), (Ending::Cancelled, Ending::Answered));
    assert_eq!((a.len(), b.len(), layer.handle().snapshot().won), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn inside_of_failover_it_asks_the_same_target_again() {
    let sims = [broken(quick("a"), Fault::BlackHole), quick("b")];
    let stack = erase(in_order(sims.each_ref().map(|sim| erase(hedge().layer(client(sim))))));
    timeout(SECOND, call(&stack)).await.unwrap_err();
    assert_eq!((sims[0].log().len(), sims[1].log().len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn on_its_way_through_failover_it_waits_in_no_limiters_queue() {
    // It is refused by the second target, or fails there later; the third has no place for it either.
    for refused in [true, false] {
        let slow = quick_but(Fault::SlowFirstToken(SECOND));
        let second =
            quick_but(if refused { Fault::SlowFirstToken(SECOND) } else { Fault::ErrorEvent { after: 0 } });
        let limits = [(); 3].map(|()| one_place());
        let [a, b, c] = [&slow, &second, &slow].map(client);
        let targets =
            [a, b.clone(), c.clone()].into_iter().zip(&limits).map(|(client, limit)| limit.layer(client));
        let stack =
            erase(hedge().layer(Failover::in_order(["a", "b", "c"].into_iter().zip(targets)).unwrap()));
        let others = async {
            let (b, c) = (erase(limits[1].layer(b)), erase(limits[2].layer(c)));
            join!(call(&c), async { if refused { call(&b).await } else { Ok(()) } })
        };
        let look = async {
            sleep(3 * DELAY).await;
            limits.each_ref().map(|limit| limit.handle().snapshot().waiting)
        };
        let (_, end, waiting) = join!(others, call(&stack), look);
        end.unwrap();
        assert_eq!(waiting, [0; 3], "refused at once: {refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_content_limit_outside_of_it_is_kept_whatever_becomes_of_it() {
    let holes = ["a", "b"].map(|name| broken(quick(name), Fault::BlackHole));
    let limits = [(); 2].map(|()| one_place());
    let targets = [0, 1].map(|at| erase(limits[at].layer(client(&holes[at]))));
    let busy = targets[1].clone();
    let layers = ServiceBuilder::new().layer(first_content(SECOND / 2)).layer(hedge());
    let stack = erase(layers.service(in_order(targets)));
    let other = timeout(2 * SECOND, call(&busy));
    let since = Instant::now();
    let call = async {
        let end = timeout(2 * SECOND, call(&stack)).await;
        (end.map(|end| end.err().and_then(|error| kind(&error))), since.elapsed())
    };
    let (_, end) = join!(other, call);
    assert_eq!(end, (Ok(Some(Kind::Timeout)), SECOND / 2));
}

fn quick_but(fault: Fault) -> Sim {
    broken(sim("a", model().first_token(Latency::Fixed(DELAY))), fault)
}

/// Room for one call; others wait.
fn one_place() -> LimitLayer {
    LimitLayer::new(Policy { in_flight: Some(1), ..Policy::default() }).unwrap()
}

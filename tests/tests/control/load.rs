//! An operator at work while calls flow.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

use buttress::control::Control;
use buttress_breaker::{OpenFor, Policy};
use buttress_limit::Policy as Quota;
use buttress_tests::{
    fleet::ask,
    journey::Journey,
    rig::{ROUTE, Rig, register},
};
use tokio::time::sleep;

use super::SECOND;

/// One change after the other; target `b` can serve all the time.
fn change(control: &Control, step: usize) {
    let policy = control.breaker_policy("a").unwrap();
    let quota = control.limit_policy("a").unwrap();
    match step % 12 {
        0 => control.force_open("a"),
        1 => control.reset("a"),
        2 => control.drain("a"),
        3 => control.reorder(ROUTE, ["b", "a"]),
        4 => control.resume("a"),
        5 => control.set_limit_policy("a", Quota { requests: Some(1), in_flight: Some(1), ..quota }),
        6 => control.set_tier(ROUTE, "b", 1),
        7 => control.set_breaker_policy("a", Policy { open: OpenFor::Fixed(SECOND), ..policy }),
        8 => control.force_close("a"),
        9 => control.set_limit_policy("a", Quota { requests: Some(60_000), in_flight: Some(64), ..quota }),
        10 => control.set_tier(ROUTE, "b", 0),
        _ => control.reorder(ROUTE, ["a"]),
    }
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn changes_under_load_lose_no_call() {
    const CALLERS: usize = 16;
    const CALLS: usize = 500;
    let rig = Rig::quick();
    let done = Arc::new(AtomicUsize::new(0));
    for caller in 0..CALLERS {
        let (client, done) = (rig.stack.client(), done.clone());
        tokio::spawn(async move {
            for call in 0..CALLS {
                let journey = Journey::new(client.clone(), ask("m"));
                let end = journey.run().await;
                end.unwrap_or_else(|error| panic!("caller {caller}, call {call}: {error}"));
                done.fetch_add(1, Relaxed);
            }
        });
    }
    let mut steps = 0;
    while done.load(Relaxed) < CALLERS * CALLS {
        change(&rig.control, steps);
        steps += 1;
        sleep(SECOND / 200).await;
        assert!(steps < 100_000, "{} of {} calls", done.load(Relaxed), CALLERS * CALLS);
    }
    assert!(steps > 100, "{steps}");
    assert_eq!(rig.stack.held(), 0);
    let [a, b] = rig.asked();
    assert!(a > 100 && b > 100, "both were used: {a}, {b}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_readers_and_reloads_on_many_threads_do_not_get_in_each_others_way() {
    let rig = Arc::new(Rig::quick());
    let stop = Arc::new(AtomicBool::new(false));
    let recorder = tokio::spawn(rig.control.recorder());
    let readers = [(); 2].map(|()| {
        let (rig, stop) = (rig.clone(), stop.clone());
        tokio::task::spawn_blocking(move || {
            while !stop.load(Relaxed) {
                let status = rig.control.status();
                assert_eq!((status.routes.len(), status.targets.len()), (1, 2), "never half a registry");
                assert!(status.events.len() <= 256);
                rig.control.readiness();
            }
        })
    });
    let reloads = {
        let (rig, stop) = (rig.clone(), stop.clone());
        tokio::task::spawn_blocking(move || {
            while !stop.load(Relaxed) {
                let new = Control::new();
                register(&new, &rig.stack);
                rig.control.replace(&new);
            }
        })
    };
    for step in 0..240 {
        change(&rig.control, step);
        if step % 10 == 0 {
            rig.call().await.unwrap();
        }
    }
    stop.store(true, Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    reloads.await.unwrap();
    drop(rig);
    recorder.await.unwrap();
}

//! Rule 6: no lock across a user's code, and no task that must run.

use std::{
    sync::mpsc,
    task::{Context, Waker},
    time::Duration,
};

use buttress_call::Kind;
use tower::Service;

use super::paused;
use crate::{
    probe::{Act, Head},
    subject::{Applies, Subject, request},
};

/// Real time: a deadlock has no other sign.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn a_callback_may_use_the_layer_it_is_called_from(subject: &Subject) -> Applies<()> {
    subject.callbacks?;
    let (done, deadlock) = mpsc::channel();
    let (around, decodes, name) = (subject.build, subject.decodes, subject.name);
    std::thread::spawn(move || {
        paused(async {
            let bench = crate::subject::Bench::new(decodes);
            let built = around(&bench);
            let again = (built.service)();
            let look = built.look.clone();
            let clone = std::sync::Mutex::new(again);
            bench.hook.set(move || {
                look();
                let mut service = clone.lock().expect("it is held for one line").clone();
                let mut cx = Context::from_waker(Waker::noop());
                if service.poll_ready(&mut cx).is_ready() {
                    let mut call = service.call(request());
                    let _ = call.as_mut().poll(&mut cx);
                }
            });
            for head in [Head::AtOnce, Head::Fails(Kind::Server), Head::Fails(Kind::Quota)] {
                bench.script_all(&Act::head(head));
                for _ in 0..10 {
                    let hook = bench.hook.clone();
                    let _ = built.call().at_end(move |_| hook.ring()).run().await;
                    (built.look)();
                }
            }
            assert!(bench.hook.rung() >= 10, "the callbacks ran {} times", bench.hook.rung());
        });
        let _ = done.send(());
    });
    match deadlock.recv_timeout(PATIENCE) {
        Ok(()) => Ok(()),
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{name}: a callback waits for the layer it came from"),
        Err(mpsc::RecvTimeoutError::Disconnected) => panic!("{name}: a callback was not run"),
    }
}

pub(super) fn spawns_no_task(subject: &Subject) -> Applies<()> {
    paused(async {
        let (bench, built) = subject.fresh();
        for act in [Act::slow(Duration::from_millis(10)), Act::head(Head::Fails(Kind::Server))] {
            bench.script_all(&act);
            let mut journey = built.call();
            let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
            std::future::poll_fn(|cx| {
                assert_eq!(tasks(), 0, "{}: {act:?}", subject.name);
                journey.poll_to_end(cx).map(drop)
            })
            .await;
            assert_eq!(tasks(), 0, "{}: after {act:?}", subject.name);
        }
    });
    Ok(())
}

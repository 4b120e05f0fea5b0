//! Rule 1: call only what was polled ready.

use std::{task::Context, time::Duration};

use buttress_call::Kind;
use tower::{Service, ServiceExt};

use super::paused;
use crate::{
    journey::Journey,
    probe::{Act, Ready},
    subject::{Applies, Subject, request},
};

const PAUSE: Duration = Duration::from_millis(10);

/// The probe itself panics if it is not so.
pub(super) fn calls_only_the_instance_that_was_polled_ready(subject: &Subject) -> Applies<()> {
    paused(async {
        let (bench, built) = subject.fresh();
        for ready in [Ready::AtOnce, Ready::After(PAUSE)] {
            bench.script_all(&Act::ready(ready));
            let mut service = (built.service)();
            for _ in 0..3 {
                // The idiom of tower: the clone stays, the instance that became ready goes into the call.
                service.ready().await.expect("the script says so");
                let clone = service.clone();
                let readied = std::mem::replace(&mut service, clone);
                let first = Journey::new(readied, request());
                let second = Journey::new(service.clone(), request());
                let (first, second) = tokio::join!(first.run(), second.run());
                first.and(second).expect("the script says so");
            }
            service.ready().await.expect("the script says so");
            let one = service.call(request()).await.expect("the script says so");
            service.ready().await.expect("the script says so");
            let two = service.call(request()).await.expect("the script says so");
            drop((one, two));
        }
        assert_eq!((bench.unready_calls(), bench.calls()[0]), (0, 16), "{}", subject.name);
    });
    Ok(())
}

pub(super) fn waits_for_ever_for_what_is_never_ready(subject: &Subject) -> Applies<()> {
    paused(async {
        let (bench, built) = subject.fresh();
        bench.script_all(&Act::ready(Ready::Never));
        let hour = tokio::time::timeout(Duration::from_secs(3600), built.call().run()).await;
        hour.expect_err("nothing was ready");
        assert_eq!(bench.calls(), [0, 0], "{}", subject.name);
        assert_eq!(bench.out(), 0, "{}", subject.name);
    });
    Ok(())
}

pub(super) fn passes_on_a_failure_to_become_ready(subject: &Subject) -> Applies<()> {
    paused(async {
        let (bench, built) = subject.fresh();
        bench.script_all(&Act::ready(Ready::Fails(Kind::Connect)));
        let seen = bench.observe(built.call()).await;
        assert_eq!((seen.failed, bench.calls()), (Some(Kind::Connect), vec![0, 0]), "{}", subject.name);
        bench.script_all(&Act::good());
        let mut service = (built.service)();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(service.poll_ready(&mut cx).is_ready(), "{}: a later service is ready again", subject.name);
    });
    Ok(())
}

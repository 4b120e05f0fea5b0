//! Rule 2: readiness takes nothing.

use buttress_call::Kind;
use tower::ServiceExt;

use super::paused;
use crate::{
    probe::{Act, Ready},
    subject::{Applies, Subject},
};

pub(super) fn clones_that_idle_ready_keep_nobody_out(subject: &Subject) -> Applies<()> {
    paused(async {
        let (bench, built) = subject.fresh();
        // To where a layer with state lets a single call through.
        if let (Ok(lesson), Ok(())) = (&subject.lesson, subject.tries_one) {
            bench.teach(&built, lesson).await;
            tokio::time::advance(lesson.over_after).await;
        }
        bench.script_all(&Act::good());
        let mut idle = Vec::new();
        for _ in 0..10 {
            let mut service = (built.service)();
            service.ready().await.expect("the script says so");
            idle.push(service);
        }
        assert_eq!((built.held)(), 0, "{}: readiness holds a slot", subject.name);
        let seen = bench.observe(built.call()).await;
        assert!(seen.served_by(0), "{}: {seen:?}", subject.name);
        drop(idle);
        assert_eq!(bench.out(), 0, "{}", subject.name);
        if let Ok(lesson) = &subject.lesson {
            tokio::time::advance(lesson.again_after).await;
        }
        let seen = bench.observe(built.call()).await;
        assert!(seen.served_by(0), "{}: {seen:?}", subject.name);
    });
    Ok(())
}

pub(super) fn refuses_without_asking_what_is_inside(subject: &Subject) -> Applies<()> {
    subject.refuses?;
    let lesson = subject.lesson.as_ref().map_err(|reason| *reason)?;
    paused(async {
        let (bench, built) = subject.fresh();
        // Readied before the lesson, called after it: refused too.
        let mut before = (built.service)();
        before.ready().await.expect("the script says so");
        bench.teach(&built, lesson).await;
        bench.script_all(&Act::ready(Ready::Never));
        let (polls, calls) = (bench.readiness_polls(), bench.calls());
        for _ in 0..10 {
            let seen = bench.observe(built.call()).await;
            assert_eq!(seen.failed, Some(Kind::Rejected), "{}: {seen:?}", subject.name);
            assert!(seen.took.is_zero(), "{}: {seen:?}", subject.name);
        }
        assert_eq!((bench.readiness_polls(), bench.calls()), (polls, calls), "{}", subject.name);
        let late = bench.observe(crate::journey::Journey::new(before, crate::subject::request())).await;
        assert_eq!(late.failed, Some(Kind::Rejected), "{}: {late:?}", subject.name);
    });
    Ok(())
}

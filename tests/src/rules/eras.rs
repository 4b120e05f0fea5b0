//! Rule 10: what began in an earlier time decides nothing in a later one.

use std::task::{Context, Waker};

use buttress_call::Kind;

use super::paused;
use crate::{
    journey::Journey,
    probe::{Act, Head},
    subject::{Applies, Bench, Built, Lesson, Subject},
};

pub(super) fn a_success_from_before_the_lesson_does_not_undo_it(subject: &Subject) -> Applies<()> {
    subject.late_successes?;
    let lesson = subject.lesson.as_ref().map_err(|reason| *reason)?;
    paused(async {
        let (bench, built) = subject.fresh();
        let late = begin(&bench, &built, lesson, Head::Gated);
        bench.teach(&built, lesson).await;
        let taught = bench.observe(built.call()).await;
        finish(&bench, late).await;
        assert_eq!(bench.observe(built.call()).await, taught, "{}", subject.name);
    });
    Ok(())
}

pub(super) fn failures_from_before_the_lesson_do_not_repeat_it(subject: &Subject) -> Applies<()> {
    subject.late_failures?;
    let lesson = subject.lesson.as_ref().map_err(|reason| *reason)?;
    paused(async {
        let (bench, built) = subject.fresh();
        let late = begin(&bench, &built, lesson, Head::GatedThenFails(Kind::Server));
        bench.teach(&built, lesson).await;
        tokio::time::advance(lesson.over_after).await;
        let forgiven = bench.observe(built.call()).await;
        assert!(forgiven.served_by(0), "{}: {forgiven:?}", subject.name);
        finish(&bench, late).await;
        let after = bench.observe(built.call()).await;
        assert!(after.served_by(0), "{}: {after:?}", subject.name);
    });
    Ok(())
}

/// As many calls as the lesson has, on their way before it.
fn begin(bench: &Bench, built: &Built, lesson: &Lesson, head: Head) -> Vec<Journey> {
    bench.script_all(&Act::head(head));
    let mut cx = Context::from_waker(Waker::noop());
    let late: Vec<_> = (0..lesson.calls)
        .map(|_| {
            let mut journey = built.call();
            assert!(journey.poll_to_end(&mut cx).is_pending(), "the gate is closed");
            journey
        })
        .collect();
    assert_eq!(bench.calls()[0], late.len(), "they are on their way");
    late
}

async fn finish(bench: &Bench, late: Vec<Journey>) {
    bench.targets.iter().for_each(|target| target.gate().open());
    for journey in late {
        let _ = journey.run().await;
    }
}

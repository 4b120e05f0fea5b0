//! Rule 8: time is tokio's.

use std::time::Duration;

use super::paused;
use crate::{
    probe::{Act, Piece},
    subject::{Applies, Subject},
};

pub(super) fn an_hour_long_answer_takes_an_hour_of_the_paused_clock(subject: &Subject) -> Applies<()> {
    let quarter = || [Piece::token(), Piece::After(Duration::from_secs(15 * 60))];
    paused(async {
        let (bench, built) = subject.fresh();
        let act = Act::answering((0..4).flat_map(|_| quarter()));
        bench.script_all(&act);
        let seen = bench.observe(built.call()).await;
        assert!(seen.served_by(0), "{}: {seen:?}", subject.name);
        // A typed client answers with its head.
        let hours = u64::from(subject.streamed.is_ok());
        assert_eq!(seen.took.as_secs(), hours * 3600, "{}", subject.name);
    });
    Ok(())
}

pub(super) fn forgets_by_the_paused_clock(subject: &Subject) -> Applies<()> {
    subject.tries_one?;
    let lesson = subject.lesson.as_ref().map_err(|reason| *reason)?;
    paused(async {
        let (bench, built) = subject.fresh();
        bench.teach(&built, lesson).await;
        let moment = Duration::from_millis(1);
        tokio::time::advance(lesson.over_after.saturating_sub(moment)).await;
        let taught = bench.observe(built.call()).await;
        assert!(!taught.served_by(0), "{}: {taught:?}", subject.name);
        tokio::time::advance(moment).await;
        let forgotten = bench.observe(built.call()).await;
        assert!(forgotten.served_by(0), "{}: {forgotten:?}", subject.name);
    });
    Ok(())
}

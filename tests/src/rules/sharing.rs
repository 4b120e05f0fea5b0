//! Rule 4: state is shared.

use super::paused;
use crate::{
    journey::Journey,
    subject::{Applies, Subject, request},
};

pub(super) fn every_service_and_clone_learns_the_same_lesson(subject: &Subject) -> Applies<()> {
    let lesson = subject.lesson.as_ref().map_err(|reason| *reason)?;
    paused(async {
        let (bench, built) = subject.fresh();
        bench.script_all(&lesson.asks);
        let untaught = bench.observe(built.call()).await;

        let (bench, built) = subject.fresh();
        let (first, second) = ((built.service)(), (built.service)());
        let clone = first.clone();
        bench.teach(&built, lesson).await;
        for service in [second, clone, first, (built.service)()] {
            let taught = bench.observe(Journey::new(service, request())).await;
            assert_ne!(taught, untaught, "{}: it has learnt nothing", subject.name);
        }
    });
    Ok(())
}

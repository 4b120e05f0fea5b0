//! Rule 3: whatever is dropped, wherever, gives back what it holds, once.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Waker},
    time::Duration,
};

use buttress_call::Kind;

use super::paused;
use crate::{
    journey::Step,
    probe::{Act, Head, Piece, Ready},
    subject::{Applies, Bench, Built, Subject},
};

const PAUSE: Duration = Duration::from_millis(10);
/// More polls than any call here has.
const ENOUGH: usize = 200;

pub(super) fn gives_everything_back_wherever_it_is_dropped(subject: &Subject) -> Applies<()> {
    paused(async {
        for scene in Scene::of(subject) {
            for act in scene.acts() {
                for polls in 0.. {
                    let (bench, built) = scene.set(subject).await;
                    bench.script_all(&act);
                    let over = poll_and_drop(&built, polls).await;
                    settled(subject, scene, &bench, &built, &format!("dropped after {polls} polls")).await;
                    if over {
                        break;
                    }
                    assert!(polls < ENOUGH, "{}: the call does not end", subject.name);
                }
            }
        }
    });
    Ok(())
}

pub(super) fn gives_everything_back_when_the_inside_panics(subject: &Subject) -> Applies<()> {
    let acts = [
        ("readiness", Act::ready(Ready::Panics)),
        ("call", Act::head(Head::PanicsInCall)),
        ("the future", Act::head(Head::PanicsInPoll)),
        ("the body's first poll", Act::answering([Piece::Panics])),
        ("the body after a token", Act::answering([Piece::token(), Piece::Panics])),
    ];
    paused(async {
        for scene in Scene::of(subject) {
            for (place, act) in &acts {
                let (bench, built) = scene.set(subject).await;
                bench.script_all(act);
                let mut journey = built.call();
                let mut cx = Context::from_waker(Waker::noop());
                let polled = catch_unwind(AssertUnwindSafe(|| journey.poll_to_end(&mut cx).map(drop)));
                drop(journey);
                // A typed client has no body that could panic.
                let panics = polled.is_err();
                let what = format!("a panic in {place} (seen: {panics})");
                settled(subject, scene, &bench, &built, &what).await;
            }
        }
    });
    Ok(())
}

pub(super) fn tells_the_end_once_and_after_the_connection_is_gone(subject: &Subject) -> Applies<()> {
    subject.streamed.map(drop)?;
    let acts = [
        Act::slow(PAUSE),
        Act::good(),
        Act::answering([Piece::token(), Piece::Cut]),
        Act { pieces: vec![Piece::token()], ..Act::good() },
        Act::good().and_then(Piece::Never),
        Act::answering([Piece::token(), Piece::Panics]),
    ];
    paused(async {
        for act in acts {
            for polls in 0..ENOUGH {
                let (bench, built) = subject.fresh();
                bench.script_all(&act);
                let ends = Arc::new(AtomicUsize::new(0));
                let (count, targets) = (ends.clone(), bench.targets.clone());
                let alive = Arc::new(AtomicUsize::new(0));
                let seen_alive = alive.clone();
                let mut journey = built.call().at_end(move |_| {
                    count.fetch_add(1, Relaxed);
                    let still = targets.iter().map(|target| target.counts().alive()).sum();
                    seen_alive.fetch_max(still, Relaxed);
                });
                let (over, head) = poll(&mut journey, polls).await;
                drop(journey);
                let told = (ends.load(Relaxed), alive.load(Relaxed));
                assert_eq!(told, (usize::from(head), 0), "{}: {polls} polls of {act:?}", subject.name);
                if over {
                    break;
                }
            }
        }
    });
    Ok(())
}

/// Where a layer stands when the call comes.
#[derive(Clone, Copy, Debug)]
enum Scene {
    /// New.
    Fresh,
    /// The lesson is almost over.
    Taught,
    /// Ready to let one call try.
    OneTry,
}

impl Scene {
    fn of(subject: &Subject) -> Vec<Scene> {
        let taught = subject.lesson.is_ok().then_some(Scene::Taught);
        let tries_one = subject.tries_one.is_ok().then_some(Scene::OneTry);
        [Some(Scene::Fresh), taught, tries_one].into_iter().flatten().collect()
    }

    fn acts(self) -> Vec<Act> {
        let slow = Act::slow(PAUSE);
        let mut acts = vec![Act { ready: Ready::AtOnce, ..slow.clone() }, slow, Act::good()];
        if matches!(self, Scene::Fresh) {
            // Elsewhere a failure is a lesson of its own.
            acts.push(Act::head(Head::Fails(Kind::Server)));
        }
        acts
    }

    async fn set(self, subject: &Subject) -> (Bench, Built) {
        let (bench, built) = subject.fresh();
        if let (Scene::Taught | Scene::OneTry, Ok(lesson)) = (self, &subject.lesson) {
            bench.teach(&built, lesson).await;
            let early = if let Scene::Taught = self { 2 * PAUSE } else { Duration::ZERO };
            tokio::time::advance(lesson.over_after.saturating_sub(early)).await;
        }
        (bench, built)
    }

    /// Waits until the next call is served whatever became of this one.
    async fn pass(self, subject: &Subject) {
        if let (Scene::Taught | Scene::OneTry, Ok(lesson)) = (self, &subject.lesson) {
            let rest = if let Scene::Taught = self { lesson.over_after } else { Duration::ZERO };
            tokio::time::advance(rest + lesson.again_after).await;
        }
    }
}

/// Whether the call was over by then.
async fn poll_and_drop(built: &Built, polls: usize) -> bool {
    poll(&mut built.call(), polls).await.0
}

/// Polls so often, each time a little later: whether the call is over, and whether its head had come.
async fn poll(journey: &mut crate::journey::Journey, polls: usize) -> (bool, bool) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut moved = 0;
    for _ in 0..polls {
        let step = catch_unwind(AssertUnwindSafe(|| journey.poll(&mut cx)));
        match step {
            Ok(Step::Pending) => tokio::time::advance(PAUSE / 2).await,
            Ok(Step::Moved) => moved += 1,
            Ok(Step::Over(_)) | Err(_) => return (true, moved > 1),
        }
    }
    (false, moved > 1)
}

/// Nothing is out, and the next call is served as if nothing had been.
async fn settled(subject: &Subject, scene: Scene, bench: &Bench, built: &Built, what: &str) {
    let name = subject.name;
    assert_eq!(bench.out(), 0, "{name}, {scene:?}: futures, bodies or permits are out: {what}");
    assert_eq!((built.held)(), 0, "{name}, {scene:?}: a slot, a place or tokens are held: {what}");
    bench.script_all(&Act::good());
    scene.pass(subject).await;
    let seen = bench.observe(built.call()).await;
    assert!(seen.served_by(0), "{name}, {scene:?}: {what}, then {seen:?}");
    assert_eq!((bench.out(), (built.held)()), (0, 0), "{name}, {scene:?}: after the next call: {what}");
}

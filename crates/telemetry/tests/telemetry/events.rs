//! The latest events.

use buttress_call::{Call, Cause, Kind, Note};
use buttress_telemetry::{Change, Telemetry, What};
use tokio::sync::watch;
use tower::{ServiceExt, service_fn};

use crate::support::{Request, Script, Step, around, ask, attempt, call, next, usage};

fn events(telemetry: &Telemetry) -> Vec<What> {
    telemetry.snapshot().events.into_iter().map(|event| event.what).collect()
}

#[tokio::test]
async fn a_retry_and_a_failover_say_from_where_to_where_and_why() {
    let telemetry = Telemetry::default();
    let script = Script::of((0..3).map(|_| Step::Whole(usage(1, 1))));
    let [a, b] = ["a", "b"].map(|name| attempt(&telemetry, name, &script));
    let layers = service_fn(move |request: Request| {
        let (a, b) = (a.clone(), b.clone());
        async move {
            let tell = |note| Call::get(request.extensions()).unwrap().tell(note);
            a.clone().oneshot(request.clone()).await?;
            tell(Note::Retrying { kind: Kind::Server, wait: std::time::Duration::ZERO });
            a.oneshot(next(&request, Cause::Retry)).await?;
            tell(Note::FailingOver { from: "a", to: "b", kind: Kind::Overloaded });
            b.oneshot(next(&request, Cause::Failover)).await
        }
    });
    call(&around(&telemetry, layers), ask("m")).await.unwrap();
    assert_eq!(
        events(&telemetry),
        [
            What::Failover { from: "a".into(), to: "b".into(), kind: Kind::Overloaded },
            What::Retry { target: "a".into(), kind: Some(Kind::Server) },
        ]
    );
}

fn change(from: &'static str, to: &'static str) -> Change {
    Change { name: "a".into(), from, to, reason: "a test".to_owned() }
}

#[tokio::test]
async fn a_watched_states_changes_are_events_and_its_first_state_is_none() {
    let telemetry = Telemetry::default();
    let (sender, receiver) = watch::channel(("closed", "closed"));
    let follows = tokio::spawn(telemetry.follow(receiver, |(from, to)| Some(change(from, to))));
    tokio::task::yield_now().await;
    assert_eq!(events(&telemetry), []);
    sender.send(("closed", "open")).unwrap();
    tokio::task::yield_now().await;
    assert_eq!(events(&telemetry), [What::Change(change("closed", "open"))]);
    drop(sender);
    follows.await.unwrap();
}

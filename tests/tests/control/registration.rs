//! Names that come and go while calls are served.

use buttress::{Handles, TargetHandles, control::Control};
use buttress_failover::TargetState;
use buttress_tests::rig::{ROUTE, Rig};

#[tokio::test(start_paused = true)]
async fn a_stacks_handles_are_registered_at_one_stroke() {
    let rig = Rig::quick();
    let target = |name: &str, place: usize| TargetHandles {
        breaker: Some(rig.stack.breakers[place].clone()),
        limit: Some(rig.stack.limits[place].clone()),
        ..TargetHandles::new(name)
    };
    let handles = Handles {
        failover: Some(rig.stack.failover.clone()),
        hedge: Some(rig.stack.hedge.clone()),
        telemetry: None,
        targets: vec![target("a", 0), target("b", 1)],
    };
    let control = Control::new();
    control.insert(ROUTE, &handles);
    // A stack that was made anew takes the place of the old one.
    control.insert(ROUTE, &handles);
    let [mut ours, mut theirs] = [&control, &rig.control].map(Control::status);
    (ours.uptime_seconds, theirs.uptime_seconds) = (0.0, 0.0);
    assert_eq!((ours.targets.len(), ours.routes.len()), (2, 1));
    assert_eq!(ours, theirs);
    control.force_open("a").unwrap();
    assert_eq!(rig.calls(2).await.unwrap(), [0, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_new_configuration_takes_the_place_of_the_old_one_and_its_events_stay() {
    let [old, new] = [Rig::quick(), Rig::quick()];
    old.control.force_open("a").unwrap();
    // The old layers' last word.
    old.stack.breakers[1].force_open();
    old.control.replace(&new.control);
    let events = old.control.status().events;
    assert_eq!(
        events.iter().map(|event| event.target.as_deref()).collect::<Vec<_>>(),
        [Some("b"), Some("a")]
    );

    let states = |control: &Control| {
        let targets = control.status().targets;
        targets.iter().map(|target| target.breaker.as_ref().unwrap().state).collect::<Vec<_>>()
    };
    assert_eq!(states(&old.control), ["closed", "closed"]);
    old.control.drain("a").unwrap();
    assert_eq!(new.calls(3).await.unwrap(), [0, 3]);
    // The old ones are left alone.
    assert_eq!(old.stack.failover.snapshot()[0].state, TargetState::Gated);
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_serves_on_unseen() {
    let rig = Rig::quick();
    rig.control.forget_target("a").unwrap();
    let targets = rig.control.status().targets;
    // The route knows it, but nothing about its layers.
    assert_eq!(targets.iter().map(|target| &*target.name).collect::<Vec<_>>(), ["b", "a"]);
    assert!(targets[1].breaker.is_none() && targets[1].limit.is_none());
    rig.control.force_open("a").unwrap_err();
    rig.control.forget_route(ROUTE).unwrap();
    assert!(rig.control.status().routes.is_empty());
    rig.control.drain("a").unwrap_err();
    assert_eq!(rig.calls(1).await.unwrap(), [1, 0]);
}

#[test]
fn a_debug_view_has_the_names() {
    let rig = Rig::quick();
    assert_eq!(format!("{:?}", rig.control), r#"Control { routes: ["chat"], targets: ["a", "b"], .. }"#);
}

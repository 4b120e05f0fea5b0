//! Whether calls can be served, and why not.

use buttress::control::Control;
use buttress_breaker::BreakerLayer;
use buttress_sim::{Fault, Rule};
use buttress_tests::rig::{ROUTE, Rig};

#[tokio::test(start_paused = true)]
async fn a_route_is_ready_while_one_target_can_serve() {
    let rig = Rig::quick();
    assert!(rig.control.readiness().ready);
    rig.sims[0].inject(Rule::always(Fault::Refuse)).unwrap();
    rig.calls(5).await.unwrap();
    let readiness = rig.control.readiness();
    assert!(readiness.ready && readiness.reason.is_none(), "{readiness:?}");
    let place = rig.control.status().routes[0].targets[0].clone();
    assert_eq!((place.state, place.can_serve), ("gated", false));
    let reason = place.reason.unwrap();
    assert_eq!(reason, "circuit open for 60 s more: 5 failures in a row, the last: overloaded");

    rig.control.drain("b").unwrap();
    let readiness = rig.control.readiness();
    assert!(!readiness.ready);
    let reason = format!("route \"chat\": no target can serve: \"a\" {reason}, \"b\" drained by an operator");
    assert_eq!(readiness.reason, Some(reason));
    assert!(!readiness.routes[0].ready);
}

#[test]
fn a_breaker_counts_also_where_the_failover_was_not_told_of_it() {
    let rig = Rig::quick();
    // Under another control, as targets of circuits that are no gates.
    let control = Control::new();
    control.route(ROUTE).failover(rig.stack.failover.clone());
    for name in ["a", "b"] {
        let breaker = BreakerLayer::default().handle();
        breaker.force_open();
        control.target(name).breaker(breaker);
    }
    let readiness = control.readiness();
    let reason = r#"route "chat": no target can serve: "a" circuit forced open, "b" circuit forced open"#;
    assert_eq!(readiness.reason.as_deref(), Some(reason));
    control.reset("b").unwrap();
    assert!(control.readiness().ready);
}

#[test]
fn without_routes_some_target_must_be_able_to_serve() {
    let control = Control::new();
    assert_eq!(control.readiness().reason.as_deref(), Some("nothing is registered"));
    for name in ["a", "b"] {
        control.target(name).breaker(BreakerLayer::default().handle());
    }
    control.force_open("a").unwrap();
    assert!(control.readiness().ready);
    control.force_open("b").unwrap();
    let reason = r#"no target can serve: "a" circuit forced open, "b" circuit forced open"#;
    assert_eq!(control.readiness().reason.as_deref(), Some(reason));
}

#[test]
fn each_route_must_be_ready() {
    let [chat, mail] = [Rig::quick(), Rig::quick()];
    chat.control.route("mail").failover(mail.stack.failover.clone());
    mail.stack.failover.drain("a").unwrap();
    mail.stack.failover.drain("b").unwrap();
    let readiness = chat.control.readiness();
    assert!(!readiness.ready);
    assert_eq!(readiness.routes.iter().map(|route| route.ready).collect::<Vec<_>>(), [true, false]);
    let reason =
        r#"route "mail": no target can serve: "a" drained by an operator, "b" drained by an operator"#;
    assert_eq!(readiness.reason.as_deref(), Some(reason));
    mail.stack.failover.remove("a").unwrap();
    mail.stack.failover.remove("b").unwrap();
    assert_eq!(chat.control.readiness().reason.as_deref(), Some(r#"route "mail": it has no targets"#));
}

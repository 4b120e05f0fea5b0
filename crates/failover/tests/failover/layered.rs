//! Targets made from one client.

use buttress_call::Kind;
use buttress_failover::{Failover, Target};
use tower::Layer;

use crate::scripted::*;

fn layered(targets: [&'static str; 2]) -> (Failover<&'static str, Judge>, [Scripted; 2]) {
    let services = targets.map(Scripted::serves);
    let plans = Failover::new(targets.map(|name| Target::new(name, name))).unwrap();
    (plans.classify(judging()), services)
}

#[tokio::test(start_paused = true)]
async fn two_services_of_one_layer_share_cooling_order_and_handle() {
    let (plans, [a, b]) = layered(["a", "b"]);
    let layer = plans.layer(|name: &&str, clients: [Scripted; 2]| {
        let [a, b] = clients;
        if *name == "a" { a } else { b }
    });
    let handle = layer.handle();
    let one = layer.layer([a.clone(), b.clone()]);
    let other = layer.clone().layer([a.clone(), b.clone()]);
    a.does(Kind::Quota);
    assert_eq!(ask(&one).await.unwrap(), "b");
    assert_eq!(ask(&other).await.unwrap(), "b");
    assert_eq!(a.calls(), 1, "the other knows");
    a.does(Act::Serve);
    advance(secs(300)).await;
    handle.reorder(["b"]).unwrap();
    assert_eq!((ask(&one).await.unwrap(), ask(&other).await.unwrap()), ("b", "b"));
    handle.drain("b").unwrap();
    assert_eq!((ask(&one).await.unwrap(), ask(&other).await.unwrap()), ("a", "a"));
    one.add(Target::new("c", Scripted::serves("c"))).unwrap();
    handle.drain("a").unwrap();
    assert_eq!(ask(&one).await.unwrap(), "c");
    assert!(ask(&other).await.is_err(), "it has no stack for it");
}

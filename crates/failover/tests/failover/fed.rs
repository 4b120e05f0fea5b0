//! Targets from a layer, and from a feed.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use buttress_call::Kind;
use buttress_failover::{Failover, Target};
use tokio_test::task::spawn;
use tower::{Layer, ServiceExt, discover};

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

type Changes = Arc<Mutex<VecDeque<discover::Change<&'static str, Scripted>>>>;

struct Feed(Changes);

impl futures_core::Stream for Feed {
    type Item = Result<discover::Change<&'static str, Scripted>, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.lock().unwrap().pop_front().map_or(Poll::Pending, |change| Poll::Ready(Some(Ok(change))))
    }
}

#[tokio::test(start_paused = true)]
async fn targets_come_go_and_are_replaced_as_a_feed_says() {
    use discover::Change::{Insert, Remove};
    let changes = Changes::default();
    let fleet = Failover::empty().classify(judging());
    let mut follow = spawn(fleet.follow(Feed(changes.clone())));
    let mut comes = |new: Vec<_>| {
        changes.lock().unwrap().extend(new);
        assert!(follow.poll().is_pending());
    };
    let error = ask(&fleet).await.unwrap_err();
    assert_eq!((error.to_string(), kind_of(Err(error))), ("no target served".to_owned(), Kind::Rejected));
    let (a, b) = (Scripted::serves("a"), Scripted::serves("b"));
    comes(vec![Insert("a", a.clone()), Insert("b", b.clone())]);
    assert_eq!(ask(&fleet).await.unwrap(), "a");
    let running = Scripted::always("again", Act::ServeAfter(secs(5)));
    comes(vec![Insert("a", running.clone()), Remove("b"), Remove("unknown"), Insert("", b.clone())]);
    let mut call = spawn(fleet.clone().oneshot(Ask::default()));
    assert!(call.poll().is_pending());
    assert_eq!(running.calls(), 1);
    comes(vec![Remove("a"), Insert("b", b.clone())]);
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    advance(secs(5)).await;
    let Poll::Ready(Ok(answer)) = call.poll() else { panic!("a lost call") };
    assert_eq!(answer.from, "again");
    assert_eq!((a.calls(), b.calls()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_a_filter_refused_goes_on_only_if_that_was_asked_for() {
    let (a, b) = (Scripted::always("a", Kind::Filtered), Scripted::serves("b"));
    assert_eq!(kind_of(ask(&fleet([&a, &b])).await), Kind::Filtered);
    let fleet = fleet([&a, &b]).fail_over_filtered();
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    b.does(Kind::Filtered);
    assert_eq!(kind_of(ask(&fleet).await), Kind::Filtered);
}

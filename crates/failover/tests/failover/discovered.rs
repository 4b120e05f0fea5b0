//! Targets from a feed.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use buttress_call::Kind;
use buttress_failover::Failover;
use tokio_test::task::spawn;
use tower::{ServiceExt, discover};

use crate::scripted::*;

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

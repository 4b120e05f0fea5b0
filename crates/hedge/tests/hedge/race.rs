//! Who wins, and what becomes of the others.

use buttress_call::Kind;
use buttress_hedge::Policy;
use tokio::time::Instant;
use tower::{Service, ServiceExt};

use crate::scripted::*;

#[tokio::test(start_paused = true)]
async fn a_call_that_answers_in_time_is_not_hedged() {
    let inner = Scripted::new([&[Wait(999 * MS)]]);
    let (result, handle) = run(&inner).await;
    assert_eq!(result.unwrap().from, 1);
    assert_eq!((inner.calls(), handle.snapshot().sent, handle.snapshot().calls), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_late_call_is_hedged_and_the_hedge_may_win() {
    let inner = Scripted::new([&[Hang], &[Wait(SECOND)]]);
    let (result, handle) = run(&inner).await;
    assert_eq!(result.unwrap().from, 2);
    assert_eq!(inner.at(Called(2)), Some(SECOND));
    assert_eq!(inner.at(Resolved(2)), Some(2 * SECOND));
    let snapshot = handle.snapshot();
    assert_eq!((snapshot.sent, snapshot.won, snapshot.refused, snapshot.throttled), (1, 1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_first_try_may_win_after_all() {
    let inner = Scripted::new([&[Wait(2 * SECOND)], &[Hang]]);
    let (result, handle) = run(&inner).await;
    assert_eq!(result.unwrap().from, 1);
    assert_eq!((handle.snapshot().sent, handle.snapshot().won), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn of_two_answers_at_the_same_instant_the_first_trys_counts() {
    let inner = Scripted::new([&[Wait(2 * SECOND)], &[Wait(SECOND)]]);
    let (result, _) = run(&inner).await;
    assert_eq!(result.unwrap().from, 1);
}

#[tokio::test(start_paused = true)]
async fn the_losers_are_dropped_before_the_caller_has_the_winners_answer() {
    for (first, hedge, winner) in [(vec![Hang], vec![], 2), (vec![Wait(2 * SECOND)], vec![Hang], 1)] {
        let inner = Scripted::new([&first, &hedge]);
        let (mut service, _) = self::hedge(Policy::after(SECOND), &inner);
        let mut call = service.ready().await.unwrap().call(Ask::default());
        let answer = loop {
            match poll_once(&mut call) {
                std::task::Poll::Ready(answer) => break answer.unwrap(),
                std::task::Poll::Pending => tokio::time::advance(SECOND).await,
            }
        };
        // The call itself is still there: it is not its drop that ends the loser.
        assert_eq!((answer.from, inner.alive()), (winner, 0));
        assert!(inner.events().contains(&Dropped(3 - winner)));
        drop(call);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_arrives_first_does_not_beat_a_success_that_arrives_later() {
    let late_error = [Wait(2 * SECOND), fail(Kind::Server)];
    let late_success = [Wait(5 * SECOND)];
    for (tries, winner) in [([&late_error[..], &late_success], 2), ([&late_success[..], &late_error[1..]], 1)]
    {
        let inner = Scripted::new(tries);
        let (result, _) = run(&inner).await;
        assert_eq!(result.unwrap().from, winner);
        assert_eq!(inner.alive(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn not_even_an_error_that_would_be_the_same_anywhere_ends_a_call_while_another_try_lives() {
    let inner = Scripted::new([&[Wait(2 * SECOND), fail(Kind::Invalid)], &[Wait(2 * SECOND)]]);
    assert_eq!(run(&inner).await.0.unwrap().from, 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_told_by_an_answer_loses_like_any_other() {
    let inner = Scripted::new([&[Wait(2 * SECOND), Respond(Kind::Server)], &[Wait(5 * SECOND)]]);
    let (service, _) = hedge_by_answer(Policy::after(SECOND), &inner);
    assert_eq!(service.oneshot(Ask::default()).await.unwrap().from, 2);
}

#[tokio::test(start_paused = true)]
async fn further_hedges_go_out_a_delay_apart() {
    let inner = Scripted::new([]).otherwise(&[Hang]);
    let (service, handle) = hedge(Policy { max_hedges: 3, ..Policy::after(SECOND) }, &inner);
    let _ = tokio::time::timeout(10 * SECOND, service.oneshot(Ask::default())).await;
    let at: Vec<_> = (1..=4).map(|number| inner.at(Called(number)).unwrap()).collect();
    assert_eq!(at, [0, 1, 2, 3].map(|n| n * SECOND));
    assert_eq!((inner.calls(), handle.snapshot().sent), (4, 3));
}

#[tokio::test(start_paused = true)]
async fn any_of_several_hedges_may_win_and_all_others_are_dropped() {
    for winner in 1..=4 {
        let scripts = [1, 2, 3, 4].map(|n| if n == winner { vec![Wait(5 * SECOND)] } else { vec![Hang] });
        let inner = Scripted::new(scripts.each_ref().map(Vec::as_slice));
        let (mut service, _) = hedge(Policy { max_hedges: 3, ..Policy::after(SECOND) }, &inner);
        let mut call = service.ready().await.unwrap().call(Ask::default());
        assert_eq!((&mut call).await.unwrap().from, winner);
        assert_eq!(inner.alive(), 0, "though the call itself is still there");
        let events = inner.events();
        assert!((1..=4).all(|n| n == winner || events.contains(&Dropped(n))), "{events:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_wins_while_another_fails_is_seen_in_the_same_poll() {
    let inner = Scripted::new([&[Hang], &[Wait(3 * SECOND), fail(Kind::Quota)], &[Wait(2 * SECOND)]]);
    let (service, _) = hedge(Policy { max_hedges: 2, ..Policy::after(SECOND) }, &inner);
    let answer = tokio::time::timeout(60 * SECOND, service.oneshot(Ask::default())).await;
    assert_eq!(answer.unwrap().unwrap().from, 3);
    assert_eq!(inner.at(Resolved(3)), Some(4 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_answers_at_once_wins_at_once() {
    let inner = Scripted::new([&[Hang]]);
    let began = Instant::now();
    assert_eq!(run(&inner).await.0.unwrap().from, 2);
    assert_eq!(began.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_busily() {
    let inner = Scripted::new([&[Wait(20 * SECOND)], &[Hang]]);
    let (result, _) = run(&inner).await;
    result.unwrap();
    // At the start, when the delay is over, and when it answers; the hedge at its own start and with the first.
    assert!(inner.polls()[0] <= 3 && inner.polls()[1] <= 2, "{:?}", inner.polls());
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "must not be polled after it has resolved")]
async fn a_call_polled_after_its_end_says_so() {
    let inner = Scripted::new([&[Hang]]);
    let (mut service, _) = hedge(Policy::after(SECOND), &inner);
    let mut call = service.ready().await.unwrap().call(Ask::default());
    (&mut call).await.unwrap();
    let _ = poll_once(&mut call);
}

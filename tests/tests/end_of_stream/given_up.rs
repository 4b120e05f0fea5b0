//! Answers that somebody gives up on.

use std::time::Duration;

use buttress_call::{Failure, Kind, Outcome};
use buttress_provider::Commit;
use buttress_sim::{Ending, Fault, Rule};
use buttress_tests::way::{WAYS, Way};
use futures_util::future::join_all;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout};

use crate::line::{Line, TOKENS, completion, until};

/// How long somebody waits before he gives up: a machine that pauses does not bring it about.
const PATIENCE: Duration = Duration::from_millis(500);

/// All at once: each of them waits.
async fn each(check: impl AsyncFn(Way)) {
    join_all(WAYS.map(|way| check(way))).await;
}

#[tokio::test]
async fn a_body_dropped_in_the_middle_stops_the_provider_and_is_cancelled() {
    for way in WAYS {
        let line = Line::new(way).await;
        line.sim.inject(Rule::always(Fault::Brownout(20.0))).unwrap();
        let answer = line.stream().await;
        let completion = completion(&answer);
        let mut body = answer.into_body();
        body.frame().await.unwrap().unwrap();
        assert!(completion.ended().is_none());
        drop(body);
        assert_eq!(completion.ended().unwrap().outcome, Outcome::Cancelled);
        let seen = line.seen().await;
        assert_eq!(seen.end, Ending::Cancelled);
        assert!(seen.billed < seen.input_tokens + TOKENS, "{seen:?}");
        until(|| line.sim.open_connections() == 0).await;
    }
}

#[tokio::test]
async fn a_future_dropped_before_the_first_content_stops_the_provider() {
    each(async |way| {
        for stream in [true, false] {
            let line = Line::faulty(way, Fault::SlowFirstToken(Duration::from_secs(60))).await;
            assert!(timeout(PATIENCE, line.ask(stream)).await.is_err());
            let seen = line.seen().await;
            assert_eq!((seen.end, seen.billed), (Ending::Cancelled, seen.input_tokens));
            until(|| line.sim.open_connections() == 0).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_stalled_body_that_somebody_gives_up_on_ends_with_the_blame() {
    each(async |way| {
        let line = Line::faulty(way, Fault::StallAfter { tokens: 3 }).await;
        let answer = line.stream().await;
        let completion = completion(&answer);
        let mut body = answer.into_body();
        while let Ok(frame) = timeout(PATIENCE, body.frame()).await {
            frame.unwrap().unwrap();
        }
        completion.blame(Failure::new(Kind::Timeout));
        drop(body);
        assert_eq!(completion.ended().unwrap().outcome, Kind::Timeout.into());
        let seen = line.seen().await;
        assert_eq!((seen.end, seen.output_tokens_sent), (Ending::Cancelled, 3));
    })
    .await;
}

#[tokio::test]
async fn a_prelude_without_end_is_let_through_in_time_and_costs_the_input() {
    for way in WAYS {
        let within = Duration::from_millis(150);
        let line = Line::faulty(way, Fault::EndlessPrelude).await.commit(Commit::FirstContent { within });
        let begun = Instant::now();
        let answer = line.stream().await;
        assert!(begun.elapsed() >= within);
        let completion = completion(&answer);
        assert_eq!(completion.progress().first_content_at(), None);
        let mut body = answer.into_body();
        for _ in 0..3 {
            body.frame().await.unwrap().unwrap();
        }
        drop(body);
        assert_eq!(completion.ended().unwrap().outcome, Outcome::Cancelled);
        let seen = line.seen().await;
        assert_eq!((seen.end, seen.billed), (Ending::Cancelled, seen.input_tokens));
    }
}

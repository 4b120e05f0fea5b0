//! Probes of targets that are out of service.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::{Error, Kind, Origin};
use buttress_failover::{Failover, Prober, Target, TargetState};
use tokio::time::{Instant, sleep_until};
use tokio_test::task::spawn;
use tower::ServiceExt;
use tower_service::Service;

use crate::scripted::*;

const EVERY: Duration = secs(2);

fn prober(fleet: &Fleet) -> Prober<Scripted, Judge> {
    fleet.prober(EVERY, |_| Ask::default()).unwrap()
}

/// Steps of a tenth of a second.
async fn run<S: Unpin, C>(prober: &mut tokio_test::task::Spawn<Prober<S, C>>, tenths: u64) -> Poll<()> {
    for _ in 0..tenths {
        advance(Duration::from_millis(100)).await;
        if prober.is_woken() && prober.poll().is_ready() {
            return Poll::Ready(());
        }
    }
    Poll::Pending
}

#[tokio::test(start_paused = true)]
async fn a_target_in_service_is_never_probed_nor_a_drained_one_nor_one_that_said_when() {
    let targets = ["a", "b", "c"].map(Scripted::serves);
    let [a, b, c] = &targets;
    let fleet = fleet([a, b, c]).gate("b", || false).unwrap();
    a.does(hinted(Kind::RateLimited, 600));
    assert_eq!(ask(&fleet).await.unwrap(), "c");
    fleet.handle().drain("b").unwrap();
    let mut prober = spawn(prober(&fleet));
    assert!(prober.poll().is_pending());
    assert!(run(&mut prober, 300).await.is_pending());
    assert_eq!((a.calls(), b.calls(), c.calls()), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_good_probe_ends_a_long_cooling_early_and_a_bad_one_changes_nothing() {
    let (a, b) = (Scripted::always("a", Kind::Quota), Scripted::serves("b"));
    let fleet = fleet([&a, &b]);
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    let mut prober = spawn(prober(&fleet));
    assert!(prober.poll().is_pending());
    assert!(run(&mut prober, 220).await.is_pending());
    assert!((10..=11).contains(&(a.calls() - 1)), "{} probes in 22 s", a.calls() - 1);
    let left = fleet.handle().snapshot()[0].cooling.unwrap().remaining;
    assert_eq!(left, secs(300 - 22));
    a.does(Act::Serve);
    assert!(run(&mut prober, 22).await.is_pending());
    assert_eq!(fleet.handle().snapshot()[0].state, TargetState::WarmingUp(1));
    assert_eq!(ask(&fleet).await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_is_dropped_at_the_next_interval() {
    let (a, b) = (Scripted::always("a", Act::Hang).next(Kind::Auth), Scripted::serves("b"));
    let fleet = fleet([&a, &b]);
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    let mut prober = spawn(prober(&fleet));
    assert!(prober.poll().is_pending());
    assert!(run(&mut prober, 100).await.is_pending());
    assert!(a.calls() > 3);
    assert_eq!(a.attempts_under_way(), 1);
    drop(prober);
    assert_eq!(a.attempts_under_way(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_prober_ends_with_its_failover_and_does_not_spin() {
    let a = Scripted::serves("a");
    let fleet = fleet([&a]);
    let mut prober = spawn(prober(&fleet));
    assert!(prober.poll().is_pending());
    assert!(!prober.is_woken());
    assert_eq!(
        fleet.prober(Duration::ZERO, |_| Ask::default()).unwrap_err().to_string(),
        "probes every 0 ns: the interval must be longer than zero"
    );
    drop(fleet);
    assert!(run(&mut prober, 25).await.is_ready());
}

#[derive(Default)]
struct Circuit {
    failures: u32,
    opened: Option<Instant>,
    opened_at_all: Option<Instant>,
}

const OPEN_TIME: Duration = secs(60);

impl Circuit {
    /// After its time it lets calls through, as a half-open one.
    fn is_open(&self) -> bool {
        self.opened.is_some_and(|since| since.elapsed() < OPEN_TIME)
    }

    fn heard(&mut self, failed: bool) {
        if !failed {
            (self.failures, self.opened) = (0, None);
            return;
        }
        self.failures += 1;
        if self.failures >= 3 {
            self.opened = Some(Instant::now());
            self.opened_at_all = self.opened_at_all.or(self.opened);
        }
    }
}

/// A breaker in front of a target: it opens after three failures in a row.
#[derive(Clone)]
struct Breaker {
    inner: Scripted,
    circuit: Arc<Mutex<Circuit>>,
}

impl Breaker {
    fn before(inner: &Scripted) -> Breaker {
        Breaker { inner: inner.clone(), circuit: Arc::default() }
    }
}

impl Service<Ask> for Breaker {
    type Response = Answer;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, ask: Ask) -> Self::Future {
        let circuit = self.circuit.clone();
        if circuit.lock().unwrap().is_open() {
            return Box::pin(async { Err(Error::new(Kind::Rejected, Origin::Layer("breaker"), "open")) });
        }
        let call = self.inner.call(ask);
        Box::pin(async move {
            let result = call.await;
            circuit.lock().unwrap().heard(result.is_err());
            result
        })
    }
}

/// One call every 4 s, and an outage of `a` from 20 to 80 s. Returns when `a` first answered after its return.
async fn outage(active: bool) -> Instant {
    let (a, b) = (Scripted::serves("a"), Scripted::serves("b"));
    let breaker = Breaker::before(&a);
    let (gate, reset, circuit) = (breaker.circuit.clone(), breaker.circuit.clone(), breaker.circuit.clone());
    let targets = [
        Target::new("a", breaker)
            .gate(move || !gate.lock().unwrap().is_open())
            .reopen(move || reset.lock().unwrap().heard(false)),
        Target::new("b", Breaker::before(&b)),
    ];
    let fleet = Failover::new(targets).unwrap().classify(judging());
    let start = Instant::now();
    let (down, up) = (start + secs(20), start + secs(80));
    let around = Scripted::serves("a");
    let mut prober = spawn({
        let prober = fleet.prober(EVERY, |_| Ask::default()).unwrap();
        prober.through("a", around.clone(), Ask::default)
    });
    let mut back = None;
    for tenth in 0..1200_u32 {
        sleep_until(start + Duration::from_millis(100) * tenth).await;
        let now = Instant::now();
        let is_down = down <= now && now < up;
        for target in [&a, &around] {
            target.does(if is_down { Act::from(Kind::Connect) } else { Act::Serve });
        }
        if active && (tenth == 0 || prober.is_woken()) {
            assert!(prober.poll().is_pending());
        }
        // A tenth of a second after the probes' own time.
        if tenth % 40 == 5 {
            let before = a.calls();
            let answer = fleet.clone().oneshot(Ask::default()).await.expect("every call is served");
            let opened = circuit.lock().unwrap().opened_at_all;
            if active && opened.is_some_and(|opened| opened < now) && is_down {
                assert_eq!(a.calls(), before, "once open, no call");
            }
            if now >= up + Duration::from_millis(2500) && active {
                assert_eq!(answer.from, "a", "{:?} after its return", now - up);
            }
            if now >= up && answer.from == "a" {
                back = back.or(Some(now));
            }
        }
    }
    let opened = circuit.lock().unwrap().opened_at_all.unwrap();
    let most = (up + EVERY - opened).as_secs() as usize / 2 + 1;
    let asked = around.calls();
    assert!(if active { (20..=most).contains(&asked) } else { asked == 0 }, "{asked} probes");
    back.expect("it is back")
}

#[tokio::test(start_paused = true)]
async fn an_outage_with_active_probes_costs_no_call_and_ends_within_their_interval() {
    outage(true).await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_without_them_ends_within_one_open_time() {
    let start = Instant::now();
    let back = outage(false).await;
    assert!(back <= start + secs(80) + OPEN_TIME + secs(4), "{:?}", back - start);
}

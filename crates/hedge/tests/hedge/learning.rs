//! What the delay is learnt from.

use std::time::Duration;

use buttress_call::{Kind, RunningQuantile};
use buttress_hedge::{Delay, HedgeHandle, HedgeLayer, Policy};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::scripted::*;

/// Half the calls may be hedged, so the delay is the median; it is told from the first sample on.
fn median() -> Policy {
    let delay = Delay::Learnt { window: 100, min_samples: 1, floor: MS };
    Policy { budget: 0.5, burst: 100.0, delay, ..Policy::default() }
}

fn near(handle: &HedgeHandle, expected: Duration) {
    let delay = handle.delay().expect("nothing was learnt");
    let off = delay.as_secs_f64() / expected.as_secs_f64();
    // The estimator's buckets are 1/32 wide.
    assert!((0.96..1.04).contains(&off), "{delay:?} instead of {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_hedged_for_being_slow_before_the_minimum_of_samples() {
    let inner = Scripted::new([]).otherwise(&[Wait(SECOND)]);
    let delay = Delay::Learnt { window: 100, min_samples: 10, floor: MS };
    let (service, handle) = hedge(Policy { delay, ..median() }, &inner);
    for _ in 0..9 {
        service.clone().oneshot(Ask::default()).await.unwrap();
    }
    inner.push(&[Wait(60 * SECOND)]);
    assert_eq!(service.clone().oneshot(Ask::default()).await.unwrap().from, 10);
    assert_eq!((inner.calls(), handle.snapshot().sent), (10, 0));
    near(&handle, SECOND);
    inner.push(&[Wait(60 * SECOND)]);
    assert_eq!(service.oneshot(Ask::default()).await.unwrap().from, 12);
}

#[tokio::test(start_paused = true)]
async fn the_delay_is_never_shorter_than_the_floor() {
    let inner = Scripted::new([]).otherwise(&[Wait(10 * MS)]);
    let delay = Delay::Learnt { window: 100, min_samples: 1, floor: 50 * MS };
    let (service, handle) = hedge(Policy { delay, ..median() }, &inner);
    service.oneshot(Ask::default()).await.unwrap();
    assert_eq!(handle.delay(), Some(50 * MS));
}

#[tokio::test(start_paused = true)]
async fn by_default_it_takes_fifty_samples_and_fifty_milliseconds() {
    let inner = Scripted::new([]).otherwise(&[Wait(10 * MS)]);
    let (service, handle) = hedge(Policy::default(), &inner);
    for n in 1..=50 {
        assert_eq!(handle.delay(), None, "after {} samples", n - 1);
        service.clone().oneshot(Ask::default()).await.unwrap();
    }
    assert_eq!(handle.delay(), Some(50 * MS));
}

#[tokio::test(start_paused = true)]
async fn a_sample_is_the_time_from_the_send_to_the_first_content() {
    let steps = [Queue, Wait(7 * SECOND), Sent, Wait(2 * SECOND), Content, Wait(30 * SECOND)];
    let inner = Scripted::new([&steps]);
    let (service, handle) = hedge(median(), &inner);
    service.oneshot(Ask::default()).await.unwrap();
    near(&handle, 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_hedged_call_teaches_its_age_whoever_won() {
    // The longest of all samples is the delay, so one call is enough to see it.
    let longest = Policy { budget: 0.01, ..median() };
    for (first, hedge_takes) in [(60, 2), (3, 50)] {
        let inner = Scripted::new([&[Wait(SECOND)], &[Wait(first * SECOND)], &[Wait(hedge_takes * SECOND)]]);
        let (service, handle) = hedge(longest, &inner);
        service.clone().oneshot(Ask::default()).await.unwrap();
        let delay = handle.delay().unwrap();
        service.oneshot(Ask::default()).await.unwrap();
        near(&handle, (delay + hedge_takes * SECOND).min(first * SECOND));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_that_was_cancelled_teaches_its_age_and_a_fast_one_nothing() {
    let inner = Scripted::new([&[Wait(SECOND)]]);
    let (service, handle) = hedge(Policy { burst: 1.0, budget: 0.5, ..median() }, &inner);
    service.clone().oneshot(Ask::default()).await.unwrap();
    for _ in 0..20 {
        inner.push(&[Hang]);
        inner.push(&[Hang]);
        tokio::time::timeout(500 * MS, service.clone().oneshot(Ask::default())).await.unwrap_err();
        near(&handle, SECOND);
    }
    for _ in 0..20 {
        inner.push(&[Hang]);
        inner.push(&[Hang]);
        tokio::time::timeout(8 * SECOND, service.clone().oneshot(Ask::default())).await.unwrap_err();
    }
    near(&handle, 8 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn while_nothing_is_known_a_cancelled_call_teaches_nothing() {
    let inner = Scripted::new([]).otherwise(&[Hang]);
    let (service, handle) = hedge(median(), &inner);
    for _ in 0..20 {
        tokio::time::timeout(SECOND, service.clone().oneshot(Ask::default())).await.unwrap_err();
    }
    assert_eq!(handle.delay(), None);
}

#[tokio::test(start_paused = true)]
async fn a_call_teaches_when_it_resolves_and_not_when_its_future_is_dropped() {
    let inner = Scripted::new([&[Wait(SECOND)]]);
    let (mut service, handle) = hedge(Policy { budget: 0.01, ..median() }, &inner);
    service.ready().await.unwrap().call(Ask::default()).await.unwrap();
    inner.push(&[Hang]);
    inner.push(&[Wait(SECOND)]);
    let mut call = service.ready().await.unwrap().call(Ask::default());
    (&mut call).await.unwrap();
    tokio::time::advance(60 * SECOND).await;
    drop(call);
    near(&handle, 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_fast_failure_teaches_nothing_and_a_slow_one_its_age() {
    let failing = |wait| [Wait(wait), fail(Kind::Invalid)];
    let inner = Scripted::new([&[Wait(SECOND)]]);
    let (service, handle) = hedge(Policy { max_hedges: 1, ..median() }, &inner);
    service.clone().oneshot(Ask::default()).await.unwrap();
    for _ in 0..20 {
        inner.push(&failing(100 * MS));
        service.clone().oneshot(Ask::default()).await.unwrap_err();
        near(&handle, SECOND);
    }
    for _ in 0..20 {
        inner.push(&failing(8 * SECOND));
        inner.push(&failing(8 * SECOND));
        service.clone().oneshot(Ask::default()).await.unwrap_err();
    }
    near(&handle, 8 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_failure_mended_by_a_hedge_does_not_teach_the_sum_of_both() {
    let inner = Scripted::new([&[Wait(SECOND)]]);
    let (service, handle) = hedge(median(), &inner);
    service.clone().oneshot(Ask::default()).await.unwrap();
    for _ in 0..10 {
        inner.push(&[Wait(900 * MS), fail(Kind::Server)]);
        inner.push(&[Wait(9 * SECOND)]);
        service.clone().oneshot(Ask::default()).await.unwrap();
    }
    near(&handle, SECOND);
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_in_a_queue_on_this_side_teaches_nothing() {
    let inner = Scripted::new([&[Wait(SECOND)]]);
    let (service, handle) = hedge(median(), &inner);
    service.clone().oneshot(Ask::default()).await.unwrap();
    for _ in 0..10 {
        inner.push(&[Queue, Hang]);
        tokio::time::timeout(60 * SECOND, service.clone().oneshot(Ask::default())).await.unwrap_err();
    }
    near(&handle, SECOND);
}

#[tokio::test(start_paused = true)]
async fn what_answers_at_once_teaches_nothing() {
    let inner = Scripted::new([]);
    let (service, handle) = hedge(median(), &inner);
    for _ in 0..50 {
        inner.push(&[Sent, Content]);
        service.clone().oneshot(Ask::default()).await.unwrap();
    }
    assert_eq!(handle.delay(), None);
}

#[tokio::test(start_paused = true)]
async fn whole_answers_teach_nothing_of_first_tokens() {
    let inner = Scripted::new([]).otherwise(&[Wait(30 * SECOND)]);
    let layer = HedgeLayer::new(median()).unwrap().classify(by_error()).when(|_: &Ask| false);
    for _ in 0..50 {
        layer.layer(inner.clone()).oneshot(Ask::default()).await.unwrap();
    }
    assert_eq!(layer.handle().delay(), None);
    assert_eq!(layer.handle().snapshot().calls, 0);
}

/// A generator without a crate: `SplitMix64`.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The first tokens of a provider with a heavy tail: 4 % take 3 to 10 times as long, 0.5 % 20 to 60 s.
    fn first_token(&mut self) -> Duration {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let usual = 0.5 * (0.35 * radius * (std::f64::consts::TAU * self.unit()).cos()).exp();
        Duration::from_secs_f64(match self.unit() {
            tail if tail < 0.005 => 20.0 + 40.0 * self.unit(),
            tail if tail < 0.045 => usual * (3.0 + 7.0 * self.unit()),
            _ => usual,
        })
    }
}

#[tokio::test(start_paused = true)]
async fn the_delay_stays_at_its_quantile_where_one_learnt_from_finished_tries_alone_sinks() {
    const SHARE: f64 = 0.05;
    let mut random = Random(7);
    let mut all: Vec<_> = (0..100_000).map(|_| random.first_token()).collect();
    all.sort_unstable();
    let slower_than = |delay: Duration| all.partition_point(|time| *time <= delay) as f64 / all.len() as f64;

    // No budget to speak of, so that the estimate alone decides how many hedges there are.
    for naive in [false, true] {
        let learnt = std::sync::Arc::new(RunningQuantile::new(1.0 - SHARE, 1_000).unwrap());
        let random = std::sync::Arc::new(std::sync::Mutex::new(Random(8)));
        let finished = learnt.clone();
        let inner = service_fn(move |_: u32| {
            let (took, finished) = (random.lock().unwrap().first_token(), finished.clone());
            async move {
                tokio::time::sleep(took).await;
                finished.record_duration(took);
                Ok::<_, std::io::Error>(())
            }
        });
        let delay = Delay::Learnt { window: 1_000, min_samples: 50, floor: 50 * MS };
        let policy = Policy { budget: SHARE, burst: 1e9, delay, ..Policy::default() };
        let layer = HedgeLayer::new(policy).unwrap().classify(buttress_call::ByError);
        let (mut quantiles, mut hedges, calls) = (0.0, 0, 20_000);
        for n in 0..calls {
            if naive {
                let fixed = learnt.duration(50).unwrap_or(Duration::from_secs(3600));
                let layer = HedgeLayer::new(Policy { burst: 1e9, ..Policy::after(fixed) }).unwrap();
                layer.clone().classify(buttress_call::ByError).layer(inner.clone()).oneshot(n).await.unwrap();
                hedges += layer.handle().snapshot().sent;
                quantiles += slower_than(fixed);
            } else {
                layer.layer(inner.clone()).oneshot(n).await.unwrap();
                quantiles += layer.handle().delay().map_or(1.0, slower_than);
            }
        }
        if !naive {
            hedges = layer.handle().snapshot().sent;
        }
        let (quantile, extra) = (quantiles / f64::from(calls), hedges as f64 / f64::from(calls));
        println!("naive: {naive}, mean quantile {quantile:.4}, extra calls {extra:.4}");
        if naive {
            assert!(quantile < 0.925 && extra > 0.075, "quantile {quantile}, extra {extra}");
        } else {
            assert!((0.945..0.955).contains(&quantile), "quantile {quantile}");
            assert!((0.045..0.055).contains(&extra), "extra {extra}");
        }
    }
}

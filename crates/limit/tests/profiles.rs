//! How a provider charges, against what the limiter believes: each mismatch, and its fix.
#![cfg(not(buttress_loom))]
#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::{
    BoxError, ByError, Carries, Charging, Classify, Ended, Error, Failure, Kind, Origin, Outcome,
    OutputCharge, Usage, Verdict, Whole, find,
};
use buttress_limit::{Estimate, LimitLayer, Policy};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt};

/// A prompt, what it generates, and the caller's cap on that.
#[derive(Clone, Copy, Debug)]
struct Prompt {
    input: u64,
    output: u64,
    cap: u64,
}

/// An honest provider with one bucket of 60,000 tokens a minute that charges in its own way.
struct Upstream {
    charges: OutputCharge,
    level: f64,
    at: Instant,
    refused: u32,
    served: u64,
}

const PER_MINUTE: u64 = 60_000;
const RATE: f64 = PER_MINUTE as f64 / 60.0;
/// Ten seconds' worth.
const CAPACITY: u64 = 10_000;

impl Upstream {
    fn refill(&mut self, returned: f64) {
        let gained = self.at.elapsed().as_secs_f64() * RATE;
        self.level = (self.level + gained + returned).min(CAPACITY as f64);
        self.at = Instant::now();
    }

    fn admit(&mut self, prompt: Prompt) -> Result<(), Duration> {
        use OutputCharge as O;
        self.refill(0.0);
        let reserved =
            if matches!(self.charges, O::ReservedAndSettled | O::ReservedAndKept) { prompt.cap } else { 0 };
        let cost = (prompt.input + reserved) as f64;
        if self.level + 0.01 < cost {
            self.refused += 1;
            return Err(Duration::from_secs_f64((cost - self.level) / RATE));
        }
        self.level -= cost;
        Ok(())
    }

    fn end(&mut self, prompt: Prompt) {
        match self.charges {
            OutputCharge::AsStreamed => {
                self.refill(0.0);
                self.level -= prompt.output as f64;
            }
            OutputCharge::ReservedAndSettled => self.refill((prompt.cap - prompt.output) as f64),
            _ => self.refill(0.0),
        }
        self.served += 1;
    }
}

#[derive(Clone)]
struct Provider(Arc<Mutex<Upstream>>);

impl Service<Prompt> for Provider {
    type Response = Usage;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Usage, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, prompt: Prompt) -> Self::Future {
        let upstream = self.0.clone();
        Box::pin(async move {
            let admitted = upstream.lock().unwrap().admit(prompt);
            if let Err(hint) = admitted {
                let failure = Failure::new(Kind::RateLimited).with_retry_after(Some(hint));
                return Err(Error::new(failure, Origin::Upstream, "429").into());
            }
            sleep(Duration::from_millis(400 + 20 * prompt.output)).await;
            upstream.lock().unwrap().end(prompt);
            Ok(Usage::new(prompt.input, prompt.output))
        })
    }
}

/// Reads the usage out of a typed answer.
#[derive(Clone)]
struct ByUsage;

impl Classify<Usage> for ByUsage {
    fn classify<'a>(&self, result: Result<&'a Usage, &BoxError>) -> Verdict<'a> {
        match result {
            Ok(usage) => Verdict::Ended(Ended::new(Outcome::Success).with_usage(Some(*usage))),
            Err(error) => Classify::<Usage>::classify(&ByError, Err(error)),
        }
    }
}

impl Carries<Prompt> for ByUsage {
    type Kept = Whole<Prompt>;

    fn call<'a>(&self, _: &'a Prompt) -> Option<&'a buttress_call::Call> {
        None
    }

    fn call_mut<'a>(&self, _: &'a mut Prompt) -> Option<&'a mut buttress_call::Call> {
        None
    }
}

/// The calls come in bursts with pauses in which the bucket fills, or one after the other, more than there is quota for.
#[derive(Clone, Copy, PartialEq)]
enum Load {
    Bursts,
    Steady,
}

/// Half an hour of calls for a provider that charges in one way and a limiter that believes another. Returns the
/// provider's 429s and how many calls it served.
async fn drive(load: Load, charges: OutputCharge, believed: OutputCharge) -> (u32, u64) {
    let upstream = Upstream { charges, level: CAPACITY as f64, at: Instant::now(), refused: 0, served: 0 };
    let provider = Provider(Arc::new(Mutex::new(upstream)));
    let policy = Policy {
        tokens: Some(PER_MINUTE),
        capacity: Some(CAPACITY),
        charging: Some(Charging::new(believed)),
        ramp_up: Duration::ZERO,
        ..Policy::default()
    };
    let layer = LimitLayer::new(policy).unwrap().classify(ByUsage);
    let service = layer
        .cost(|prompt: &Prompt| Estimate::new(prompt.input).with_max_output(prompt.cap))
        .layer(provider.clone());
    let start = Instant::now();
    let mut random = 7_u64;
    while start.elapsed() < Duration::from_secs(1_800) {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let output = 20 + (random >> 33) % 300;
        let call = service.clone().oneshot(Prompt { input: 300, output, cap: 1_000 });
        tokio::spawn(async move {
            // What the limiter refuses is shed; a 429 is not tried again.
            let _ = call.await.map_err(|error| find(&error).map(Error::kind));
        });
        sleep(Duration::from_millis(20 + (random >> 40) % 60)).await;
        // In a steady stream one 429 sets the level right, whatever is believed, until the bucket is full again.
        match load {
            Load::Bursts if start.elapsed().as_millis() % 40_000 >= 1_000 => {
                sleep(Duration::from_secs(39)).await;
            }
            Load::Bursts => {}
            Load::Steady => sleep(Duration::from_millis(150)).await,
        }
    }
    let upstream = provider.0.lock().unwrap();
    (upstream.refused, upstream.served)
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_reserves_the_cap_refuses_who_holds_only_the_usual_output() {
    let charges = OutputCharge::ReservedAndSettled;
    let (wrong, _) = drive(Load::Bursts, charges, OutputCharge::AsStreamed).await;
    let (right, served) = drive(Load::Bursts, charges, charges).await;
    assert!(wrong >= 20, "{wrong} refusals");
    assert_eq!(right, 0);
    assert!(served > 500, "{served} calls served");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_keeps_the_cap_refuses_who_expects_the_rest_of_it_back() {
    let charges = OutputCharge::ReservedAndKept;
    let (wrong, _) = drive(Load::Bursts, charges, OutputCharge::ReservedAndSettled).await;
    let (right, _) = drive(Load::Bursts, charges, charges).await;
    assert!(wrong >= 20, "{wrong} refusals");
    assert_eq!(right, 0);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_charges_as_it_streams_refuses_who_counts_input_only() {
    let charges = OutputCharge::AsStreamed;
    let (wrong, _) = drive(Load::Steady, charges, OutputCharge::Free).await;
    let (right, _) = drive(Load::Steady, charges, charges).await;
    assert!(wrong >= 20, "{wrong} refusals");
    assert_eq!(right, 0);
}

#[tokio::test(start_paused = true)]
async fn to_believe_in_reservations_that_nobody_makes_leaves_quota_unused() {
    for charges in [OutputCharge::AsStreamed, OutputCharge::Free] {
        let (wrong, few) = drive(Load::Steady, charges, OutputCharge::ReservedAndKept).await;
        let (right, many) = drive(Load::Steady, charges, charges).await;
        assert_eq!((wrong, right), (0, 0));
        assert!(many * 2 > few * 3, "{few} calls served instead of {many}");
    }
}

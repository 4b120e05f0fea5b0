//! The invariants of the holds, on random workloads against an honest upstream.

#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::Window;

/// The upstream's own bucket: it charges the input when it lets a call in, the output when that ends.
struct Upstream {
    level: f64,
    capacity: f64,
    rate: f64,
    at: Nanos,
}

impl Upstream {
    fn new(per_minute: u64, capacity: u64) -> Self {
        let capacity = capacity as f64;
        Upstream { level: capacity, capacity, rate: per_minute as f64 / 60.0 / SECOND as f64, at: 0 }
    }

    fn refill(&mut self, now: Nanos) {
        self.level = (self.level + (now - self.at) as f64 * self.rate).min(self.capacity);
        self.at = now;
    }

    fn admits(&mut self, now: Nanos, input: u64) -> bool {
        self.refill(now);
        let admitted = self.level + 0.01 >= input as f64;
        if admitted {
            self.level -= input as f64;
        }
        admitted
    }

    fn charge(&mut self, now: Nanos, output: u64) {
        self.refill(now);
        self.level -= output as f64;
    }
}

/// A call of the workload: how long after the one before it comes, what it costs, how long it runs.
#[derive(Clone, Copy, Debug)]
struct Job {
    after: Nanos,
    input: u64,
    output: u64,
    begins: Nanos,
    runs: Nanos,
}

const PER_MINUTE: u64 = 6_000;
const CAPACITY: u64 = 2_000;

fn policy() -> Policy {
    Policy {
        requests: None,
        capacity: Some(CAPACITY),
        ramp_up: Duration::ZERO,
        ..Policy::per_minute(1, PER_MINUTE)
    }
}

fn job() -> impl Strategy<Value = Job> {
    (0..3_000_u64, 1..900_u64, 0..900_u64, 0..6_000_u64, 0..9_000_u64).prop_map(
        |(after, input, output, begins, runs)| Job {
            after: after * 1_000_000,
            input,
            output,
            begins: begins * 1_000_000,
            runs: (begins + runs) * 1_000_000,
        },
    )
}

/// What becomes of one call of a run.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    arrived: Nanos,
    /// When nobody was before it any more.
    headed: Nanos,
    admitted: Nanos,
    /// The level at that time.
    level: f64,
}

enum Event {
    Begin(usize),
    End(usize),
}

/// Lets the jobs pass in their order, each as soon as the engine lets it; `check` sees the engine after every step.
fn run(
    policy: &Policy,
    jobs: &[Job],
    estimate: impl Fn(&Job) -> (u64, u64),
    mut admitted: impl FnMut(usize, Nanos),
    mut ended: impl FnMut(usize, Nanos),
    mut check: impl FnMut(&Engine),
) -> (Engine, Vec<Run>) {
    let mut engine = Engine::new(policy, 0);
    let mut runs = vec![Run::default(); jobs.len()];
    let mut tickets: Vec<Option<Ticket>> = vec![None; jobs.len()];
    let mut events: BTreeMap<(Nanos, usize, u8), Event> = BTreeMap::default();
    let (mut now, mut time, mut next) = (0, 0, 0);
    for (run, job) in runs.iter_mut().zip(jobs) {
        time += job.after;
        run.arrived = time;
    }
    while next < jobs.len() || !events.is_empty() {
        // What comes first: the head's admission, or a call's progress.
        let event_at = events.first_key_value().map(|(key, _)| key.0);
        let mut wake = None;
        if let Some(job) = jobs.get(next) {
            let arrived = runs[next].arrived;
            if arrived <= now {
                if runs[next].headed == 0 {
                    runs[next].headed = now.max(1);
                    engine.advance(now);
                    runs[next].level = engine.meters[0].as_ref().unwrap().level();
                }
                let (input, output) = estimate(job);
                let need = Need::new(input, output, engine.charging.output);
                match engine.admit(now, &need) {
                    Ok(ticket) => {
                        admitted(next, now);
                        runs[next].admitted = now;
                        tickets[next] = Some(ticket);
                        events.insert((now + job.begins, next, 0), Event::Begin(next));
                        events.insert((now + job.runs, next, 1), Event::End(next));
                        next += 1;
                        check(&engine);
                        continue;
                    }
                    Err(wait) => wake = wait.until,
                }
            } else {
                wake = Some(arrived);
            }
        }
        let Some(at) = [wake, event_at].into_iter().flatten().min() else {
            panic!("the head waits for nothing: {engine:?}")
        };
        now = now.max(at);
        while let Some(entry) = events.first_entry().filter(|entry| entry.key().0 <= now) {
            match entry.remove() {
                Event::Begin(call) => engine.answered(tickets[call].as_mut().unwrap()),
                Event::End(call) => {
                    ended(call, now);
                    let charge = Charge::tokens(jobs[call].input, jobs[call].output);
                    // With a clock and without.
                    let time = (call % 2 == 0).then_some(now);
                    engine.settle(time, &tickets[call].take().unwrap(), &charge);
                }
            }
            check(&engine);
        }
    }
    (engine, runs)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 128 } else { 2_000 }))]

    #[test]
    fn with_exact_estimates_and_no_other_client_the_upstream_never_refuses(jobs in prop::collection::vec(job(), 1..60)) {
        let upstream = std::cell::RefCell::new(Upstream::new(PER_MINUTE, CAPACITY));
        let admit = |call: usize, now| {
            assert!(upstream.borrow_mut().admits(now, jobs[call].input), "call {call} got a 429");
        };
        let end = |call: usize, now| upstream.borrow_mut().charge(now, jobs[call].output);
        run(&policy(), &jobs, |job| (job.input, job.output), admit, end, |_| {});
    }

    #[test]
    fn even_where_a_call_takes_a_while_to_reach_the_upstream(
        jobs in prop::collection::vec(job(), 1..60), delay in 0..1_000_u64,
    ) {
        // The upstream sees everything later, and its first content comes after that.
        let delay = delay * 1_000_000;
        let jobs: Vec<_> = jobs.iter().map(|job| Job { begins: job.begins + delay, runs: job.runs + delay, ..*job }).collect();
        let log = std::cell::RefCell::new(Vec::new());
        let admit = |call: usize, now| log.borrow_mut().push((now + delay, 1, call));
        let end = |call: usize, now| log.borrow_mut().push((now, 0, call));
        run(&policy(), &jobs, |job| (job.input, job.output), admit, end, |_| {});
        let mut log = log.into_inner();
        log.sort_unstable();
        let mut upstream = Upstream::new(PER_MINUTE, CAPACITY);
        for (at, kind, call) in log {
            match kind {
                1 => prop_assert!(upstream.admits(at, jobs[call].input), "call {} got a 429", call),
                _ => upstream.charge(at, jobs[call].output),
            }
        }
    }

    #[test]
    fn levels_stay_finite_and_within_the_bucket_and_holds_end_with_their_calls(
        jobs in prop::collection::vec(job(), 1..60), bias in 0.2_f64..3.0,
    ) {
        let estimate = |job: &Job| {
            let input = ((job.input as f64 * bias) as u64).min(CAPACITY);
            (input, ((job.output as f64 * bias) as u64).min(CAPACITY - input))
        };
        let check = |engine: &Engine| {
            let reading = engine.reading(Dimension::Tokens).unwrap();
            assert!(reading.level.is_finite() && reading.level <= CAPACITY as f64, "{reading:?}");
        };
        let (engine, _) = run(&policy(), &jobs, estimate, |_, _| {}, |_, _| {}, check);
        prop_assert_eq!(engine.reading(Dimension::Tokens).unwrap().held, 0);
        prop_assert_eq!(engine.in_flight(), 0);
    }

    #[test]
    fn the_head_passes_in_its_turn_and_within_the_time_that_its_cost_and_the_debt_take(
        jobs in prop::collection::vec(job(), 1..60),
    ) {
        let (_, runs) = run(&policy(), &jobs, |job| (job.input, job.output), |_, _| {}, |_, _| {}, |_| {});
        for (call, run) in runs.iter().enumerate() {
            // The last of the holds that kept it out ended no later than this.
            let holds_end = runs[..call].iter().zip(&jobs).map(|(other, job)| other.admitted + job.runs);
            let from = holds_end.fold(run.headed, Nanos::max);
            // Whatever those calls were charged until then is a debt, at most.
            let debt: u64 = jobs[..call].iter().zip(&runs).filter(|(job, other)| other.admitted + job.runs >= run.headed)
                .map(|(job, _)| job.input + job.output).sum();
            let owed = CAPACITY as f64 + debt as f64 + (-run.level).max(0.0);
            let bound = from as f64 + owed / (PER_MINUTE as f64 / 60.0) * SECOND as f64 + 1e6;
            prop_assert!(run.admitted as f64 <= bound, "call {} of {:?}", call, run);
        }
        prop_assert!(runs.windows(2).all(|pair| pair[0].admitted <= pair[1].admitted));
    }

    #[test]
    fn a_larger_estimate_never_passes_earlier(
        jobs in prop::collection::vec(job(), 0..20), input in 1..900_u64, output in 0..900_u64,
        more in 0..100_u64, gap in 0..5_000_u64,
    ) {
        // The same history, then the same call with a small and with a large estimate.
        let mut admitted = [0; 2];
        for (at, extra) in [0, more].into_iter().enumerate() {
            let mut jobs = jobs.clone();
            jobs.push(Job { after: gap * 1_000_000, input: input + extra, output: output + extra, begins: 0, runs: 0 });
            let (_, runs) = run(&policy(), &jobs, |job| (job.input, job.output), |_, _| {}, |_, _| {}, |_| {});
            admitted[at] = runs.last().unwrap().admitted;
        }
        prop_assert!(admitted[0] <= admitted[1]);
    }

    #[test]
    fn a_bucket_lets_through_what_it_holds_and_its_quota_at_most_in_any_minute(jobs in prop::collection::vec(job(), 1..200)) {
        let policy = Policy { requests: Some(20), ..policy() };
        let charged = std::cell::RefCell::new(Vec::new());
        let admit = |call: usize, now| charged.borrow_mut().push((now, 1, jobs[call].input));
        let end = |call: usize, now| charged.borrow_mut().push((now, 0, jobs[call].output));
        let (engine, runs) = run(&policy, &jobs, |job| (job.input, job.output), admit, end, |_| {});
        let burst = engine.reading(Dimension::Requests).unwrap().capacity;
        let charged = charged.into_inner();
        let minute = |from: Nanos| charged.iter().filter(move |(at, ..)| (from..from + 60 * SECOND).contains(at));
        for run in runs {
            let tokens: u64 = minute(run.admitted).map(|charge| charge.2).sum();
            let requests: u64 = minute(run.admitted).map(|charge| charge.1).sum();
            prop_assert!(tokens <= CAPACITY + PER_MINUTE, "{} tokens", tokens);
            prop_assert!(requests <= burst + 20, "{} requests", requests);
        }
    }

    #[test]
    fn a_sliding_window_never_sees_more_than_its_limit_in_any_minute(jobs in prop::collection::vec(job(), 1..200)) {
        let policy = Policy { window: Window::Sliding, requests: Some(20), ..policy() };
        let charged = std::cell::RefCell::new(Vec::new());
        let admit = |call: usize, now| charged.borrow_mut().push((now, 1, jobs[call].input));
        let end = |call: usize, now| charged.borrow_mut().push((now, 0, jobs[call].output));
        let (_, runs) = run(&policy, &jobs, |job| (job.input, job.output), admit, end, |_| {});
        let charged = charged.into_inner();
        let minute = |from: Nanos| charged.iter().filter(move |(at, ..)| (from..from + 60 * SECOND).contains(at));
        for run in runs {
            let tokens: u64 = minute(run.admitted).map(|charge| charge.2).sum();
            let requests: u64 = minute(run.admitted).map(|charge| charge.1).sum();
            prop_assert!(tokens <= PER_MINUTE && requests <= 20, "{} tokens, {} requests", tokens, requests);
        }
    }
}

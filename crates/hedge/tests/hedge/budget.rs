//! Whatever happens, the hedges are at most the budget's share of the calls and one burst.

use buttress_call::{Cause, Kind};
use buttress_hedge::{Delay, Policy};
use proptest::prelude::*;
use tower::ServiceExt;

use crate::scripted::*;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_u32..4_000).prop_map(|ms| Wait(ms * MS)),
        1 => Just(Sent),
        1 => Just(Queue),
        1 => Just(Content),
        1 => Just(Hang),
        1 => Just(Panic),
        1 => Just(PanicInCall),
        3 => proptest::sample::select(&Kind::ALL).prop_map(fail),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_budget_is_kept_through_random_outcomes(
        scripts in prop::collection::vec(prop::collection::vec(step(), 0..4), 1..120),
        patience in prop::collection::vec(0_u32..6_000, 120),
        share in 0.01_f64..0.9,
        burst in 1.0_f64..5.0,
        max_hedges in 1_u32..4,
        learnt in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let inner = Scripted::new([]).otherwise(&[Wait(SECOND)]);
            for steps in &scripts {
                inner.push(steps);
            }
            let delay = if learnt {
                Delay::Learnt { window: 20, min_samples: 5, floor: MS }
            } else {
                Delay::After(SECOND)
            };
            let (service, handle) = hedge(Policy { budget: share, burst, delay, max_hedges }, &inner);
            for (number, patience) in patience.into_iter().take(scripts.len()).enumerate() {
                // A panic ends its own call, and no other.
                let call = tokio::time::timeout(patience * MS, service.clone().oneshot(Ask::default()));
                let _ = tokio::spawn(call).await;
                let made = (number + 1) as f64;
                let snapshot = handle.snapshot();
                prop_assert_eq!(snapshot.calls as usize, number + 1);
                prop_assert!(snapshot.sent as f64 <= share * made + burst + 1e-6, "{:?}", snapshot);
                prop_assert!(snapshot.won <= snapshot.sent);
                prop_assert_eq!(inner.alive(), 0);
                let hedges = inner.causes().iter().filter(|(_, cause)| *cause == Cause::Hedge).count() as u64;
                prop_assert!(snapshot.sent <= hedges && hedges <= snapshot.sent + snapshot.refused, "{} {:?}", hedges, snapshot);
            }
            Ok(())
        })?;
    }
}

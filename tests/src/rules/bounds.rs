//! Rule 7: nothing grows without bound.

use std::{error::Error, time::Duration};

use buttress_call::Kind;

use super::paused;
use crate::{
    journey::Journey,
    probe::{Act, Head, Piece},
    subject::{Applies, Bench, Bound, Built, Subject, request_for},
};

/// What a call may hold at most: a few times the limits of a megabyte.
const MOST: u64 = 6 << 20;
/// Calls until a bounded memory is full, and then again.
const CALLS: usize = 2_000;
/// What may differ between two full memories: capacities, not contents.
const SLACK: i64 = 4 << 10;

pub(super) fn says_what_was_too_much_to_hold(subject: &Subject) -> Applies<()> {
    let bounds = subject.bounds.as_ref().map_err(|reason| *reason)?;
    for bound in bounds {
        let held = allocation_counter::measure(|| paused(refuses(subject, bound)));
        assert!(held.bytes_max < MOST, "{}: held {} bytes", subject.name, held.bytes_max);
    }
    Ok(())
}

async fn refuses(subject: &Subject, bound: &Bound) {
    let (bench, built) = subject.fresh();
    bench.script_all(&bound.act);
    let end = Journey::new((built.service)(), (bound.request)()).run().await;
    let error = end.expect_err("it was too much");
    let mut texts = std::iter::successors(Some(&*error as &dyn Error), |error| (*error).source());
    let said = texts.any(|error| error.to_string().contains(bound.says));
    assert!(said, "{}: {error:?} does not say {:?}", subject.name, bound.says);
    assert_eq!(bench.out(), 0, "{}", subject.name);
}

pub(super) fn holds_no_more_after_thousands_of_calls(subject: &Subject) -> Applies<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without I/O needs nothing that could be missing");
    let (bench, built) = runtime.block_on(async { subject.fresh() });
    runtime.block_on(mixed_calls(&bench, &built, 0));
    let grown = allocation_counter::measure(|| runtime.block_on(mixed_calls(&bench, &built, CALLS)));
    assert!(grown.bytes_current < SLACK, "{}: grew by {} bytes", subject.name, grown.bytes_current);
    Ok(())
}

/// Each for a model of its own, with all that can become of a call, some of them given up.
async fn mixed_calls(bench: &Bench, built: &Built, from: usize) {
    let fates: Vec<_> = (Kind::ALL.into_iter().map(|kind| Act::head(Head::Fails(kind))))
        .chain([Act::good(), Act::head(Head::Never), Act::answering([Piece::token(), Piece::Never])])
        .chain([Act::answering([Piece::token(), Piece::Cut])])
        .collect();
    for call in from..from + CALLS {
        bench.script_all(&fates[call % fates.len()]);
        let request = request_for(&format!("model-{call:08}"));
        let call = Journey::new((built.service)(), request).run();
        let _ = tokio::time::timeout(Duration::from_secs(1), call).await;
    }
}

//! Rule 9: what the happy path costs.

use std::{
    task::{Context, Poll, Waker},
    time::Duration,
};

use buttress_call::Call;
use tokio::time::Instant;

use super::paused;
use crate::{
    journey::{Client, Journey},
    probe::{Act, Head, Piece, Request},
    subject::{Applies, Subject, bare, bare_typed, request},
};

pub(super) fn allocates_nothing_over_plain_requests(subject: &Subject) -> Applies<()> {
    subject.plain?;
    let (bench, built) = subject.fresh();
    bench.script_all(&Act { pieces: Vec::new(), ..Act::good() });
    // The attempt's clock is the request's own, wherever a request has a place for it.
    let plain = || {
        let mut request = request();
        Call::get_or_insert(request.extensions_mut()).ensure_progress();
        request
    };
    let bare = allocations(&bare_typed(&bench), plain);
    assert_eq!(allocations(&(built.service)(), plain), bare, "{}", subject.name);
    Ok(())
}

pub(super) fn allocates_little_over_streams(subject: &Subject) -> Applies<()> {
    let most = subject.streamed?;
    let more = over_stream(subject, 3);
    println!("{}: {more} allocations more than the bare client over a stream", subject.name);
    assert!(more <= most, "{}: {more} more than the bare client, not {most}", subject.name);
    Ok(())
}

pub(super) fn allocates_nothing_per_token(subject: &Subject) -> Applies<()> {
    subject.streamed?;
    assert_eq!(over_stream(subject, 300), over_stream(subject, 3), "{}", subject.name);
    Ok(())
}

/// Allocations beyond the bare client's over a stream of so many tokens.
fn over_stream(subject: &Subject, tokens: usize) -> u64 {
    let (bench, built) = subject.fresh();
    bench.script_all(&Act::answering(std::iter::repeat_n(Piece::token(), tokens)));
    let layered = allocations(&(built.service)(), request);
    layered - allocations(&bare(&bench), request)
}

/// Outside of a runtime a timer cannot even be made: a call that waits for nothing gets through all the same.
pub(super) fn makes_no_timer_for_what_is_there_at_once(subject: &Subject) -> Applies<()> {
    let (_, built) = subject.fresh();
    let end = poll_at_once(Journey::new((built.service)(), request()));
    assert!(matches!(end, Poll::Ready(Ok(()))), "{}: {end:?}", subject.name);
    Ok(())
}

pub(super) fn delivers_what_comes_with_the_deadline(subject: &Subject) -> Applies<()> {
    const LIMIT: Duration = Duration::from_secs(5);
    paused(async {
        let (bench, built) = subject.fresh();
        bench.script_all(&Act::head(Head::After(LIMIT)));
        let mut request = request();
        Call::get_or_insert(request.extensions_mut()).clamp_deadline(Instant::now() + LIMIT);
        let seen = bench.observe(Journey::new((built.service)(), request)).await;
        assert!(seen.served_by(0), "{}: {seen:?}", subject.name);
        assert_eq!(seen.took, LIMIT, "{}", subject.name);
    });
    Ok(())
}

/// Of the second call: the first may make what stays.
fn allocations(client: &Client, request: impl Fn() -> Request) -> u64 {
    let mut count = 0;
    for _ in 0..2 {
        let journey = Journey::new(client.clone(), request());
        let info = allocation_counter::measure(|| {
            assert!(matches!(poll_at_once(journey), Poll::Ready(Ok(()))), "nothing to wait for");
        });
        count = info.count_total;
    }
    count
}

fn poll_at_once(mut journey: Journey) -> Poll<Result<(), buttress_call::BoxError>> {
    journey.poll_to_end(&mut Context::from_waker(Waker::noop()))
}

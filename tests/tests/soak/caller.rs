//! Whoever calls, loses patience, and counts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use buttress_call::{BoxError, Completion, Outcome};
use buttress_tests::{fleet, journey::Client, probe::Request, random::Random, stack::Stack};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;

use super::MS;

/// What became of all calls.
#[derive(Debug)]
pub(crate) struct Tally {
    /// What a whole answer says, by target.
    texts: [String; 2],
    started: AtomicU64,
    ok: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
    heads: AtomicU64,
    ends: AtomicU64,
}

impl Tally {
    pub(crate) fn new(texts: [String; 2]) -> Self {
        let zero = AtomicU64::default;
        let [started, ok, failed, cancelled] = [zero(), zero(), zero(), zero()];
        Tally { texts, started, ok, failed, cancelled, heads: zero(), ends: zero() }
    }

    pub(crate) fn started(&self) -> u64 {
        self.started.load(SeqCst)
    }

    /// Answers whose end was not told yet.
    pub(crate) fn open(&self) -> u64 {
        self.heads.load(SeqCst) - self.ends.load(SeqCst)
    }

    pub(crate) fn adds_up(&self) {
        let [started, ok, failed, cancelled] =
            [&self.started, &self.ok, &self.failed, &self.cancelled].map(|count| count.load(SeqCst));
        assert_eq!(started, ok + failed + cancelled);
        assert!(
            ok > 0 && failed > 0 && cancelled > 0,
            "all of it has happened, or this says little: {self:?}"
        );
    }
}

pub(crate) fn ask() -> Request {
    fleet::ask("m")
}

/// One call after another.
pub(crate) async fn calls(stack: Stack, tally: Arc<Tally>, seed: u64, until: Instant) {
    let mut random = Random(seed);
    while Instant::now() < until {
        let patience = if random.below(4) == 0 { MS * random.below(120) as u32 } else { 5_000 * MS };
        let _ = once(&stack.client(), &tally, ask(), patience).await;
        // A call may be refused at once; the others want their turn.
        sleep(MS * random.below(20) as u32).await;
    }
}

/// One call, to the end of its answer or of the caller's patience.
pub(crate) async fn once(
    client: &Client,
    tally: &Arc<Tally>,
    request: Request,
    patience: Duration,
) -> Result<(), BoxError> {
    tally.started.fetch_add(1, SeqCst);
    let end = timeout(patience, answer(client, tally, request)).await;
    let count = match &end {
        Ok(Ok(text)) => {
            assert!(tally.texts.contains(text), "an answer that is not whole passed for one: {text:?}");
            &tally.ok
        }
        Ok(Err(_)) => &tally.failed,
        Err(_) => &tally.cancelled,
    };
    count.fetch_add(1, SeqCst);
    end?.map(drop)
}

async fn answer(client: &Client, tally: &Arc<Tally>, request: Request) -> Result<String, BoxError> {
    let response = client.clone().oneshot(request).await?;
    tally.heads.fetch_add(1, SeqCst);
    let completion = response.extensions().get::<Completion>().cloned().unwrap();
    let counted = tally.clone();
    completion.on_end(move |_| {
        counted.ends.fetch_add(1, SeqCst);
    });
    let body = response.into_body().collect().await;
    let ended = completion.ended().expect("a body that is over has told its end").outcome;
    assert_eq!(matches!(ended, Outcome::Success), body.is_ok(), "{ended:?}, {:?}", body.err());
    Ok(text(&body?.to_bytes()))
}

/// The text of a stream of chunks.
fn text(body: &[u8]) -> String {
    let events = std::str::from_utf8(body).unwrap().lines().filter_map(|line| line.strip_prefix("data: "));
    let chunks = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    chunks.filter_map(|chunk| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned())).collect()
}

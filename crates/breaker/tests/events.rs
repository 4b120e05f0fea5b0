//! What a circuit says in the log.
#![cfg(not(buttress_loom))]
#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]

mod support;

use std::{
    fmt::{Debug, Write},
    sync::{Arc, Mutex},
};

use buttress_breaker::BreakerLayer;
use buttress_call::Kind;
use support::{SECOND, Step, Target, fail, policy};
use tower::{Layer, ServiceExt};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() != "message" {
            write!(self.0, " {}={value:?}", field.name()).unwrap();
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("buttress_breaker")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let level = if *event.metadata().level() == Level::WARN { "warn" } else { "other" };
        let mut line = Line(level.to_owned());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn each_change_is_one_event_and_a_call_is_none() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let service = BreakerLayer::new(policy()).unwrap().name("openai").layer(Target::default());
    for step in [Step::Answer, fail(Kind::Server), fail(Kind::Server), fail(Kind::Server), Step::Answer] {
        let _ = service.clone().oneshot(support::Request::new(step)).await;
    }
    tokio::time::advance(10 * SECOND).await;
    for _ in 0..3 {
        service.clone().oneshot(support::Request::new(Step::Answer)).await.unwrap();
    }
    assert_eq!(
        *log.0.lock().unwrap(),
        [
            "warn breaker=\"openai\" from=closed to=open reason=3 failures in a row, the last: server open_ms=10000",
            "other breaker=\"openai\" from=open to=half_open reason=open time over",
            "other breaker=\"openai\" from=half_open to=closed reason=probes succeeded",
        ]
    );
}

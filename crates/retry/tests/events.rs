//! Each retry is told, and each one that is not made says why.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::{
    fmt::{Debug, Write},
    sync::{Arc, Mutex},
};

use buttress_call::{ByError, Error, Kind, Origin};
use buttress_retry::{RetryBudget, RetryLayer, RetryPolicy};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Writes events down as `LEVEL field=value field=value`.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() != "wait" {
            let _ = write!(self.0, " {}={value:?}", field.name());
        }
    }
}

impl Subscriber for Notes {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("buttress_retry")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let level: &Level = event.metadata().level();
        let mut line = Line(level.to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn retries_and_refused_retries_are_told() {
    let notes = Notes::default();
    let _guard = tracing::subscriber::set_default(notes.clone());
    let policy = RetryPolicy::default().classify(ByError);
    let service = ServiceBuilder::new().layer(RetryLayer::new(policy.clone())).service(service_fn(fails));
    service.clone().oneshot(Kind::Server).await.unwrap_err();
    assert_eq!(
        notes.take(),
        [
            r#"INFO message=retrying kind="server" attempt=2"#,
            r#"INFO message=retrying kind="server" attempt=3"#,
            r#"INFO message=not retrying kind="server" attempt=3 reason="no attempts are left""#,
        ]
    );
    service.oneshot(Kind::Quota).await.unwrap_err();
    let never = r#"DEBUG message=not retrying kind="quota" attempt=1 reason="this kind is not retried""#;
    assert_eq!(notes.take(), [never]);

    let budget = RetryBudget::new(0.0, 0, 1).unwrap();
    let layer = RetryLayer::new(policy.budget(Arc::new(budget)));
    ServiceBuilder::new().layer(layer).service(service_fn(fails)).oneshot(Kind::Server).await.unwrap_err();
    assert_eq!(
        notes.take()[1],
        r#"INFO message=not retrying kind="server" attempt=2 reason="the budget is spent""#
    );
}

async fn fails(kind: Kind) -> Result<(), Error> {
    Err(Error::new(kind, Origin::Upstream, "as asked"))
}

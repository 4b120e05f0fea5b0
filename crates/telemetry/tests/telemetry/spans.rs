//! The spans: what is in them, and how long they live.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::{Arc, LazyLock, Mutex},
};

use buttress_call::{Kind, Outcome};
use buttress_telemetry::{Telemetry, names};
use tracing::{
    Dispatch, Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::DefaultGuard,
};

use crate::support::{Script, Step, ask, both, call, usage};

/// Writes spans down.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    spans: BTreeMap<u64, Span>,
    entered: Vec<u64>,
    refs: BTreeMap<u64, usize>,
    closed: BTreeSet<u64>,
}

#[derive(Clone, Debug, Default)]
struct Span {
    name: &'static str,
    parent: Option<u64>,
    fields: BTreeMap<&'static str, String>,
}

impl Visit for Span {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("buttress_telemetry")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut state = self.0.lock().unwrap();
        let id = state.spans.len() as u64 + 1;
        let parent = state.entered.last().copied();
        let mut span = Span { name: attributes.metadata().name(), parent, ..Span::default() };
        attributes.record(&mut span);
        state.spans.insert(id, span);
        state.refs.insert(id, 1);
        Id::from_u64(id)
    }

    fn record(&self, id: &Id, record: &Record<'_>) {
        record.record(self.0.lock().unwrap().spans.get_mut(&id.into_u64()).unwrap());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, id: &Id) {
        self.0.lock().unwrap().entered.push(id.into_u64());
    }

    fn exit(&self, _: &Id) {
        self.0.lock().unwrap().entered.pop();
    }

    fn clone_span(&self, id: &Id) -> Id {
        *self.0.lock().unwrap().refs.get_mut(&id.into_u64()).unwrap() += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut state = self.0.lock().unwrap();
        let refs = state.refs.get_mut(&id.into_u64()).unwrap();
        *refs -= 1;
        let closed = *refs == 0;
        if closed {
            state.closed.insert(id.into_u64());
        }
        closed
    }
}

/// A second subscriber, never dropped. While there is only one, tracing asks the thread that first comes by a place in the
/// code whether anybody listens: if it is another test's, that place is silent here, too.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Spans::default()));

impl Spans {
    fn install() -> (Self, DefaultGuard) {
        LazyLock::force(&SECOND);
        let spans = Spans::default();
        let guard = tracing::subscriber::set_default(spans.clone());
        (spans, guard)
    }

    /// The spans, and which of them are closed.
    fn look(&self) -> (Vec<Span>, Vec<u64>) {
        let state = self.0.lock().unwrap();
        (state.spans.values().cloned().collect(), state.closed.iter().copied().collect())
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempts_span_stands_in_its_calls_and_both_live_to_the_true_end() {
    let (spans, _guard) = Spans::install();
    let (telemetry, script) = (Telemetry::default(), Script::of([Step::Streams]));
    let mut request = ask("gpt-5-mini");
    *request.uri_mut() = "http://api.test/v1/chat/completions?key=sk-secret".parse().unwrap();
    let response = call(&both(&telemetry, &script), request).await.unwrap();
    drop(response);
    let (all, closed) = spans.look();
    assert_eq!(
        all.iter().map(|span| (span.name, span.parent)).collect::<Vec<_>>(),
        [(names::CALL, None), (names::ATTEMPT, Some(1))]
    );
    assert_eq!(closed, [0; 0]);
    tokio::time::advance(std::time::Duration::from_millis(250)).await;
    let (progress, ender) = script.stream();
    progress.mark_received(1, 1);
    progress.set_usage(usage(10, 5));
    ender.end(Outcome::Success);
    let (all, closed) = spans.look();
    assert_eq!(closed, [1, 2]);
    let field = |span: usize, name: &str| all[span].fields.get(name).map_or("", String::as_str).to_owned();
    for span in [0, 1] {
        assert_eq!(field(span, "otel.name"), "chat gpt-5-mini");
        assert_eq!(field(span, names::MODEL), "gpt-5-mini");
        assert_eq!(field(span, names::OUTCOME), "ok");
        assert_eq!(field(span, names::FIRST_CONTENT), "0.25");
        assert_eq!(field(span, names::ERROR_TYPE), "");
    }
    assert_eq!((field(1, names::PROVIDER), field(1, names::CAUSE)), ("a".to_owned(), "first".to_owned()));
    assert_eq!(
        (field(1, names::INPUT_TOKENS), field(1, names::OUTPUT_TOKENS)),
        ("10".to_owned(), "5".to_owned())
    );
    assert_eq!((field(0, names::ATTEMPTS), field(0, names::INPUT_TOKENS)), ("1".to_owned(), String::new()));
    assert!(!format!("{all:?}").contains("sk-secret"), "{all:?}");
}

#[tokio::test]
async fn a_failure_is_an_error_of_its_kind() {
    let (spans, _guard) = Spans::install();
    let script = Script::of([Step::Fails(Kind::RateLimited, None)]);
    call(&both(&Telemetry::default(), &script), ask("m")).await.unwrap_err();
    let (all, closed) = spans.look();
    assert_eq!(closed, [1, 2]);
    for span in all {
        assert_eq!(
            (&*span.fields[names::ERROR_TYPE], &*span.fields["otel.status_code"]),
            ("rate_limited", "ERROR")
        );
    }
}

#[tokio::test]
async fn a_model_that_is_read_further_inside_names_the_calls_span_too() {
    let (spans, _guard) = Spans::install();
    let (telemetry, script) = (Telemetry::default(), Script::of([Step::Whole(usage(1, 1))]));
    let target = crate::support::attempt(&telemetry, "a", &script);
    let buffer = tower::ServiceBuilder::new()
        .map_request(|mut request: crate::support::Request| {
            let shape = buttress_call::Call::get(ask("m").extensions()).unwrap().shape().unwrap().clone();
            buttress_call::Call::get_or_insert(request.extensions_mut()).set_shape(shape);
            request
        })
        .service(target);
    call(&crate::support::around(&telemetry, buffer), http::Request::new(())).await.unwrap();
    assert_eq!(spans.look().0[0].fields["otel.name"], "chat m");
}

#[tokio::test]
async fn a_call_that_is_dropped_closes_its_spans() {
    let (spans, _guard) = Spans::install();
    let script = Script::of([Step::Hangs(None)]);
    let client = both(&Telemetry::default(), &script);
    let mut gone = Box::pin(call(&client, ask("m")));
    assert!(futures_util::poll!(gone.as_mut()).is_pending());
    drop(gone);
    let (all, closed) = spans.look();
    assert_eq!(closed, [1, 2]);
    assert_eq!(all[1].fields[names::OUTCOME], "cancelled");
}

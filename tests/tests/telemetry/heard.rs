//! Who listens: the names of all that is logged, spanned and measured.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::{Arc, LazyLock, Mutex},
};

use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, SharedString, Unit};
use tracing::{
    Dispatch, Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::DefaultGuard,
};

/// The names of fields or labels.
pub(super) type Names = BTreeSet<String>;

/// One log line: its crate, level, message, and the names of its fields.
pub(super) type Line = (String, String, String, Names);

/// A metric: its type, unit, and the labels that it was seen with.
pub(super) type Metric = (&'static str, Option<Unit>, Names);

/// Hears everything of this workspace that is told in this thread.
#[derive(Clone, Default)]
pub(super) struct Heard {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    spans: BTreeMap<&'static str, Names>,
    lines: BTreeSet<Line>,
    metrics: BTreeMap<String, Metric>,
    values: BTreeSet<String>,
    sums: BTreeMap<String, f64>,
}

/// A second listener, never dropped. While there is only one, tracing asks the thread that first comes by a place in the
/// code whether anybody listens: if it is another test's, that place is silent here, too.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Heard::default()));

impl Heard {
    /// Listens in this thread until the guard is dropped.
    pub(super) fn listen(&self) -> DefaultGuard {
        LazyLock::force(&SECOND);
        tracing::subscriber::set_default(self.clone())
    }

    /// Spans with the names of their fields.
    pub(super) fn spans(&self) -> BTreeMap<&'static str, Names> {
        self.state.lock().unwrap().spans.clone()
    }

    pub(super) fn lines(&self) -> BTreeSet<Line> {
        self.state.lock().unwrap().lines.clone()
    }

    pub(super) fn metrics(&self) -> BTreeMap<String, Metric> {
        self.state.lock().unwrap().metrics.clone()
    }

    /// What a counter has counted, what a gauge shows, or how many values a histogram has.
    pub(super) fn sum(&self, metric: &str) -> u64 {
        self.state.lock().unwrap().sums[metric] as u64
    }

    /// All values of fields and labels, to look for what must not be there.
    pub(super) fn values(&self) -> BTreeSet<String> {
        self.state.lock().unwrap().values.clone()
    }

    fn metric(&self, name: &str, kind: &'static str, change: impl FnOnce(&mut Metric)) {
        let mut state = self.state.lock().unwrap();
        let metric = state.metrics.entry(name.to_owned()).or_insert((kind, None, Names::new()));
        assert_eq!(metric.0, kind, "{name} is one thing");
        change(metric);
    }

    fn told(&self, key: &Key, kind: &'static str) -> Arc<Sum> {
        self.metric(key.name(), kind, |metric| {
            metric.2.extend(key.labels().map(|label| label.key().to_owned()));
        });
        self.state.lock().unwrap().values.extend(key.labels().map(|label| label.value().to_owned()));
        Arc::new(Sum { heard: self.clone(), name: key.name().to_owned() })
    }
}

fn fields(metadata: &Metadata<'_>) -> Names {
    metadata.fields().iter().map(|field| field.name().to_owned()).filter(|name| name != "message").collect()
}

#[derive(Default)]
struct Values {
    message: String,
    all: BTreeSet<String>,
}

impl Visit for Values {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        if field.name() == "message" {
            self.message.clone_from(&value);
        }
        self.all.insert(value);
    }
}

impl Subscriber for Heard {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("buttress")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut values = Values::default();
        attributes.record(&mut values);
        let mut state = self.state.lock().unwrap();
        state.spans.insert(attributes.metadata().name(), fields(attributes.metadata()));
        state.values.extend(values.all);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, record: &Record<'_>) {
        let mut values = Values::default();
        record.record(&mut values);
        self.state.lock().unwrap().values.extend(values.all);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut values = Values::default();
        event.record(&mut values);
        let metadata = event.metadata();
        let of = metadata.target().split("::").next().unwrap_or_default().replace('_', "-");
        let level = metadata.level().as_str().to_lowercase();
        let mut state = self.state.lock().unwrap();
        state.lines.insert((of, level, values.message, fields(metadata)));
        state.values.extend(values.all);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Adds up what a counter, or a gauge, has told.
struct Sum {
    heard: Heard,
    name: String,
}

impl Sum {
    fn add(&self, value: f64) {
        *self.heard.state.lock().unwrap().sums.entry(self.name.clone()).or_default() += value;
    }
}

impl CounterFn for Sum {
    fn increment(&self, value: u64) {
        self.add(value as f64);
    }

    fn absolute(&self, _: u64) {
        panic!("{} counts", self.name);
    }
}

impl GaugeFn for Sum {
    fn increment(&self, value: f64) {
        self.add(value);
    }

    fn decrement(&self, value: f64) {
        self.add(-value);
    }

    fn set(&self, _: f64) {}
}

impl HistogramFn for Sum {
    fn record(&self, _: f64) {
        self.add(1.0);
    }
}

impl metrics::Recorder for Heard {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.metric(name.as_str(), "counter", |metric| metric.1 = unit);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.metric(name.as_str(), "gauge", |metric| metric.1 = unit);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.metric(name.as_str(), "histogram", |metric| metric.1 = unit);
    }

    fn register_counter(&self, key: &Key, _: &metrics::Metadata<'_>) -> Counter {
        Counter::from_arc(self.told(key, "counter"))
    }

    fn register_gauge(&self, key: &Key, _: &metrics::Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.told(key, "gauge"))
    }

    fn register_histogram(&self, key: &Key, _: &metrics::Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.told(key, "histogram"))
    }
}

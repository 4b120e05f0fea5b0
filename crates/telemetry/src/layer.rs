//! The layer.

use std::{fmt, sync::Arc};

use buttress_call::Http;
use tower_layer::Layer;

use crate::{Recorded, recorder::Recorder};

/// Writes down what passes: made by [`Telemetry::call`](crate::Telemetry::call) and
/// [`Telemetry::attempt`](crate::Telemetry::attempt).
///
/// Services made by it, their clones and clones of the layer write to the same record.
#[derive(Clone)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct TelemetryLayer<C = Http> {
    vantage: Vantage,
    classify: C,
}

/// Where a layer stands.
#[derive(Clone)]
pub(crate) enum Vantage {
    Call(Arc<Recorder>),
    Attempt { recorder: Arc<Recorder>, target: usize, name: Arc<str>, provider: Arc<str> },
}

impl TelemetryLayer {
    pub(crate) fn new(vantage: Vantage) -> Self {
        TelemetryLayer { vantage, classify: Http }
    }
}

impl<C> TelemetryLayer<C> {
    /// Learns calls' ends from this classifier, for typed clients. It is the same record as before.
    pub fn classify<C2>(self, classify: C2) -> TelemetryLayer<C2> {
        TelemetryLayer { vantage: self.vantage, classify }
    }
}

impl<S, C: Clone> Layer<S> for TelemetryLayer<C> {
    type Service = Recorded<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Recorded::new(inner, self.classify.clone(), self.vantage.clone())
    }
}

impl fmt::Debug for Vantage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Vantage::Call(_) => f.write_str("Call"),
            Vantage::Attempt { name, .. } => write!(f, "Attempt({name})"),
        }
    }
}

impl<C> fmt::Debug for TelemetryLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelemetryLayer").field("vantage", &self.vantage).finish_non_exhaustive()
    }
}

//! The handle.

use std::{fmt, sync::Arc};

use tokio::sync::watch;

use crate::{
    Change, InvalidSettings, Price, Settings, Snapshot, TelemetryLayer, What, layer::Vantage, meter,
    price::Prices, recorder::Recorder,
};

/// One record of what a stack does, its layers, and a look at it. Cheap to clone; every clone is the same record.
///
/// There is none for the whole process: two stacks that share nothing have two. Only the `metrics` facade is the
/// process's own.
///
/// ```
/// use buttress_call::ByError;
/// use buttress_telemetry::{Price, Settings, Telemetry};
/// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let prices = vec![Price::of("openai", "gpt-5-mini", 0.25, 2.0)];
/// let telemetry = Telemetry::new(Settings { prices, ..Settings::default() })?;
///
/// let mut llm = ServiceBuilder::new()
///     .layer(telemetry.call().classify(ByError)) // outermost
///     // retries, limits, breaker, ...
///     .layer(telemetry.attempt("openai").classify(ByError)) // what reaches the provider
///     .service(service_fn(async |prompt: &'static str| Ok::<_, std::io::Error>(prompt.len())));
/// llm.ready().await?.call("Hello").await?;
///
/// let seen = telemetry.snapshot();
/// assert_eq!((seen.calls.ok, seen.targets[0].work.attempts.first), (1, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Telemetry {
    recorder: Arc<Recorder>,
}

impl Telemetry {
    /// A new record with these settings. Refuses those that make no sense; the error names the value and the rule.
    ///
    /// With the feature `metrics` it also describes the metrics to the recorder that is installed by now: install the
    /// exporter first.
    pub fn new(settings: Settings) -> Result<Self, InvalidSettings> {
        let recorder = Arc::new(Recorder::new(settings)?);
        meter::describe();
        Ok(Telemetry { recorder })
    }

    /// The layer for what callers see: it goes outside of everything else.
    pub fn call(&self) -> TelemetryLayer {
        TelemetryLayer::new(Vantage::Call(self.recorder.clone()))
    }

    /// The layer for the attempts at this target: it goes outside of the provider layer and of the attempt's time-out,
    /// inside of everything else. The target's name stands for its provider's, too.
    pub fn attempt(&self, target: impl Into<Arc<str>>) -> TelemetryLayer {
        let target = target.into();
        self.attempt_at(target.clone(), target)
    }

    /// The same for a target whose name is not its provider's: `"openai"`, `"azure.ai.openai"`, `"anthropic"`,
    /// `"aws.bedrock"`, `"gcp.gemini"`, … are the conventions' names of providers.
    pub fn attempt_at(&self, target: impl Into<Arc<str>>, provider: impl Into<Arc<str>>) -> TelemetryLayer {
        let (name, provider) = (target.into(), provider.into());
        let target = self.recorder.target(&name, &provider);
        TelemetryLayer::new(Vantage::Attempt { recorder: self.recorder.clone(), target, name, provider })
    }

    /// All that is known by now, at one stroke.
    pub fn snapshot(&self) -> Snapshot {
        self.recorder.snapshot()
    }

    /// Changes the price table for attempts that end from now on. A price that makes no sense changes nothing.
    pub fn set_prices(&self, prices: &[Price]) -> Result<(), InvalidSettings> {
        self.recorder.set_prices(Prices::new(prices)?);
        Ok(())
    }

    /// Writes down that something has changed its state: in the snapshot's events, and in metrics. The log line is the
    /// business of whoever has changed.
    ///
    /// A change from a state to itself only says what the state is: no event.
    pub fn changed(&self, change: Change) {
        meter::changed(&change);
        if change.from != change.to {
            self.recorder.event(What::Change(change));
        }
    }

    /// Writes down what a `watch` channel tells, as that of a breaker's handle: spawn it. It ends with the channel.
    ///
    /// A watch has the latest value only, so of changes that follow each other at once some may be left out.
    ///
    /// ```
    /// # use buttress_telemetry::{Change, Telemetry};
    /// # #[derive(Clone, Copy)] struct Transition { from: &'static str, to: &'static str }
    /// # async fn example(telemetry: Telemetry, breaker: tokio::sync::watch::Receiver<Transition>) {
    /// // let breaker = breaker_layer.handle().watch();
    /// tokio::spawn(telemetry.follow(breaker, |change| {
    ///     Some(Change { name: "openai".into(), from: change.from, to: change.to, reason: String::new() })
    /// }));
    /// # }
    /// ```
    pub fn follow<T, F>(
        &self,
        mut changes: watch::Receiver<T>,
        describe: F,
    ) -> impl Future<Output = ()> + use<T, F>
    where
        T: Clone,
        F: Fn(T) -> Option<Change>,
    {
        let telemetry = self.clone();
        async move {
            loop {
                // Cloned, so that no lock is held while somebody else's code runs.
                let latest = changes.borrow_and_update().clone();
                if let Some(change) = describe(latest) {
                    telemetry.changed(change);
                }
                if changes.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

impl Default for Telemetry {
    /// With [`Settings::default`].
    fn default() -> Self {
        Telemetry::new(Settings::default()).expect("the defaults keep the rules")
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("snapshot", &self.snapshot()).finish_non_exhaustive()
    }
}

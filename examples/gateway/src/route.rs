//! A route as it runs: the stack of layers of the README, made from the file.

use std::{collections::BTreeMap, sync::Arc};

use buttress::{
    BoxError, Handles,
    failover::{Failover, FailoverHandle, Labelled, Target as Listed, TargetState, labelled},
    hedge::{HedgeHandle, HedgeLayer},
    provider::{ProviderBody, ProviderLayer},
    retry::{RetryLayer, RetryPolicy},
    telemetry::Telemetry,
    timeout::{TimeoutBody, TimeoutLayer},
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use tower::{ServiceBuilder, util::BoxCloneSyncService};

use crate::{
    config::{ConfigError, Entry, RouteConfig},
    errors::SaidBy,
    target::Target,
};

pub(crate) type Request = http::Request<Full<Bytes>>;
/// A target's answer, and the whole route's.
type Attempt = TimeoutBody<ProviderBody<Incoming>>;
pub(crate) type Answer = TimeoutBody<Attempt>;
type Service<B> = BoxCloneSyncService<Request, http::Response<B>, BoxError>;

/// The targets of a model, behind one service.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) config: RouteConfig,
    targets: Vec<Arc<Target>>,
    pub(crate) service: Service<Answer>,
    pub(crate) failover: FailoverHandle,
    pub(crate) hedge: Option<HedgeHandle>,
}

impl Route {
    /// A route for this entry of the file; `old` itself, if at most the order of its targets is new.
    pub(crate) fn new(
        config: &RouteConfig,
        targets: &BTreeMap<String, Arc<Target>>,
        old: Option<&Arc<Route>>,
        telemetry: &Telemetry,
    ) -> Result<Arc<Route>, ConfigError> {
        let listed: Vec<Arc<Target>> =
            config.targets.iter().filter_map(|entry| targets.get(&entry.target).cloned()).collect();
        if let Some(same) = old.filter(|old| old.is_made_of(config, &listed)) {
            return Ok(same.clone());
        }
        let made = Route::build(config, listed, old, telemetry);
        made.map(Arc::new).map_err(|error| ConfigError::new(format_args!("routes {:?}", config.model), error))
    }

    fn build(
        config: &RouteConfig,
        targets: Vec<Arc<Target>>,
        old: Option<&Arc<Route>>,
        telemetry: &Telemetry,
    ) -> Result<Route, BoxError> {
        let made = config.targets.iter().zip(&targets).map(|(entry, target)| stack(config, entry, target));
        let failover = Failover::new(made.collect::<Result<Vec<_>, _>>()?)?;
        let handle = failover.handle();
        config.strategy.apply(&handle);
        // Who was taken out of service by hand stays out.
        for drained in old.into_iter().flat_map(|old| old.failover.snapshot()) {
            if drained.state == TargetState::Drained {
                // An error says that the target is gone.
                let _ = handle.drain(&drained.name);
            }
        }
        let hedge = config.hedge.map(HedgeLayer::budget).transpose()?;
        let service = ServiceBuilder::new()
            .layer(telemetry.call())
            .layer(TimeoutLayer::new(config.call())?)
            .option_layer(hedge.clone())
            .service(failover);
        Ok(Route {
            config: config.clone(),
            targets,
            service: Service::new(service),
            failover: handle,
            hedge: hedge.map(|hedge| hedge.handle()),
        })
    }

    /// Whether this route serves as it is, once its targets are in order.
    fn is_made_of(&self, config: &RouteConfig, targets: &[Arc<Target>]) -> bool {
        let same_settings = RouteConfig { targets: config.targets.clone(), ..self.config.clone() } == *config;
        let mut entries = config.targets.iter().zip(targets);
        let has = |entry: &Entry, target: &Arc<Target>| {
            let mut own = self.config.targets.iter().zip(&self.targets);
            own.any(|(own, made)| own == entry && Arc::ptr_eq(made, target))
        };
        same_settings
            && config.targets.len() == self.targets.len()
            && entries.all(|(entry, target)| has(entry, target))
    }

    pub(crate) fn handles(&self) -> Handles {
        Handles {
            failover: Some(self.failover.clone()),
            hedge: self.hedge.clone(),
            targets: self.targets.iter().map(|target| target.handles()).collect(),
            ..Handles::default()
        }
    }

    /// Puts the targets in the order of the file.
    pub(crate) fn put_in_order(&self, config: &RouteConfig) {
        // An operator may have removed one meanwhile: then the order stays.
        let _ = self.failover.reorder(config.targets.iter().map(|entry| entry.name(&config.targets)));
    }
}

/// One target's stack within a route.
fn stack(
    config: &RouteConfig,
    entry: &Entry,
    target: &Target,
) -> Result<Listed<Labelled<Service<Attempt>>>, BoxError> {
    let mut provider = target.provider.clone();
    if let Some(model) = &entry.model {
        provider = provider.every_model(model);
    }
    let name = target.name.clone();
    let service = ServiceBuilder::new()
        .map_err(move |error| SaidBy::wrap(&name, error))
        .layer(RetryLayer::new(RetryPolicy::new(config.retries())?))
        .option_layer(target.limit.clone())
        .option_layer(target.breaker.clone())
        .layer(target.attempts.clone())
        .layer(TimeoutLayer::new(config.attempt())?)
        .layer(ProviderLayer::new(provider)?.commit_streams(config.commit.commit()))
        .service(target.client.clone());
    let (_, service) = labelled(target.name.clone(), Service::new(service));
    Ok(declared(Listed::new(entry.name(&config.targets), service), entry, target))
}

/// Says of a target what is known of it.
fn declared<S>(listed: Listed<S>, entry: &Entry, target: &Target) -> Listed<S> {
    let known = &target.config;
    let mut listed =
        listed.tier(entry.tier.unwrap_or(known.tier)).weight(entry.weight.or(known.weight).unwrap_or(1));
    if let Some(circuit) = &target.breaker {
        let circuit = circuit.handle();
        listed = listed.gate(move || !circuit.is_open());
    }
    if let Some(window) = known.context_window {
        listed = listed.window(window);
    }
    if let Some(models) = &known.serves {
        listed = listed.models(models.iter().map(String::as_str));
    }
    if let Some(price) = known.price {
        listed = listed.price(price.blended());
    }
    if known.no_streaming {
        listed = listed.without_streaming();
    }
    if known.no_tools {
        listed = listed.without_tools();
    }
    listed
}

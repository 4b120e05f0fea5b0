//! A route as it runs: the stack of layers of the README, made from the file.

use std::{collections::HashMap, sync::Arc};

use buttress::{
    BoxError,
    failover::{Failover, FailoverHandle, Target as Listed, TargetState, labelled},
    hedge::{HedgeHandle, HedgeLayer},
    provider::{ProviderBody, ProviderLayer},
    retry::{RetryLayer, RetryPolicy},
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
pub(crate) type Body = TimeoutBody<TimeoutBody<ProviderBody<Incoming>>>;
pub(crate) type Service<B> = BoxCloneSyncService<Request, http::Response<B>, BoxError>;

/// The targets of a model, behind one service.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) config: RouteConfig,
    targets: Vec<Arc<Target>>,
    pub(crate) service: Service<Body>,
    pub(crate) failover: FailoverHandle,
    pub(crate) hedge: Option<HedgeHandle>,
}

impl Route {
    /// A route for this entry of the file; `old` itself, if at most the order of its targets is new.
    pub(crate) fn new(
        config: &RouteConfig,
        targets: &HashMap<String, Arc<Target>>,
        old: Option<&Arc<Route>>,
    ) -> Result<Arc<Route>, ConfigError> {
        let listed: Vec<Arc<Target>> =
            config.targets.iter().filter_map(|entry| targets.get(&entry.target).cloned()).collect();
        if let Some(same) = old.filter(|old| old.is_made_of(config, &listed)) {
            return Ok(same.clone());
        }
        Route::build(config, listed, old)
            .map(Arc::new)
            .map_err(|error| ConfigError::of("routes", &config.model, error))
    }

    fn build(
        config: &RouteConfig,
        targets: Vec<Arc<Target>>,
        old: Option<&Arc<Route>>,
    ) -> Result<Route, BoxError> {
        let made = config.targets.iter().zip(&targets).map(|(entry, target)| stack(config, entry, target));
        let failover = config.strategy.apply(Failover::new(made.collect::<Result<Vec<_>, _>>()?)?);
        let handle = failover.handle();
        // Who was taken out of service by hand stays out.
        for drained in old.into_iter().flat_map(|old| old.failover.snapshot()) {
            if drained.state == TargetState::Drained {
                // An error says that the target is gone.
                let _ = handle.drain(&drained.name);
            }
        }
        let hedge = config.hedge.map(HedgeLayer::budget).transpose()?;
        let service = ServiceBuilder::new()
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

    /// Puts the targets in the order of the file.
    pub(crate) fn put_in_order(&self, config: &RouteConfig) {
        // An operator may have removed one meanwhile: then the order stays.
        let _ = self.failover.reorder(config.targets.iter().map(Entry::name));
    }
}

/// One target's stack within a route.
fn stack(
    config: &RouteConfig,
    entry: &Entry,
    target: &Target,
) -> Result<Listed<Service<TimeoutBody<ProviderBody<Incoming>>>>, BoxError> {
    let mut provider = target.provider.clone();
    if let Some(model) = &entry.model {
        provider = provider.every_model(model);
    }
    let name: Arc<str> = target.config.name.as_str().into();
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(RetryPolicy::new(config.retries())?))
        .option_layer(target.limit.clone())
        .layer(target.breaker.clone())
        .layer(TimeoutLayer::new(config.attempt())?)
        .layer(ProviderLayer::new(provider)?.commit_streams(config.commit.commit()))
        .service(target.client.clone());
    let said_by = name.clone();
    let service = ServiceBuilder::new().map_err(move |error| SaidBy::wrap(&said_by, error)).service(service);
    let (_, service) = labelled(name, service);
    let circuit = target.circuit();
    let mut listed = Listed::new(entry.name(), Service::new(service))
        .tier(entry.tier)
        .weight(entry.weight)
        .gate(move || !circuit.is_open());
    if let Some(window) = target.config.window {
        listed = listed.window(window);
    }
    if let Some(price) = target.config.price {
        listed = listed.price(price.blended());
    }
    Ok(listed)
}

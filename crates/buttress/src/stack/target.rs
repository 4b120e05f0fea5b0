//! One target: a client, and the layers that are this target's own.

use std::{fmt, sync::Arc};

use buttress_call::BoxError;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

use super::HttpClient;
use crate::{
    Policies, TargetHandles,
    breaker::BreakerLayer,
    failover,
    limit::LimitLayer,
    provider::{Provider, ProviderLayer},
    retry::{RetryBudget, RetryLayer, RetryPolicy},
    timeout::{TimeoutLayer, Timeouts},
};

/// The service of a target, with its types forgotten.
pub type TargetService =
    BoxCloneSyncService<Request<Full<Bytes>>, Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError>;

/// A target of a [`Stack`](super::Stack): a client, the layers of its own around it, and what is declared of it.
///
/// From the outside in: retry, limiter, breaker, telemetry, the time-outs of an attempt, the provider. The limiter and the breaker
/// are there if the [`Policies`] have one. Answers say whose they are ([`AnsweredBy`](failover::AnsweredBy)).
///
/// A clone is the same target: the same circuit, the same limits, the same budget. So one target may stand in several
/// stacks, each with an order of its own.
///
/// ```
/// use buttress::{presets, provider::Provider, stack::Target};
/// # use buttress::BoxError;
/// # let client = tower::service_fn(|_: http::Request<http_body_util::Full<bytes::Bytes>>| async {
/// #     Ok::<_, BoxError>(http::Response::new(http_body_util::Full::new(bytes::Bytes::new())))
/// # });
///
/// let policies = presets::high_throughput();
/// let own = Target::new("own", Provider::compatible("own", "http://10.0.0.7:8000"), client, &policies)?;
/// let cloud = Target::new("cloud", Provider::openai().api_key("sk-..."), client, &policies)?.tier(1).window(400_000);
/// let stack = policies.stack([own, cloud])?;
/// # let _ = stack;
/// # Ok::<(), BoxError>(())
/// ```
#[derive(Clone)]
#[must_use = "a target does nothing until it stands in a stack"]
pub struct Target {
    pub(super) handles: TargetHandles,
    service: TargetService,
    /// The provider without the layers around it: what a probe asks.
    pub(super) bare: TargetService,
    declared: Declared,
}

/// What is declared of a target, in failover's words.
#[derive(Clone, Debug, Default)]
struct Declared {
    tier: u32,
    weight: Option<u32>,
    window: Option<u64>,
    models: Option<Vec<Arc<str>>>,
    price: Option<f64>,
    no_streaming: bool,
    no_tools: bool,
}

impl Target {
    /// This provider over this client, with the layers that these policies ask for.
    ///
    /// # Errors
    ///
    /// If a number or a value of the provider breaks a rule; the error names the target, the value and the rule.
    pub fn new<C: HttpClient>(
        name: impl Into<Arc<str>>,
        provider: Provider,
        client: C,
        policies: &Policies,
    ) -> Result<Self, BoxError> {
        let name = name.into();
        Self::layered(name.clone(), provider, client, policies)
            .map_err(|error| format!("target {name:?}: {error}").into())
    }

    fn layered<C: HttpClient>(
        name: Arc<str>,
        provider: Provider,
        client: C,
        policies: &Policies,
    ) -> Result<Self, BoxError> {
        let telemetry = policies.telemetry.attempt_at(name.clone(), provider.provider_name());
        let provider = ProviderLayer::new(provider)?
            .commit_streams(policies.commit_streams)
            .commit_whole(policies.commit_whole);
        let attempt = TimeoutLayer::new(Timeouts { total: None, ..policies.attempt })?;
        let breaker = policies.breaker.map(BreakerLayer::new).transpose()?;
        let breaker = breaker.map(|layer| layer.name(name.clone()));
        let limit = policies.limit.map(LimitLayer::new).transpose()?;
        let limit = limit.map(|layer| layer.name(name.clone()));
        let budget = Arc::new(RetryBudget::default());
        let retry = RetryPolicy::new(policies.retries.clone())?.budget(budget.clone());
        let handles = TargetHandles {
            breaker: breaker.as_ref().map(BreakerLayer::handle),
            limit: limit.as_ref().map(LimitLayer::handle),
            budget: Some(budget),
            ..TargetHandles::new(name.clone())
        };
        let bare = erase(provider.layer(client.clone()));
        let service = ServiceBuilder::new()
            .layer(RetryLayer::new(retry))
            .option_layer(limit)
            .option_layer(breaker)
            // Outside of the time-outs: a silent provider is a failed attempt, not a cancelled one.
            .layer(telemetry)
            .layer(attempt)
            .layer(provider)
            .service(client);
        let (_, service) = failover::labelled(name, service);
        Ok(Target { handles, service: erase(service), bare, declared: Declared::default() })
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.handles.name
    }

    /// The handles of its layers.
    pub fn handles(&self) -> &TargetHandles {
        &self.handles
    }

    /// Its service, alone.
    pub fn service(&self) -> TargetService {
        self.service.clone()
    }

    /// Puts something around its service: a rewrite of the request, a header.
    pub fn map_service(mut self, map: impl FnOnce(TargetService) -> TargetService) -> Self {
        self.service = map(self.service);
        self
    }

    /// Calls go to a higher tier only when no target of a lower one can take them. Default: 0.
    pub fn tier(mut self, tier: u32) -> Self {
        self.declared.tier = tier;
        self
    }

    /// Its share of a weighted tier's calls. Default: 1.
    pub fn weight(mut self, weight: u32) -> Self {
        self.declared.weight = Some(weight);
        self
    }

    /// Its context window in tokens, prompt and answer together. Default: any.
    pub fn window(mut self, tokens: u64) -> Self {
        self.declared.window = Some(tokens);
        self
    }

    /// The models that it has, by the names that callers use. Default: any.
    pub fn models<M: Into<Arc<str>>>(mut self, models: impl IntoIterator<Item = M>) -> Self {
        self.declared.models = Some(models.into_iter().map(Into::into).collect());
        self
    }

    /// Its price, in any unit that is the same for all targets. Default: unknown.
    pub fn price(mut self, price: f64) -> Self {
        self.declared.price = Some(price);
        self
    }

    /// It cannot stream.
    pub fn without_streaming(mut self) -> Self {
        self.declared.no_streaming = true;
        self
    }

    /// It cannot use tools.
    pub fn without_tools(mut self) -> Self {
        self.declared.no_tools = true;
        self
    }

    /// The target as a member of a [`Failover`](failover::Failover), its breaker wired to it: while the circuit refuses
    /// calls it is passed over, and a good probe closes the circuit.
    pub fn member(&self) -> failover::Target<TargetService> {
        let Declared { tier, weight, window, models, price, no_streaming, no_tools } = self.declared.clone();
        let mut member = failover::Target::new(self.name().clone(), self.service()).tier(tier);
        if let Some(breaker) = self.handles.breaker.clone() {
            let circuit = breaker.clone();
            member = member.gate(move || !breaker.is_open()).reopen(move || circuit.reset());
        }
        if let Some(weight) = weight {
            member = member.weight(weight);
        }
        if let Some(window) = window {
            member = member.window(window);
        }
        if let Some(models) = models {
            member = member.models(models);
        }
        if let Some(price) = price {
            member = member.price(price);
        }
        if no_streaming {
            member = member.without_streaming();
        }
        if no_tools {
            member = member.without_tools();
        }
        member
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("handles", &self.handles)
            .field("declared", &self.declared)
            .finish_non_exhaustive()
    }
}

/// Forgets what a target's service is made of.
fn erase<S, B>(service: S) -> TargetService
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let boxed = |response: Response<B>| response.map(|body| body.map_err(Into::into).boxed_unsync());
    TargetService::new(service.map_response(boxed))
}

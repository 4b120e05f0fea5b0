//! The stack itself.

use std::{
    fmt,
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::{BoxError, Http};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower::{Layer, Service, ServiceBuilder, util::Either};

use super::{ResponseBody, ResponseFuture, Target, TargetService};
use crate::{
    Handles, Policies,
    failover::{Failover, InvalidTargets, Prober},
    hedge::{Hedge, HedgeLayer, Streams},
    provider::{BufferLayer, Buffered},
    telemetry::Recorded,
    timeout::{Timeout, TimeoutLayer, Timeouts},
};

/// All layers. The hedge may be missing.
pub(super) type Layers = Recorded<Timeout<Buffered<Inner>, Http>, Http>;
type Inner = Either<Hedge<Failover<TargetService>, Http, Streams>, Failover<TargetService>>;

/// A client of one or several targets, with every layer in its place: a `tower::Service` from an `http::Request` with
/// any body to an `http::Response`.
///
/// Made of [`Policies`], or of a `Config`. The request is what you would send to the provider; `/` as
/// its path means the chat. The response resolves at the first content of a stream; its extensions carry the
/// [`Completion`](crate::call::Completion), which tells the true end with the token usage, and
/// [`AnsweredBy`](crate::failover::AnsweredBy), the target.
///
/// Clones are cheap, and are the same stack: the same circuits, limits, budgets and order.
///
/// # Errors
///
/// A [`BoxError`] in which [`find`](crate::find) finds an [`Error`](crate::Error) of known kind. With several targets
/// that all failed, its source names every one and why.
///
/// # Cancellation
///
/// Dropping the future or the body drops every attempt and its connection, and gives back what they held.
///
/// ```
/// use buttress::{presets, provider::Provider};
/// use buttress_sim::{Model, Sim, Wire};
/// use http_body_util::BodyExt;
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), buttress::BoxError> {
/// let sim = Sim::new("sim", Model::new(Wire::OpenAi))?;
/// let client = sim.service(); // or hyper-util's, reqwest's, `buttress::client`'s
///
/// let llm = presets::interactive().target("sim", Provider::openai().api_key("sk-..."), client)?;
///
/// let request = http::Request::post("/").body(r#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#.to_owned())?;
/// let answer = llm.clone().oneshot(request).await?.into_body().collect().await?.to_bytes();
/// assert!(answer.starts_with(br#"{"id":"#));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a service does nothing until it is called"]
pub struct Stack {
    service: Layers,
    failover: Failover<TargetService>,
    targets: Vec<Target>,
    handles: Handles,
}

impl Stack {
    pub(crate) fn new(
        policies: &Policies,
        targets: impl IntoIterator<Item = Target>,
    ) -> Result<Self, BoxError> {
        let targets: Vec<Target> = targets.into_iter().collect();
        let failover = Failover::new(targets.iter().map(Target::member))?;
        let hedge = policies.hedge.map(HedgeLayer::new).transpose()?;
        let handles = Handles {
            failover: Some(failover.handle()),
            hedge: hedge.as_ref().map(HedgeLayer::handle),
            telemetry: Some(policies.telemetry.clone()),
            targets: targets.iter().map(|target| target.handles().clone()).collect(),
        };
        let inner = match hedge {
            Some(hedge) => Either::Left(hedge.layer(failover.clone())),
            None => Either::Right(failover.clone()),
        };
        let total = Timeouts { total: policies.total, first_content: None, idle: None, answer: None };
        let service = ServiceBuilder::new()
            .layer(policies.telemetry.call())
            .layer(TimeoutLayer::new(total)?)
            .layer(BufferLayer::default().limit(policies.max_request))
            .service(inner);
        Ok(Stack { service, failover, targets, handles })
    }

    /// What steers its layers while it serves.
    pub fn handles(&self) -> &Handles {
        &self.handles
    }

    /// Its failover: for [strategies](Failover::strategy), and to [add](Failover::add) a [member](Target::member).
    pub fn failover(&self) -> &Failover<TargetService> {
        &self.failover
    }

    /// Its targets, in the order in which they were given.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// A future to spawn: it asks targets out of service this often whether they are back, past their breakers, with a
    /// request made for the target's name. A good answer closes the circuit. See [`Prober`].
    ///
    /// Without it an open circuit keeps its time, and then a caller's call is the probe. With it a circuit is closed as
    /// soon as the request goes well, so let it ask what shows that a chat would: [`list_models`] is free, and proves only
    /// that somebody is there.
    ///
    /// ```
    /// use std::time::Duration;
    /// use buttress::{BoxError, presets, provider::Provider, stack::list_models};
    /// # async fn example(client: impl buttress::stack::HttpClient) -> Result<(), BoxError> {
    /// let llm = presets::high_throughput().target("openai", Provider::openai().api_key("sk-..."), client)?;
    /// tokio::spawn(llm.prober(Duration::from_secs(10), list_models)?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn prober<F>(
        &self,
        every: Duration,
        request: F,
    ) -> Result<Prober<TargetService, Http>, InvalidTargets>
    where
        F: Fn(&str) -> Request<Full<Bytes>> + Clone + Send + Sync + 'static,
    {
        let mut prober = self.failover.prober(every, request.clone())?;
        for target in &self.targets {
            let (name, request) = (target.name().clone(), request.clone());
            prober = prober.through(name.clone(), target.bare.clone(), move || request(&name));
        }
        Ok(prober)
    }
}

/// `GET /v1/models`: a probe that costs nothing.
pub fn list_models(_target: &str) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = http::Uri::from_static("/v1/models");
    request
}

impl<B> Service<Request<B>> for Stack
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = BoxError;
    type Future = ResponseFuture<B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Service::<Request<B>>::poll_ready(&mut self.service, cx)
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture<B> {
        ResponseFuture::new(self.service.call(request))
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("handles", &self.handles).finish_non_exhaustive()
    }
}

impl Policies {
    /// A stack over these targets: in the order given, unless they say more of themselves.
    ///
    /// # Errors
    ///
    /// If a number of the whole breaks a rule, if two targets have one name, if there is none or more than 64.
    pub fn stack(&self, targets: impl IntoIterator<Item = Target>) -> Result<Stack, BoxError> {
        Stack::new(self, targets)
    }

    /// A stack over one target.
    ///
    /// # Errors
    ///
    /// If a number, or a value of the provider, breaks a rule.
    pub fn target<C: super::HttpClient>(
        &self,
        name: impl Into<std::sync::Arc<str>>,
        provider: crate::provider::Provider,
        client: C,
    ) -> Result<Stack, BoxError> {
        self.stack([Target::new(name, provider, client, self)?])
    }
}

//! The two clients that are compared.

use std::{sync::Arc, time::Duration};

use buttress_breaker::{self as breaker, BreakerLayer, OpenFor};
use buttress_call::BoxError;
use buttress_failover::Failover;
use buttress_hedge::HedgeLayer;
use buttress_limit::{LimitLayer, Policy};
use buttress_provider::{BufferLayer, Provider, ProviderLayer};
use buttress_retry::RetryLayer;
use buttress_timeout::{TimeoutLayer, Timeouts};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{Service, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

use crate::{bare::Bare, fleet::Fleet};

/// What a caller gives a whole call.
pub(crate) const DEADLINE: Duration = Duration::from_secs(3);

pub(crate) type Request = http::Request<Full<Bytes>>;
pub(crate) type Response = http::Response<UnsyncBoxBody<Bytes, BoxError>>;
pub(crate) type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// One of the two clients, with everything else about it forgotten.
pub(crate) struct Arm {
    pub(crate) name: &'static str,
    service: BoxCloneSyncService<Request, Response, BoxError>,
}

impl Arm {
    pub(crate) const NAMES: [&str; 2] = ["bare", "buttress"];

    pub(crate) fn both(fleet: &Fleet) -> Result<[Arc<Arm>; 2], BoxError> {
        let [bare, buttress] = Arm::NAMES;
        Ok([Arc::new(Arm::new(bare, bare_client(fleet)?)), Arc::new(Arm::new(buttress, stack(fleet)?))])
    }

    fn new<S, B>(name: &'static str, service: S) -> Arm
    where
        S: Service<Request, Response = http::Response<B>, Error = BoxError> + Clone + Send + Sync + 'static,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let erased =
            service.map_response(|response| response.map(|body| body.map_err(Into::into).boxed_unsync()));
        Arm { name, service: BoxCloneSyncService::new(erased) }
    }

    pub(crate) fn service(&self) -> BoxCloneSyncService<Request, Response, BoxError> {
        self.service.clone()
    }
}

/// A client with a pool of its own.
fn client() -> HttpClient {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Provider A alone, with the retries of a vendor's SDK.
fn bare_client(fleet: &Fleet) -> Result<Bare, BoxError> {
    let (_, address) = fleet.addresses().next().ok_or("a fleet has a first provider")?;
    Ok(Bare::new(client(), address))
}

/// All three providers, A first.
fn stack(
    fleet: &Fleet,
) -> Result<
    impl Service<
        Request,
        Response = http::Response<impl http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static>,
        Error = BoxError,
        Future: Send,
    > + Clone
    + Send
    + Sync
    + 'static,
    BoxError,
> {
    let mut targets = Vec::new();
    let mut breakers = Vec::new();
    for (name, address) in fleet.addresses() {
        let breaker = BreakerLayer::new(breaker::Policy {
            open: OpenFor::Fixed(Duration::from_millis(500)),
            probes: 1,
            ..breaker::Policy::default()
        })?
        .name(name);
        breakers.push((name.to_owned(), breaker.handle()));
        let attempt =
            Timeouts { first_content: Some(Duration::from_millis(800).into()), ..Timeouts::attempt() };
        // With another target to go to, a call that would have to wait for its turn goes there instead.
        let limit = LimitLayer::new(Policy { max_waiting: 0, ..Policy::per_minute(60_000, 60_000_000) })?;
        let target = ServiceBuilder::new()
            .layer(RetryLayer::default())
            .layer(limit.name(name))
            .layer(breaker)
            .layer(TimeoutLayer::new(attempt)?)
            .layer(ProviderLayer::new(Provider::compatible(name, address).api_key("drill"))?)
            .service(client());
        targets.push((name.to_owned(), target));
    }
    let mut failover = Failover::in_order(targets)?;
    for (name, breaker) in breakers {
        failover = failover.gate(&name, move || !breaker.is_open())?;
    }
    Ok(ServiceBuilder::new()
        .layer(TimeoutLayer::new(Timeouts { total: Some(DEADLINE), ..Timeouts::default() })?)
        .layer(BufferLayer::default())
        .layer(HedgeLayer::budget(0.05)?)
        .service(failover))
}

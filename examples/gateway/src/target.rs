//! A target as it runs: what all its routes share.

use std::sync::Arc;

use buttress::{
    BoxError,
    breaker::{BreakerHandle, BreakerLayer},
    limit::{LimitHandle, LimitLayer},
    provider::{Provider, ProviderLayer},
};
use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

use crate::config::{ConfigError, Env, TargetConfig};

pub(crate) type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A pool, a circuit and limits, in use by every route that lists the target.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) config: TargetConfig,
    pub(crate) provider: Provider,
    pub(crate) client: HttpClient,
    pub(crate) breaker: BreakerLayer,
    pub(crate) limit: Option<LimitLayer>,
}

impl Target {
    /// A target for this entry of the file. What `old` has learnt stays, as far as it is about the same account.
    pub(crate) fn new(
        config: &TargetConfig,
        old: Option<&Arc<Target>>,
        env: Env<'_>,
    ) -> Result<Arc<Target>, ConfigError> {
        let wrong = |error: BoxError| ConfigError::of("targets", &config.name, error);
        // Each number is checked here, also where a handle only takes it over later.
        let provider = config.provider(env)?;
        let _ = ProviderLayer::new(provider.clone()).map_err(|error| wrong(error.into()))?;
        let breaker = BreakerLayer::new(config.breaker.policy()).map_err(|error| wrong(error.into()))?;
        let limit = config.limits.map(|limits| LimitLayer::new(limits.policy())).transpose();
        let limit = limit.map_err(|error| wrong(error.into()))?;
        let old = old.filter(|old| old.config.is_account_of(config));
        if let Some(same) = old.filter(|old| old.config.differs_in_numbers_only(config)) {
            return Ok(same.clone());
        }
        Ok(Arc::new(Target {
            provider,
            client: old.map_or_else(client, |old| Ok(old.client.clone())).map_err(wrong)?,
            breaker: old.map_or_else(|| breaker.name(&*config.name), |old| old.breaker.clone()),
            limit: limit
                .map(|new| old.and_then(|old| old.limit.clone()).unwrap_or_else(|| new.name(&*config.name))),
            config: config.clone(),
        }))
    }

    /// Takes over the numbers of this entry where they differ from those of the file before. What an operator has set
    /// meanwhile stays, unless the file says something new.
    pub(crate) fn adjust(&self, new: &TargetConfig, before: Option<&TargetConfig>) {
        if before.is_some_and(|before| before.breaker != new.breaker) {
            // Checked when the target was made.
            let _ = self.breaker.handle().set_policy(new.breaker.policy());
        }
        if let (Some(limit), Some(limits)) = (&self.limit, &new.limits)
            && before.is_some_and(|before| before.limits != new.limits)
        {
            let _ = limit.handle().set_policy(limits.policy());
        }
    }

    pub(crate) fn circuit(&self) -> BreakerHandle {
        self.breaker.handle()
    }

    pub(crate) fn limits(&self) -> Option<LimitHandle> {
        self.limit.as_ref().map(LimitLayer::handle)
    }
}

/// A pool of its own, so that a target that holds its connections keeps nobody else from theirs.
fn client() -> Result<HttpClient, BoxError> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(std::time::Duration::from_secs(5)));
    let https = HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1();
    Ok(Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(https.wrap_connector(http)))
}

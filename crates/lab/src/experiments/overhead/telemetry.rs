//! Both of telemetry's layers, with nobody who listens. No peer counts calls and attempts.

use buttress_call::{BoxError, ByError};
use buttress_provider::{Provider, ProviderLayer};
use buttress_telemetry::Telemetry;
use tower::ServiceBuilder;

use super::{OURS, client::Client, inner::Plain, subject::Subject};

pub(super) fn subjects(case: &str, inner: impl Plain) -> Vec<Subject> {
    let telemetry = Telemetry::default();
    let both = ServiceBuilder::new()
        .layer(telemetry.call().classify(ByError))
        .layer(telemetry.attempt("first").classify(ByError));
    vec![Subject::service(case, OURS, both.service(inner))]
}

/// Around a provider layer, which tells them of the end: what is left when `provider/http` is taken away is theirs.
pub(super) fn http() -> Result<Subject, BoxError> {
    let telemetry = Telemetry::default();
    let provider = ProviderLayer::new(Provider::openai().api_key("sk-lab"))?;
    let both =
        ServiceBuilder::new().layer(telemetry.call()).layer(telemetry.attempt("first")).layer(provider);
    Ok(Subject::http("telemetry/http", OURS, both.service(Client)))
}

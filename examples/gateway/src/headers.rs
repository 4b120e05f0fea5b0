//! Which headers pass.

use axum::response::Response;
use buttress::failover::AnsweredBy;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Names the target that answered.
pub(crate) const TARGET: HeaderName = HeaderName::from_static("x-buttress-target");

/// Of the caller's request: what is about the caller, and nothing to the provider. (What belongs to the connection is the
/// provider layer's to remove.)
const CALLERS_OWN: [HeaderName; 15] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::FORWARDED,
    header::ORIGIN,
    header::REFERER,
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("openai-organization"),
    HeaderName::from_static("openai-project"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
    TARGET,
];

/// Of the provider's answer: what belongs to the connection that it came over, or to the provider's own site.
const PROVIDERS_OWN: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::SET_COOKIE,
    header::ALT_SVC,
];

/// Leaves of a request's headers what a provider may see.
pub(crate) fn inward(headers: &mut HeaderMap) {
    remove(headers, &CALLERS_OWN);
}

/// Leaves of an answer's headers what the caller may see.
pub(crate) fn outward(headers: &mut HeaderMap) {
    remove(headers, &PROVIDERS_OWN);
}

/// Few of these come: to look through the few headers that did is cheaper than to ask for each.
fn remove(headers: &mut HeaderMap, names: &[HeaderName]) {
    let present: Vec<HeaderName> = headers.keys().filter(|name| names.contains(name)).cloned().collect();
    for name in present {
        headers.remove(name);
    }
}

/// Says in the answer's header who gave it.
pub(crate) fn name_target(mut response: Response, target: Option<&str>) -> Response {
    let named = response.extensions().get::<AnsweredBy>().map(AnsweredBy::name).or(target);
    if let Some(Ok(value)) = named.map(HeaderValue::from_str) {
        response.headers_mut().insert(TARGET, value);
    }
    response
}

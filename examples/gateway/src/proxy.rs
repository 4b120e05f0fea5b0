//! One call, from the caller's request to the provider's answer.

use std::{convert::Infallible, future::ready, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use buttress::{
    BoxError,
    call::Call,
    provider::BufferLayer,
    wire::{self, Dialect},
};
use bytes::Bytes;
use http::header;
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    errors::{self, Refusal},
    gateway::Gateway,
    headers,
    stream_end::StreamEnd,
    table::Table,
};

/// `POST` to a path whose body names a model. Dropped, because the caller is gone, it drops the call to the provider.
pub(crate) async fn forward(State(gateway): State<Gateway>, request: Request) -> Response {
    // One table for the whole call, whatever is reloaded meanwhile.
    let table = gateway.table();
    match call(&table, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn call(table: &Arc<Table>, request: Request) -> Result<Response, Response> {
    table.callers.admit(request.headers()).map_err(IntoResponse::into_response)?;
    let mut request = read(table, request).await?;
    let route = {
        let shape = Call::get(request.extensions()).and_then(Call::shape);
        let Some(shape) = shape else { return Err(not_json(request).await.into_response()) };
        let model = shape.model.as_deref().ok_or_else(|| Refusal::no_model().into_response())?;
        table.route(model).ok_or_else(|| Refusal::unknown_model(model).into_response())?
    };
    headers::inward(request.headers_mut());
    let response = route.service.clone().oneshot(request).await.map_err(errors::answer)?;
    Ok(answer(response))
}

/// Reads the body, once; what it asks for is then in the request's `Call`.
async fn read(table: &Table, request: Request) -> Result<http::Request<Full<Bytes>>, Response> {
    let collected = service_fn(|request: http::Request<Full<Bytes>>| ready(Ok::<_, Infallible>(request)));
    let buffer = BufferLayer::default().limit(table.config.max_request_bytes).layer(collected);
    match tokio::time::timeout(table.config.upload_seconds.0, buffer.oneshot(request)).await {
        Ok(read) => read.map_err(errors::answer),
        Err(_) => Err(Refusal::slow_upload().into_response()),
    }
}

/// What is wrong with a body that could not be read.
async fn not_json(request: http::Request<Full<Bytes>>) -> Refusal {
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
    match wire::shape(Dialect::OpenAi, &body.unwrap_or_default()) {
        Err(error) => Refusal::bad_body(error),
        Ok(_) => Refusal::no_model(),
    }
}

/// The provider's answer, byte for byte, with the end that a stream owes its reader.
fn answer<B>(response: http::Response<B>) -> Response
where
    B: http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static,
{
    let (mut parts, body) = response.into_parts();
    headers::outward(&mut parts.headers);
    let streams = parts
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().to_ascii_lowercase().starts_with(b"text/event-stream"));
    let body = if streams {
        // An error event at the end would not be in it.
        parts.headers.remove(header::CONTENT_LENGTH);
        Body::new(StreamEnd::new(body))
    } else {
        Body::new(body)
    };
    headers::name_target(Response::from_parts(parts, body), None)
}

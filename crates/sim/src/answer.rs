//! From a request to the decision what becomes of it.

use std::{io, pin::pin};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{Request, Response, request::Parts};
use http_body::Body;
use serde_json::Value;

use crate::{
    Ending, Fault, SimBody, SimError,
    call::Call,
    deliver::{generate, models, refuse},
    wire::{Ask, Chat, Problem, Route, Speak},
};

/// A longer request body is refused with 413.
pub(crate) const MAX_REQUEST: usize = 16 * 1024 * 1024;

/// What a sound request wants.
enum Wanted {
    Models,
    Answer(Ask),
}

pub(crate) async fn answer<B: Body>(
    mut call: Call,
    request: Request<B>,
) -> Result<Response<SimBody>, SimError> {
    let (parts, body) = request.into_parts();
    let Ok(body) = read_body(body).await else {
        // The upload broke off: there is nobody to answer.
        call.end(Ending::Cancelled);
        return Err(SimError::new(&call.sim.name, io::ErrorKind::ConnectionReset));
    };
    let speak = call.sim.model.wire.speak();
    let route = speak.route(&parts.method, &parts.uri);
    let (speak, ask) = match &route {
        Ok(Route::Chat(chat)) => (chat.speak, read(chat, body)),
        // Nothing is asked of a model.
        _ => (speak, Err(Problem::NotJson)),
    };
    if let Ok(ask) = &ask {
        call.understood(ask);
    }
    let struck = call.strike(ask.as_ref().map_or("", |ask| &ask.model));
    let fault = struck.fault.as_ref();
    match fault {
        Some(Fault::Reset) => return Err(call.tear(io::ErrorKind::ConnectionReset)),
        Some(Fault::ConnectRefused) => return Err(call.tear(io::ErrorKind::ConnectionRefused)),
        Some(Fault::BlackHole) => std::future::pending().await,
        _ => {}
    }
    let wanted = match wanted(&call, speak, &parts, route, ask) {
        Ok(wanted) => wanted,
        Err(problem) => return Ok(refuse(call, speak, &problem, Ending::Refused)),
    };
    if let Some(problem) = fault.and_then(|fault| refusal(fault, &call, &wanted)) {
        return Ok(refuse(call, speak, &problem, Ending::Faulted));
    }
    let ask = match wanted {
        Wanted::Models => return Ok(models(call)),
        Wanted::Answer(ask) => ask,
    };
    if let Err(excess) = call.sim.admit(ask.input_tokens) {
        let problem = Problem::Exceeded { excess, model: ask.model };
        return Ok(refuse(call, speak, &problem, Ending::Refused));
    }
    Ok(generate(call, speak, ask, &struck).await)
}

/// The whole body, or `None` when it is too long.
async fn read_body<B: Body>(body: B) -> Result<Option<Bytes>, B::Error> {
    let mut body = pin!(body);
    let mut whole = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        if let Ok(data) = frame?.into_data() {
            if whole.len() + data.remaining() > MAX_REQUEST {
                return Ok(None);
            }
            whole.put(data);
        }
    }
    Ok(Some(whole.freeze()))
}

fn read(chat: &Chat, body: Option<Bytes>) -> Result<Ask, Problem> {
    let body = body.ok_or(Problem::TooLarge)?;
    let json: Value = serde_json::from_slice(&body).map_err(|_| Problem::NotJson)?;
    if json.is_object() { chat.speak.read(chat.model.as_deref(), &json) } else { Err(Problem::NotJson) }
}

fn wanted(
    call: &Call,
    speak: &dyn Speak,
    parts: &Parts,
    route: Result<Route, Problem>,
    ask: Result<Ask, Problem>,
) -> Result<Wanted, Problem> {
    let route = route?;
    speak.authorize(&parts.headers, &parts.uri)?;
    if let Route::Models = route {
        return Ok(Wanted::Models);
    }
    let model = &call.sim.model;
    let mut ask = ask?;
    if !model.names.is_empty() && !model.names.contains(&ask.model) {
        return Err(Problem::UnknownModel(ask.model));
    }
    match model.context_window {
        Some(window) if ask.input_tokens > window && speak.truncates() => {
            ask.input_tokens = window / 2;
            call.understood(&ask);
            Ok(Wanted::Answer(ask))
        }
        Some(window) if ask.input_tokens > window => {
            Err(Problem::ContextTooLong { window, input: ask.input_tokens })
        }
        _ => Ok(Wanted::Answer(ask)),
    }
}

/// The refusal that a fault is, if it is one.
fn refusal(fault: &Fault, call: &Call, wanted: &Wanted) -> Option<Problem> {
    let (model, input) = match wanted {
        Wanted::Models => ("", 1),
        Wanted::Answer(ask) => (ask.model.as_str(), ask.input_tokens),
    };
    let model = model.to_owned();
    match fault {
        Fault::Refuse => Some(Problem::Status { status: 503, model }),
        Fault::Status(status) => Some(Problem::Status { status: *status, model }),
        Fault::RateLimit { retry_after } => Some(Problem::RateLimit { wait: *retry_after, model }),
        Fault::Quota => Some(Problem::Quota),
        Fault::ContextTooLong => {
            let window = call.sim.model.context_window.unwrap_or_else(|| input.saturating_sub(1));
            Some(Problem::ContextTooLong { window, input })
        }
        _ => None,
    }
}

//! Heads and bodies of answers, each at its time.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Body;
use rand::Rng;
use tokio::time::sleep_until;

use crate::{
    Ending, Fault, SimBody,
    call::Call,
    generation::Generation,
    rule::Struck,
    script,
    seed::Purpose,
    text,
    wire::{Ask, Problem, Reply, Speak},
};

pub(crate) fn refuse(mut call: Call, speak: &dyn Speak, problem: &Problem, end: Ending) -> Response<SimBody> {
    let refusal = speak.refuse(problem, &call.id());
    let mut head = head(&call, refusal.status, refusal.content_type);
    if let Some(wait) = problem.wait() {
        speak.hint(head.headers_mut(), wait);
    }
    call.end(end);
    join(head, SimBody::plain(refusal.body))
}

pub(crate) fn models(mut call: Call) -> Response<SimBody> {
    let sim = &call.sim;
    let speak = sim.model.wire.speak();
    let list = speak.models(&sim.model_names(), sim.clock.unix());
    let head = head(&call, StatusCode::OK, speak.content_type(false));
    call.end(Ending::Answered);
    join(head, SimBody::plain(list))
}

/// An admitted call's answer: its head may be long in coming.
pub(crate) async fn generate(
    mut call: Call,
    speak: &'static dyn Speak,
    ask: Ask,
    struck: &Struck,
) -> Response<SimBody> {
    let fault = struck.fault.as_ref();
    let (output, cut) = call.draw_output(ask.max_tokens);
    let mut reply = Reply {
        speak,
        id: call.id(),
        created: call.sim.clock.unix(),
        model: ask.model,
        input: ask.input_tokens,
        output,
        cut,
        include_usage: ask.include_usage,
        embeds: ask.embeds,
        clock: call.sim.clock,
        arrived: call.arrived(),
        first_token: call.arrived(),
    };
    if let Some(nonsense) = fault.and_then(|fault| nonsense(fault, &call, &reply, ask.stream)) {
        let content_type = speak.content_type(ask.stream && fault != Some(&Fault::ErrorIn200));
        let head = head(&call, StatusCode::OK, content_type);
        call.end(Ending::Faulted);
        return join(head, SimBody::plain(nonsense));
    }
    let generation = call.begin(output, struck);
    reply.first_token = generation.next();
    if !ask.stream {
        return whole(call, reply, fault).await;
    }
    if let Some(tokens) = fault.and_then(Fault::last_token) {
        generation.halt_after(tokens);
        reply.output = reply.output.min(tokens);
    }
    stream(call, reply, fault).await
}

/// The body of an answer that is none, if that is the fault.
fn nonsense(fault: &Fault, call: &Call, reply: &Reply, stream: bool) -> Option<Bytes> {
    match fault {
        Fault::EmptyOk => Some(Bytes::new()),
        Fault::Garbage { bytes } => {
            let mut garbage = vec![0; *bytes];
            call.sim.seed.rng(call.number, Purpose::Garbage).fill_bytes(&mut garbage);
            Some(garbage.into())
        }
        Fault::ErrorEvent { .. } | Fault::ErrorThenDone { .. } if stream => None,
        Fault::ErrorIn200 | Fault::ErrorEvent { .. } | Fault::ErrorThenDone { .. } => {
            Some(reply.speak.error_body(reply))
        }
        _ => None,
    }
}

async fn stream(mut call: Call, reply: Reply, fault: Option<&Fault>) -> Response<SimBody> {
    let at_once = matches!(fault, Some(Fault::ErrorEvent { after: 0 } | Fault::ErrorThenDone { after: 0 }));
    let first = call.generate().map(Generation::next);
    if let Some(first) = first.filter(|_| !call.sim.model.early_head && !at_once) {
        sleep_until(first).await;
    }
    let script = script::stream(&reply, fault);
    let mut head = head(&call, StatusCode::OK, reply.speak.content_type(true));
    if reply.speak.content_type(true).starts_with("text/event-stream") {
        head.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    answered(head, SimBody::stream(call, reply, script), fault)
}

async fn whole(mut call: Call, reply: Reply, fault: Option<&Fault>) -> Response<SimBody> {
    // Blank lines for ever come under a head that came at once.
    if fault != Some(&Fault::EndlessPrelude) {
        while let Some(next) = call.generate().filter(|it| !it.is_complete()).map(Generation::next) {
            sleep_until(next).await;
        }
        call.sent(reply.output);
    }
    let json = reply.speak.whole(&reply, &text::text(call.sim.seed, reply.output));
    let mut head = head(&call, StatusCode::OK, reply.speak.content_type(false));
    if let Some(Fault::StallAfter { .. } | Fault::CutAfter { .. }) = fault {
        // The head promises what the body does not keep.
        head.headers_mut().insert(header::CONTENT_LENGTH, json.len().into());
    }
    answered(head, SimBody::whole(call, script::whole(&json, fault)), fault)
}

fn answered(mut head: Response<()>, body: SimBody, fault: Option<&Fault>) -> Response<SimBody> {
    if fault != Some(&Fault::Gzip) {
        return join(head, body);
    }
    head.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    join(head, body.gzipped())
}

fn head(call: &Call, status: StatusCode, content_type: &'static str) -> Response<()> {
    call.note(|seen| seen.status = Some(status));
    let sim = &call.sim;
    let speak = sim.model.wire.speak();
    let mut head = Response::new(());
    *head.status_mut() = status;
    let headers = head.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(date) = HeaderValue::try_from(sim.clock.http_date()) {
        headers.insert(header::DATE, date);
    }
    speak.stamp(headers, &call.id(), call.age());
    if let Some(levels) = sim.levels() {
        speak.limits(headers, &levels, &sim.clock);
    }
    head
}

/// In process, too, a body of known length has it in its head.
fn join(mut head: Response<()>, body: SimBody) -> Response<SimBody> {
    if let Some(length) = body.size_hint().exact() {
        head.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    head.map(|()| body)
}

//! The two spans, and the log lines at their ends.

use std::fmt;

use buttress_call::{Cause, Outcome, Shape, Usage};
use tracing::{Span, field::Empty};

use crate::{names, record::Counts, recorder::End};

/// A span's name as the conventions want it. tracing's own names are fixed, so it is a field for exporters.
struct Name<'a>(&'static str, Option<&'a str>);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)?;
        self.1.map_or(Ok(()), |model| write!(f, " {model}"))
    }
}

pub(crate) fn call(operation: &'static str, model: Option<&str>) -> Span {
    tracing::info_span!(
        names::CALL,
        otel.name = %Name(operation, model),
        otel.kind = "internal",
        otel.status_code = Empty,
        { names::OPERATION } = operation,
        { names::MODEL } = model,
        { names::OUTCOME } = Empty,
        { names::ERROR_TYPE } = Empty,
        { names::FIRST_CONTENT } = Empty,
        { names::ATTEMPTS } = Empty,
        { names::RETRIES } = Empty,
        { names::HEDGES } = Empty,
        { names::FAILOVERS } = Empty,
        { names::WAIT } = Empty,
        { names::REFUSALS } = Empty,
    )
}

/// The model was not known when the call began: a layer further inside has read it since.
pub(crate) fn name(span: &Span, operation: &'static str, model: Option<&str>) {
    if let Some(model) = model.filter(|_| !span.is_disabled()) {
        span.record("otel.name", tracing::field::display(Name(operation, Some(model))));
        span.record(names::MODEL, model);
    }
}

pub(crate) fn attempt(
    operation: &'static str,
    shape: Option<&Shape>,
    target: &str,
    provider: &str,
    cause: Cause,
) -> Span {
    let model = shape.and_then(|shape| shape.model.as_deref());
    tracing::info_span!(
        names::ATTEMPT,
        otel.name = %Name(operation, model),
        otel.kind = "client",
        otel.status_code = Empty,
        { names::OPERATION } = operation,
        { names::PROVIDER } = provider,
        { names::MODEL } = model,
        { names::STREAM } = shape.map(|shape| shape.stream),
        { names::MAX_TOKENS } = shape.and_then(|shape| shape.max_output).map(signed),
        { names::TARGET } = target,
        { names::CAUSE } = cause_name(cause),
        { names::OUTCOME } = Empty,
        { names::ERROR_TYPE } = Empty,
        { names::FIRST_CONTENT } = Empty,
        { names::INPUT_TOKENS } = Empty,
        { names::OUTPUT_TOKENS } = Empty,
        { names::CACHED_TOKENS } = Empty,
        { names::CACHE_WRITE_TOKENS } = Empty,
        { names::REASONING_TOKENS } = Empty,
    )
}

/// OpenTelemetry's integers are signed; an exporter writes an unsigned one as a string.
fn signed(count: impl Into<u64>) -> i64 {
    i64::try_from(count.into()).unwrap_or(i64::MAX)
}

pub(crate) fn call_ended(span: &Span, end: &End, counts: &Counts, model: Option<&str>) {
    if !span.is_disabled() {
        ended(span, end);
        let Counts { attempts, retries, hedges, failovers, refusals, wait } = *counts;
        span.record(names::ATTEMPTS, signed(attempts));
        span.record(names::RETRIES, signed(retries));
        span.record(names::HEDGES, signed(hedges));
        span.record(names::FAILOVERS, signed(failovers));
        span.record(names::REFUSALS, signed(refusals));
        span.record(names::WAIT, wait.as_secs_f64());
    }
    tracing::debug!(
        parent: span,
        model,
        outcome = outcome_name(end.outcome),
        kind = kind_name(end.outcome),
        ms = millis(end.duration),
        first_content_ms = end.first_content.map(millis),
        attempts = counts.attempts,
        "call ended"
    );
}

pub(crate) fn attempt_ended(
    span: &Span,
    end: &End,
    usage: Option<&Usage>,
    name: &str,
    model: Option<&str>,
    cause: Cause,
) {
    if !span.is_disabled() {
        ended(span, end);
        if let Some(usage) = usage {
            span.record(names::INPUT_TOKENS, signed(usage.input));
            span.record(names::OUTPUT_TOKENS, signed(usage.output));
            span.record(names::CACHED_TOKENS, signed(usage.cached_input));
            span.record(names::CACHE_WRITE_TOKENS, signed(usage.cache_write));
            span.record(names::REASONING_TOKENS, signed(usage.reasoning));
        }
    }
    tracing::debug!(
        parent: span,
        name,
        model,
        cause = cause_name(cause),
        outcome = outcome_name(end.outcome),
        kind = kind_name(end.outcome),
        ms = millis(end.duration),
        first_content_ms = end.first_content.map(millis),
        input_tokens = usage.map(|usage| usage.input),
        output_tokens = usage.map(|usage| usage.output),
        "attempt ended"
    );
}

fn ended(span: &Span, end: &End) {
    span.record(names::OUTCOME, outcome_name(end.outcome));
    if let Some(kind) = kind_name(end.outcome) {
        span.record(names::ERROR_TYPE, kind);
        span.record("otel.status_code", "ERROR");
    }
    if let Some(time) = end.first_content {
        span.record(names::FIRST_CONTENT, time.as_secs_f64());
    }
}

fn millis(time: std::time::Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

pub(crate) fn kind_name(outcome: Outcome) -> Option<&'static str> {
    outcome.failure().map(|failure| failure.kind.as_str())
}

pub(crate) fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "ok",
        Outcome::Failure(_) => "failed",
        _ => "cancelled",
    }
}

pub(crate) fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::Retry => "retry",
        Cause::Hedge => "hedge",
        Cause::Failover => "failover",
        _ => "first",
    }
}

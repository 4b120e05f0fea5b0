//! What is told to the `metrics` facade.

use std::{sync::Arc, time::Duration};

use buttress_call::{Cause, Note, Progress, Usage};
use metrics::{Label, SharedString, Unit, counter, gauge, histogram};

use crate::{
    Amount, Change, names,
    recorder::{End, Fate},
    span::{cause_name, kind_name, outcome_name},
};

/// The names that an attempt's series have in common.
#[derive(Clone, Debug)]
pub(crate) struct Labels {
    target: Arc<str>,
    provider: Arc<str>,
    model: Arc<str>,
}

impl Labels {
    /// The names of target, provider and model.
    pub(crate) fn of(names: impl FnOnce() -> [Arc<str>; 3]) -> Self {
        let [target, provider, model] = names();
        Labels { target, provider, model }
    }

    fn vec(&self, operation: &'static str, outcome: Option<&'static str>) -> Vec<Label> {
        let mut labels = Vec::with_capacity(6);
        labels.push(Label::from_static_parts(names::OPERATION, operation));
        labels.push(Label::new(names::PROVIDER, self.provider.clone()));
        labels.push(Label::new(names::MODEL, self.model.clone()));
        labels.push(Label::new(names::TARGET, self.target.clone()));
        labels.extend(outcome.map(|kind| Label::from_static_parts(names::ERROR_TYPE, kind)));
        labels
    }
}

macro_rules! described {
    ($($describe:ident $name:ident $unit:ident $text:literal)*) => {
        /// Tells the recorder that is installed by now what the metrics are.
        pub(crate) fn describe() {
            $(metrics::$describe!(names::$name, Unit::$unit, $text);)*
        }
    };
}

described! {
    describe_histogram OPERATION_DURATION Seconds "An attempt, from its call to its true end."
    describe_histogram TIME_TO_FIRST_CHUNK Seconds "An attempt's first content, from the send."
    describe_histogram TIME_PER_OUTPUT_CHUNK Seconds "The mean time between an attempt's content events."
    describe_histogram TOKEN_USAGE Count "An attempt's tokens, as the provider has reported them."
    describe_counter ATTEMPTS_ENDED Count "Attempts that ended."
    describe_counter CALLS_ENDED Count "Calls that ended."
    describe_gauge CALLS_RUNNING Count "Calls that have begun and not ended."
    describe_histogram CALL_DURATION Seconds "A call, from its beginning to its true end."
    describe_histogram CALL_FIRST_CONTENT Seconds "A call's first content, from its beginning."
    describe_counter EXHAUSTED Count "Calls that no target served."
    describe_counter TOKENS Count "Tokens, by whether their answer reached the caller."
    describe_counter COST Count "The tokens' price, in billionths of the price table's currency."
    describe_histogram LIMITER_WAIT Seconds "Waits in limiters."
    describe_counter REFUSED Count "Calls refused on this side."
    describe_histogram RETRY_WAIT Seconds "Waits before retries."
    describe_counter FAILED_OVER Count "Calls that went on to another target."
    describe_counter TRANSITIONS Count "Changes of a state, as of a breaker."
    describe_gauge STATE Count "1 for the state that something is in, 0 for those it has been in."
}

pub(crate) fn call_began() {
    gauge!(names::CALLS_RUNNING).increment(1.0);
}

pub(crate) fn call_ended(operation: &'static str, end: &End, exhausted: bool) {
    gauge!(names::CALLS_RUNNING).decrement(1.0);
    let kind = kind_name(end.outcome).map(|kind| Label::from_static_parts(names::ERROR_TYPE, kind));
    let labels = || {
        let mut labels = Vec::with_capacity(3);
        labels.push(Label::from_static_parts(names::OPERATION, operation));
        labels.push(Label::from_static_parts(names::OUTCOME, outcome_name(end.outcome)));
        labels.extend(kind.clone());
        labels
    };
    counter!(names::CALLS_ENDED, labels()).increment(1);
    histogram!(names::CALL_DURATION, labels()).record(end.duration);
    if let Some(time) = end.first_content {
        histogram!(names::CALL_FIRST_CONTENT, vec![Label::from_static_parts(names::OPERATION, operation)])
            .record(time);
    }
    if exhausted {
        counter!(names::EXHAUSTED).increment(1);
    }
}

pub(crate) fn attempt_ended(
    operation: &'static str,
    cause: Cause,
    end: &End,
    usage: Option<&Usage>,
    progress: Option<&Progress>,
    labels: &Labels,
) {
    let kind = kind_name(end.outcome);
    histogram!(names::OPERATION_DURATION, labels.vec(operation, kind)).record(end.duration);
    let mut more = labels.vec(operation, kind);
    more.push(Label::from_static_parts(names::CAUSE, cause_name(cause)));
    more.push(Label::from_static_parts(names::OUTCOME, outcome_name(end.outcome)));
    counter!(names::ATTEMPTS_ENDED, more).increment(1);
    if let Some(time) = end.first_content {
        histogram!(names::TIME_TO_FIRST_CHUNK, labels.vec(operation, None)).record(time);
    }
    if let Some(time) = progress.and_then(per_chunk) {
        histogram!(names::TIME_PER_OUTPUT_CHUNK, labels.vec(operation, None)).record(time);
    }
    for (name, tokens) in types(usage) {
        let mut labels = labels.vec(operation, None);
        labels.push(Label::from_static_parts(names::TOKEN_TYPE, name));
        histogram!(names::TOKEN_USAGE, labels).record(tokens as f64);
    }
}

fn types(usage: Option<&Usage>) -> impl Iterator<Item = (&'static str, u64)> {
    usage.into_iter().flat_map(|usage| [("input", usage.input), ("output", usage.output)])
}

/// The mean time between content events: it takes two.
fn per_chunk(progress: &Progress) -> Option<Duration> {
    let (first, last) = (progress.first_content_at()?, progress.last_content_at()?);
    let gaps = u32::try_from(progress.content_events().checked_sub(1)?).ok()?;
    last.saturating_duration_since(first).checked_div(gaps)
}

/// What it was spent for is known by now.
pub(crate) fn spent(labels: &Labels, usage: &Usage, cost: Amount, fate: Fate) {
    let spent_for = match fate {
        Fate::Useful => "useful",
        Fate::Wasted => "wasted",
        Fate::Undecided => return,
    };
    let Labels { target, model, .. } = labels;
    let labels = || {
        let target = Label::new(names::TARGET, target.clone());
        let model = Label::new(names::MODEL, model.clone());
        vec![target, model, Label::from_static_parts(names::USE, spent_for)]
    };
    for (name, tokens) in types(Some(usage)).filter(|(_, tokens)| *tokens > 0) {
        let mut labels = labels();
        labels.push(Label::from_static_parts(names::TOKEN_TYPE, name));
        counter!(names::TOKENS, labels).increment(tokens);
    }
    if cost.billionths() > 0 {
        counter!(names::COST, labels()).increment(cost.billionths());
    }
}

pub(crate) fn note(note: &Note<'_>) {
    match *note {
        Note::Waited { limiter, time } => {
            histogram!(names::LIMITER_WAIT, vec![label(names::NAME, limiter)]).record(time);
        }
        Note::Refused { layer, name } => {
            let layer = Label::from_static_parts(names::LAYER, layer);
            counter!(names::REFUSED, vec![layer, label(names::NAME, name)]).increment(1);
        }
        Note::Retrying { kind, wait } => {
            let kind = Label::from_static_parts(names::ERROR_TYPE, kind.as_str());
            histogram!(names::RETRY_WAIT, vec![kind]).record(wait);
        }
        Note::FailingOver { from, to, kind } => {
            let kind = Label::from_static_parts(names::ERROR_TYPE, kind.as_str());
            counter!(names::FAILED_OVER, vec![label(names::FROM, from), label(names::TO, to), kind])
                .increment(1);
        }
        _ => {}
    }
}

pub(crate) fn changed(Change { name, from, to, .. }: &Change) {
    let named = || Label::new(names::NAME, name.clone());
    if from != to {
        let (from, to) =
            (Label::from_static_parts(names::FROM, from), Label::from_static_parts(names::TO, to));
        counter!(names::TRANSITIONS, vec![named(), from, to]).increment(1);
    }
    for (state, value) in [(from, 0.0), (to, 1.0)] {
        gauge!(names::STATE, vec![named(), Label::from_static_parts("state", state)]).set(value);
    }
}

/// On the slow paths only: the value is copied.
fn label(name: &'static str, value: &str) -> Label {
    Label::new(name, SharedString::from(value.to_owned()))
}

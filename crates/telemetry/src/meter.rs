//! What is told to the `metrics` facade.

use std::time::Duration;

use buttress_call::{Cause, Note, Outcome, Progress, Usage};
use metrics::{Key, Label, Level, Metadata, SharedString, Unit, counter, gauge, histogram};

pub(crate) use crate::keys::{Cache, Labels};
use crate::{
    Amount, Change, names,
    recorder::{End, Fate},
    span::{kind_name, outcome_name},
};

pub(crate) const USEFUL: &str = "useful";
const WASTED: &str = "wasted";
pub(crate) const TOKEN_TYPES: [&str; 2] = ["input", "output"];

static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

fn count(key: &Key, more: u64) {
    metrics::with_recorder(|recorder| recorder.register_counter(key, &METADATA).increment(more));
}

fn sample(key: &Key, value: impl metrics::IntoF64) {
    metrics::with_recorder(|recorder| recorder.register_histogram(key, &METADATA).record(value));
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

/// The keys of calls that end well, by operation.
struct CallKeys {
    ended: Key,
    duration: Key,
    first_content: Key,
}

macro_rules! call_keys {
    ($($operation:literal)*) => {
        fn call_keys(operation: &str) -> Option<&'static CallKeys> {
            match operation {
                $($operation => {
                    static LABELS: [Label; 2] = [
                        Label::from_static_parts(names::OPERATION, $operation),
                        Label::from_static_parts(names::OUTCOME, "ok"),
                    ];
                    static KEYS: CallKeys = CallKeys {
                        ended: Key::from_static_parts(names::CALLS_ENDED, &LABELS),
                        duration: Key::from_static_parts(names::CALL_DURATION, &LABELS),
                        first_content: Key::from_static_parts(names::CALL_FIRST_CONTENT, &LABELS),
                    };
                    Some(&KEYS)
                })*
                _ => None,
            }
        }
    };
}

call_keys!("chat" "embeddings" "text_completion" "generate_content");

static RUNNING: Key = Key::from_static_name(names::CALLS_RUNNING);

fn running(change: impl FnOnce(metrics::Gauge)) {
    metrics::with_recorder(|recorder| change(recorder.register_gauge(&RUNNING, &METADATA)));
}

pub(crate) fn call_began() {
    running(|gauge| gauge.increment(1.0));
}

pub(crate) fn call_ended(operation: &'static str, end: &End, exhausted: bool) {
    running(|gauge| gauge.decrement(1.0));
    if let (Outcome::Success, Some(keys)) = (end.outcome, call_keys(operation)) {
        count(&keys.ended, 1);
        sample(&keys.duration, end.duration);
        if let Some(time) = end.first_content {
            sample(&keys.first_content, time);
        }
        return;
    }
    let ended = || {
        vec![
            Label::from_static_parts(names::OPERATION, operation),
            Label::from_static_parts(names::OUTCOME, outcome_name(end.outcome)),
        ]
    };
    let kind = kind_name(end.outcome).map(|kind| Label::from_static_parts(names::ERROR_TYPE, kind));
    let labels = || ended().into_iter().chain(kind.clone()).collect::<Vec<_>>();
    counter!(names::CALLS_ENDED, labels()).increment(1);
    histogram!(names::CALL_DURATION, labels()).record(end.duration);
    if let Some(time) = end.first_content {
        histogram!(names::CALL_FIRST_CONTENT, ended()).record(time);
    }
    if exhausted {
        counter!(names::EXHAUSTED).increment(1);
    }
}

pub(crate) fn attempt_ended(
    cause: Cause,
    end: &End,
    usage: Option<&Usage>,
    progress: Option<&Progress>,
    keys: &Labels,
) {
    let kind = kind_name(end.outcome);
    if kind.is_none() {
        sample(&keys.duration, end.duration);
    } else {
        histogram!(names::OPERATION_DURATION, keys.operation(kind)).record(end.duration);
    }
    if cause == Cause::First && end.outcome.is_success() {
        count(&keys.ended_well, 1);
    } else {
        count(&keys.ended(cause, outcome_name(end.outcome), kind), 1);
    }
    if let Some(time) = end.first_content {
        sample(&keys.first_chunk, time);
    }
    if let Some(time) = progress.and_then(per_chunk) {
        sample(&keys.per_chunk, time);
    }
    if let Some(usage) = usage {
        let [input, output] = &keys.usage;
        sample(input, usage.input as f64);
        sample(output, usage.output as f64);
    }
}

/// The mean time between content events: it takes two.
fn per_chunk(progress: &Progress) -> Option<Duration> {
    let (first, last) = (progress.first_content_at()?, progress.last_content_at()?);
    let gaps = u32::try_from(progress.content_events().checked_sub(1)?).ok()?;
    last.saturating_duration_since(first).checked_div(gaps)
}

/// What it was spent for is known by now.
pub(crate) fn spent(keys: &Labels, usage: &Usage, cost: Amount, fate: Fate) {
    let tokens = [usage.input, usage.output];
    match fate {
        Fate::Undecided => {}
        Fate::Useful => {
            for (key, tokens) in keys.useful.iter().zip(tokens).filter(|(_, tokens)| *tokens > 0) {
                count(key, tokens);
            }
            if cost.billionths() > 0 {
                count(&keys.useful_cost, cost.billionths());
            }
        }
        Fate::Wasted => {
            for (name, tokens) in TOKEN_TYPES.into_iter().zip(tokens).filter(|(_, tokens)| *tokens > 0) {
                count(&keys.tokens(WASTED, name), tokens);
            }
            if cost.billionths() > 0 {
                counter!(names::COST, keys.spent_for(WASTED)).increment(cost.billionths());
            }
        }
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
        gauge!(names::STATE, vec![named(), Label::from_static_parts(names::IN_STATE, state)]).set(value);
    }
}

/// On the slow paths only: the value is copied.
fn label(name: &'static str, value: &str) -> Label {
    Label::new(name, SharedString::from(value.to_owned()))
}

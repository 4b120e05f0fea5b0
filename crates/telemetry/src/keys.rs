//! The keys of an attempt's series.

use std::{collections::HashMap, sync::Arc};

use buttress_call::Cause;
use metrics::{Key, Label};

use crate::{
    meter::{TOKEN_TYPES, USEFUL},
    names,
    span::cause_name,
};

/// The keys of an attempt's series, which every attempt of this target, model and operation shares: a key costs
/// allocations, and who is installed as recorder is asked each time.
#[derive(Debug)]
pub(crate) struct Keys {
    operation: &'static str,
    target: Arc<str>,
    provider: Arc<str>,
    model: Arc<str>,
    pub(crate) duration: Key,
    pub(crate) first_chunk: Key,
    pub(crate) per_chunk: Key,
    /// Input and output.
    pub(crate) usage: [Key; 2],
    /// Input and output.
    pub(crate) useful: [Key; 2],
    pub(crate) useful_cost: Key,
    pub(crate) ended_well: Key,
}

pub(crate) type Labels = Arc<Keys>;

/// The keys that were needed so far: as many as a target has models with a name, for each operation.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    keys: HashMap<(Arc<str>, &'static str), Labels>,
}

impl Cache {
    /// Of these names of target, provider and model.
    pub(crate) fn labels(
        &mut self,
        operation: &'static str,
        names: impl FnOnce() -> [Arc<str>; 3],
    ) -> Labels {
        let [target, provider, model] = names();
        let keys = self.keys.entry((model.clone(), operation));
        keys.or_insert_with(|| Keys::new(operation, target, provider, model).into()).clone()
    }
}

impl Keys {
    fn new(operation: &'static str, target: Arc<str>, provider: Arc<str>, model: Arc<str>) -> Self {
        let empty = || Key::from_static_name("");
        let mut keys = Keys {
            operation,
            target,
            provider,
            model,
            duration: empty(),
            first_chunk: empty(),
            per_chunk: empty(),
            usage: [empty(), empty()],
            useful: [empty(), empty()],
            useful_cost: empty(),
            ended_well: empty(),
        };
        keys.duration = key(names::OPERATION_DURATION, keys.operation(None));
        keys.first_chunk = key(names::TIME_TO_FIRST_CHUNK, keys.operation(None));
        keys.per_chunk = key(names::TIME_PER_OUTPUT_CHUNK, keys.operation(None));
        keys.usage = TOKEN_TYPES.map(|name| {
            let mut labels = keys.operation(None);
            labels.push(Label::from_static_parts(names::TOKEN_TYPE, name));
            key(names::TOKEN_USAGE, labels)
        });
        keys.useful = TOKEN_TYPES.map(|name| keys.tokens(USEFUL, name));
        keys.useful_cost = key(names::COST, keys.spent_for(USEFUL));
        keys.ended_well = keys.ended(Cause::First, "ok", None);
        keys
    }

    pub(crate) fn operation(&self, kind: Option<&'static str>) -> Vec<Label> {
        let mut labels = Vec::with_capacity(7);
        labels.push(Label::from_static_parts(names::OPERATION, self.operation));
        labels.push(Label::new(names::PROVIDER, self.provider.clone()));
        labels.push(Label::new(names::MODEL, self.model.clone()));
        labels.push(Label::new(names::TARGET, self.target.clone()));
        labels.extend(kind.map(|kind| Label::from_static_parts(names::ERROR_TYPE, kind)));
        labels
    }

    pub(crate) fn ended(&self, cause: Cause, outcome: &'static str, kind: Option<&'static str>) -> Key {
        let mut labels = self.operation(kind);
        labels.push(Label::from_static_parts(names::CAUSE, cause_name(cause)));
        labels.push(Label::from_static_parts(names::OUTCOME, outcome));
        key(names::ATTEMPTS_ENDED, labels)
    }

    pub(crate) fn spent_for(&self, spent_for: &'static str) -> Vec<Label> {
        let target = Label::new(names::TARGET, self.target.clone());
        let model = Label::new(names::MODEL, self.model.clone());
        vec![target, model, Label::from_static_parts(names::USE, spent_for)]
    }

    pub(crate) fn tokens(&self, spent_for: &'static str, name: &'static str) -> Key {
        let mut labels = self.spent_for(spent_for);
        labels.push(Label::from_static_parts(names::TOKEN_TYPE, name));
        key(names::TOKENS, labels)
    }
}

/// A key as it is best kept: each time that it is told, the recorder looks for its series, and takes a clone of it. Labels
/// in order need no sorting when two keys are compared, and shared ones no copy.
fn key(name: &'static str, mut labels: Vec<Label>) -> Key {
    labels.sort_unstable_by(|a, b| a.key().cmp(b.key()));
    Key::from_parts(name, labels).to_retained()
}

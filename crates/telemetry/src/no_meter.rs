//! Without the `metrics` feature: nothing is told to anybody.

use std::sync::Arc;

use buttress_call::{Cause, Note, Progress, Usage};

use crate::{
    Amount, Change,
    recorder::{End, Fate},
};

/// Nobody needs the names of series.
#[derive(Clone, Debug)]
pub(crate) struct Labels;

#[derive(Debug, Default)]
pub(crate) struct Cache(());

impl Cache {
    #[expect(clippy::unused_self, reason = "the other meter has something in it")]
    pub(crate) fn labels(&mut self, _: &'static str, _: impl FnOnce() -> [Arc<str>; 3]) -> Labels {
        Labels
    }
}

pub(crate) fn describe() {}
pub(crate) fn call_began() {}
pub(crate) fn call_ended(_: &'static str, _: &End, _: bool) {}
pub(crate) fn attempt_ended(_: Cause, _: &End, _: Option<&Usage>, _: Option<&Progress>, _: &Labels) {}
pub(crate) fn spent(_: &Labels, _: &Usage, _: Amount, _: Fate) {}
pub(crate) fn note(_: &Note<'_>) {}
pub(crate) fn changed(_: &Change) {}

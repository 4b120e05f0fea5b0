//! What a strategy chooses from.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use buttress_call::Shape;

use crate::{
    carried::{Carried, Rank},
    random::Random,
    state::State,
};

/// The targets of one tier that may take a call, in the order of the list.
///
/// Each can serve the request, takes calls, and was not tried by this call before; only whether it is ready is not
/// known yet.
#[derive(Clone, Copy)]
pub struct Candidates<'a> {
    pub(crate) states: &'a [Arc<State>],
    /// The place of the first of them in the whole list.
    pub(crate) start: usize,
    pub(crate) carried: &'a Carried,
    /// The bits of those that are out of the question.
    pub(crate) passed: u64,
    pub(crate) rank: Rank,
    pub(crate) random: &'a Random,
}

impl<'a> Candidates<'a> {
    /// Each of them. Whether a target takes calls is looked up as the iterator comes to it.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Candidate<'a>> + use<'a> {
        let Candidates { states, start, carried, passed, rank, .. } = *self;
        let standing = move |state: &State| passed & state.bit() == 0 && carried.rank(state) == rank;
        let states = states.iter().enumerate().filter(move |(_, state)| standing(state));
        states.map(move |(place, state)| Candidate { state, index: start + place })
    }

    /// What is known of the request's body.
    pub fn shape(&self) -> Option<&'a Shape> {
        self.carried.shape.as_deref()
    }

    /// A random number below `bound` (0 if that is 0), from the failover's one sequence: see
    /// [`Failover::seed`](crate::Failover::seed).
    pub fn random(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.random.below(bound) }
    }
}

/// A target that may take a call.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    state: &'a State,
    pub(crate) index: usize,
}

impl<'a> Candidate<'a> {
    /// Its name.
    pub fn name(&self) -> &'a str {
        &self.state.name
    }

    /// Its weight.
    pub fn weight(&self) -> u32 {
        self.state.weight.load(Relaxed)
    }

    /// The calls that it serves, to the end of their answers.
    pub fn in_flight(&self) -> u32 {
        self.state.traffic.in_flight()
    }

    /// The estimate of its time to first content, failures included as slow calls; `None` before its first call.
    pub fn first_content(&self) -> Option<Duration> {
        self.state.traffic.first_content()
    }

    /// The share of its calls that succeed, between 0 and 1.
    pub fn success_rate(&self) -> f64 {
        self.state.traffic.success_rate()
    }

    /// Its declared price.
    pub fn price(&self) -> Option<f64> {
        self.state.capabilities.price
    }

    /// A hash of its name, the same in every process.
    pub(crate) fn name_hash(&self) -> u64 {
        self.state.name_hash
    }
}

impl fmt::Debug for Candidates<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

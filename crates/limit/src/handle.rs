//! A look at the limits, and a hand on them.

use std::{
    fmt,
    hash::{BuildHasher, Hash},
    sync::Arc,
    time::Duration,
};

use crate::{
    Dimension, InvalidPolicy, Policy, Snapshot,
    shared::{Limits, Shared},
};

/// Watches and steers a limiter while it is in use. Cheap to clone; every clone acts on the same limits.
#[derive(Clone)]
pub struct LimitHandle {
    shared: Arc<Shared>,
}

impl LimitHandle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        LimitHandle { shared }
    }

    /// The limits as they are now. Of a keyed limiter: those that the keys share for which there was no room.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot_of(&self.shared.single)
    }

    /// The limits of this key as they are now; `None` if it has none, because it is at rest or there was no room.
    ///
    /// The key must hash as what the layer's closure returns does: a `&str` finds a `String`.
    pub fn snapshot_key<T: Hash + ?Sized>(&self, key: &T) -> Option<Snapshot> {
        let keys = &self.shared.keys;
        keys.get(keys.hasher.hash_one(key)).map(|limits| self.snapshot_of(&limits))
    }

    /// How many keys have limits of their own by now.
    pub fn keys(&self) -> usize {
        self.shared.keys.len()
    }

    /// The policy in force. Quotas that were learnt from headers are in the snapshot.
    pub fn policy(&self) -> Policy {
        self.shared.common.policy()
    }

    /// Changes the policy, for every key. What is used stays used and what is held stays held; whoever waits is looked at
    /// again.
    pub fn set_policy(&self, policy: Policy) -> Result<(), InvalidPolicy> {
        policy.check()?;
        self.shared.set_policy(&policy);
        Ok(())
    }

    fn snapshot_of(&self, limits: &Limits) -> Snapshot {
        let common = &self.shared.common;
        limits.gate.look(common.now(), |engine, counts, waiting| {
            let level = |dimension| engine.reading(dimension).map(Into::into);
            Snapshot {
                requests: level(Dimension::Requests),
                tokens: level(Dimension::Tokens),
                input_tokens: level(Dimension::InputTokens),
                output_tokens: level(Dimension::OutputTokens),
                in_flight: engine.in_flight(),
                waiting,
                blocked: engine.blocked().map(Duration::from_nanos),
                rising: engine.is_rising(),
                expected_output: limits.expected_output(),
                factors: common.factors.all(),
                admitted: counts.admitted,
                waited: counts.waited,
                refused: counts.refused,
                rate_limited: counts.rate_limited,
            }
        })
    }
}

impl fmt::Debug for LimitHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitHandle").field("keys", &self.keys()).field("snapshot", &self.snapshot()).finish()
    }
}

//! Other quotas, set or learnt.

use buttress_call::Limits;

use super::{Dimension, Engine, Nanos, headers::per_minute, meter::Meter, nanos, requests::Requests};
use crate::Policy;

impl Engine {
    /// Takes the quotas from the headers.
    pub(super) fn learn(&mut self, limits: &Limits) {
        let mut policy = self.policy;
        let learnt = |dimension| per_minute(dimension, limits, self.charging);
        policy.requests =
            learnt(Dimension::Requests).filter(|n| u32::try_from(*n).is_ok()).or(policy.requests);
        policy.tokens = learnt(Dimension::Tokens).or(policy.tokens);
        policy.input_tokens = learnt(Dimension::InputTokens).or(policy.input_tokens);
        policy.output_tokens = learnt(Dimension::OutputTokens).or(policy.output_tokens);
        if policy != self.policy {
            self.set_policy(self.now, &policy);
        }
    }

    /// Limits by another policy from now on. What is used and what is held stays so.
    pub(crate) fn set_policy(&mut self, now: Nanos, policy: &Policy) {
        self.advance(now);
        let now = self.now;
        let recount = policy.window != self.policy.window;
        let old = std::mem::replace(&mut self.policy, *policy);
        if let Some(charging) = policy.charging {
            self.charging = charging;
        }
        self.requests = match (self.requests.take(), policy.requests) {
            (_, None) => None,
            (None, Some(limit)) => Some(Requests::new(policy, limit, now)),
            (Some(same), Some(limit))
                if !recount && old.burst == policy.burst && old.requests == Some(limit) =>
            {
                Some(same)
            }
            (Some(before), Some(limit)) => Some(before.carried_over(policy, limit, now)),
        };
        for dimension in Dimension::TOKENS {
            self.eras += 1;
            let era = self.eras;
            let place = &mut self.meters[dimension.index()];
            let Some(limit) = policy.tokens(dimension) else {
                *place = None;
                continue;
            };
            match place {
                None => *place = Some(Meter::new(policy, dimension, limit, era, now)),
                Some(meter) if recount => *meter = meter.carried_over(policy, limit, era, now),
                Some(meter) => meter.set_quota(policy, limit),
            }
        }
        self.ramp.set(nanos(policy.ramp_up));
    }
}

//! What the upstream says of its limits: headers, and 429s.

use std::time::Duration;

use buttress_call::{Charging, Limit, Limits, Refused};

use super::{Dimension, Engine, Nanos, SECOND, Ticket, nanos};

/// What an answer said of limits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) limits: Option<Limits>,
    pub(crate) charging: Option<Charging>,
}

impl Told {
    pub(crate) fn is_empty(&self) -> bool {
        self.limits.is_none() && self.charging.is_none()
    }
}

/// Headers describe the upstream as it was when it let the call in. Up to this age that counts as now; what refills
/// beyond it is allowed for, or the header of one long answer would take away what has refilled since.
const FRESH: Nanos = 2 * SECOND;

impl Engine {
    /// The upstream refused a call for its rate. Returns for how long nothing passes.
    pub(crate) fn rate_limited(
        &mut self,
        now: Nanos,
        ticket: &Ticket,
        hint: Option<Duration>,
        limits: Option<&Limits>,
    ) -> Duration {
        self.advance(now);
        let hint = hint.map(|hint| nanos(hint.min(self.policy.max_hint)));
        let (block, storm) = self.block.refused(self.now, ticket.at, hint);
        if storm {
            self.ramp.restart(self.block.holds_until(self.now).unwrap_or(self.now));
        }
        for meter in self.meters.iter_mut().flatten() {
            let need = meter.dimension().of(&ticket.need);
            let named = limits.and_then(|limits| limits.refused);
            if !named.is_none_or(|refused| concerns(refused, meter.dimension())) {
                continue;
            }
            // An allowance that had room for the call is not the one that refused it.
            let left = limits.and_then(|limits| remaining(meter.dimension(), limits, self.charging));
            if left.is_none_or(|left| left < need) {
                meter.refused(need, block);
            }
        }
        Duration::from_nanos(block)
    }

    /// What an answer says of the limits, to a call that was let through at `sent`.
    pub(crate) fn told(&mut self, now: Nanos, sent: Nanos, told: &Told) {
        if let Some(charging) = told.charging
            && self.policy.charging.is_none()
        {
            self.charging = charging;
        }
        let Some(limits) = &told.limits else { return };
        self.advance(now);
        if self.policy.learn_quota {
            self.learn(limits);
        }
        let stale = self.now.saturating_sub(sent.saturating_add(FRESH)) as f64 / SECOND as f64;
        for meter in self.meters.iter_mut().flatten() {
            if let Some(left) = remaining(meter.dimension(), limits, self.charging) {
                meter.lower(left as f64 + stale * meter.rate());
            }
        }
        if let Some(requests) = &mut self.requests
            && let Some(left) = remaining(Dimension::Requests, limits, self.charging)
        {
            let rate = requests.per_minute() as f64 / 60.0;
            requests.lower(self.now, left as f64 + stale * rate);
        }
    }
}

/// What an answer says is left, where it can be compared with a limit by the minute.
///
/// A reset is never used: providers mean different things by it. Where input and output are counted apart, what is said of
/// all tokens together is a summary of the tightest limit (Anthropic), not one of its own.
pub(super) fn said(dimension: Dimension, limits: &Limits, charging: Charging) -> Option<Limit> {
    let apart = charging.split || !limits.input_tokens.is_empty() || !limits.output_tokens.is_empty();
    (dimension != Dimension::Tokens || !apart).then(|| dimension.said(limits))
}

/// Whether a refusal by this name can be one of this limit. Names are the provider's: a limit of all tokens here may be
/// the mirror of one that counts input alone there, and the other way round.
fn concerns(refused: Refused, dimension: Dimension) -> bool {
    match (refused, dimension) {
        (Refused::Requests, dimension) => dimension == Dimension::Requests,
        (Refused::InputTokens, Dimension::OutputTokens) | (Refused::OutputTokens, Dimension::InputTokens) => {
            false
        }
        (_, dimension) => dimension != Dimension::Requests,
    }
}

pub(super) fn remaining(dimension: Dimension, limits: &Limits, charging: Charging) -> Option<u64> {
    let said = said(dimension, limits, charging)?;
    // What is left of a day or of a second says nothing about the minute.
    said.remaining.filter(|_| said.window.is_none_or(|window| window == MINUTE))
}

/// The quota that an answer tells. A limit of zero is no quota but no allowance at all: it is not learnt.
pub(super) fn per_minute(dimension: Dimension, limits: &Limits, charging: Charging) -> Option<u64> {
    let said = said(dimension, limits, charging)?;
    let window = said.window.filter(|window| !window.is_zero() && *window <= MINUTE)?;
    let limit = said.limit? as f64 * (MINUTE.as_secs_f64() / window.as_secs_f64());
    (1.0..=MOST_LEARNT).contains(&limit).then_some(limit as u64)
}

const MINUTE: Duration = Duration::from_secs(60);

/// Larger quotas in a header are garbage.
const MOST_LEARNT: f64 = 1e12;

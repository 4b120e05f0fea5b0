//! The gradual rise after a start or a storm.

use super::{Nanos, SECOND};

/// A rise begins with this share of the quota.
pub(crate) const FROM: f64 = 0.1;
/// So much may pass at once while it lasts, in seconds of quota.
const AT_ONCE: f64 = 1.0;
/// After a start, so many calls pass at their own pace: a program that makes few calls never notices a rise.
const FREE: u32 = 10;

/// Lets through a share of the quota that rises from [`FROM`] to all of it.
///
/// Providers punish jumps (Anthropic's `ramp_limit_exceeded`, OpenAI's `slow_down`), and a storm of 429s ends sooner if
/// not everybody comes back at once. The bucket refills fully meanwhile, so nothing is lost but time.
#[derive(Debug)]
pub(crate) struct Ramp {
    over: Nanos,
    rise: Option<Rise>,
    /// Before the first call it has not begun.
    fresh: bool,
}

#[derive(Clone, Copy, Debug)]
struct Rise {
    begun: Nanos,
    at: Nanos,
    /// Seconds of quota that may pass; negative: that have passed too early.
    pace: f64,
    free: u32,
}

impl Ramp {
    pub(crate) fn new(over: Nanos) -> Self {
        Ramp { over, rise: None, fresh: over > 0 }
    }

    /// A storm: from `at` on the rate rises again.
    pub(crate) fn restart(&mut self, at: Nanos) {
        if self.over > 0 {
            self.fresh = false;
            self.rise = Some(Rise { begun: at, at, pace: 0.0, free: 0 });
        }
    }

    pub(crate) fn advance(&mut self, now: Nanos) {
        let Some(rise) = &mut self.rise else { return };
        if now >= rise.begun.saturating_add(self.over) {
            self.rise = None;
        } else if now > rise.at {
            let time = seconds(now - rise.at);
            let mean = f64::midpoint(share(rise, rise.at, self.over), share(rise, now, self.over));
            rise.pace = (rise.pace + time * mean).min(AT_ONCE);
            rise.at = now;
        }
    }

    /// Whether it keeps a call out.
    #[inline]
    pub(crate) fn holds_back(&self) -> bool {
        self.rise.as_ref().is_some_and(|rise| rise.free == 0 && rise.pace < 0.0)
    }

    /// Until when it keeps a call out.
    pub(crate) fn until(&self, now: Nanos) -> Option<Nanos> {
        let rise = self.rise.as_ref().filter(|_| self.holds_back())?;
        // share x t + slope x t^2 / 2 = what is missing.
        let share = share(rise, now, self.over);
        let slope = (1.0 - FROM) / seconds(self.over);
        let time = ((share * share - 2.0 * slope * rise.pace).sqrt() - share) / slope;
        let wait = (time * SECOND as f64) as u64;
        Some(now.saturating_add(wait).saturating_add(1).min(rise.begun.saturating_add(self.over)))
    }

    /// A call of so many seconds of quota passes.
    pub(crate) fn take(&mut self, now: Nanos, cost: f64) {
        if self.fresh {
            self.fresh = false;
            self.rise = Some(Rise { begun: now, at: now, pace: 0.0, free: FREE });
        }
        match &mut self.rise {
            Some(rise) if rise.free > 0 => rise.free -= 1,
            Some(rise) => rise.pace -= cost,
            None => {}
        }
    }

    /// A call that had passed never got anywhere.
    pub(crate) fn give_back(&mut self, cost: f64) {
        if let Some(rise) = &mut self.rise {
            rise.pace = (rise.pace + cost).min(AT_ONCE);
        }
    }

    /// Whether calls are counted: it rises, or is going to with the first call.
    pub(crate) fn is_active(&self) -> bool {
        self.fresh || self.rise.is_some()
    }

    pub(crate) fn is_rising(&self) -> bool {
        self.rise.is_some()
    }

    pub(crate) fn set(&mut self, over: Nanos) {
        self.over = over;
        if over == 0 {
            *self = Ramp::new(0);
        }
    }
}

fn share(rise: &Rise, at: Nanos, over: Nanos) -> f64 {
    FROM + (1.0 - FROM) * at.saturating_sub(rise.begun) as f64 / over as f64
}

fn seconds(time: Nanos) -> f64 {
    time as f64 / SECOND as f64
}

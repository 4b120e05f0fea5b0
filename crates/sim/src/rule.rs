//! When a fault strikes.

use std::{ops::Range, time::Duration};

use rand::RngExt;

use crate::{
    ConfigError, Fault,
    seed::{Purpose, Seed},
};

/// A fault and when it strikes. All conditions must hold; without any, it strikes always.
///
/// The numbers are checked by [`Sim::inject`](crate::Sim::inject).
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Rule {
    fault: Fault,
    share: f64,
    model: Option<String>,
    calls: Option<Range<u64>>,
    window: Option<(Duration, Duration)>,
    flap: Option<(Duration, Duration)>,
}

impl Rule {
    /// This fault, for every call.
    pub fn always(fault: Fault) -> Self {
        Self { fault, share: 1.0, model: None, calls: None, window: None, flap: None }
    }

    /// Only for this share of the calls, 0 to 1, drawn by the seed.
    pub fn share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }

    /// Only for calls to this model.
    pub fn for_model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Only for these calls, counted from 0 when the rule is injected, among those that its model and times let through.
    pub fn calls(mut self, calls: Range<u64>) -> Self {
        self.calls = Some(calls);
        self
    }

    /// Only from one time to another, both since the sim was made; the second excluded.
    pub fn between(mut self, from: Duration, to: Duration) -> Self {
        self.window = Some((from, to));
        self
    }

    /// On for a time, off for a time, and so on, from the start of [`between`](Self::between) or of the sim.
    pub fn flapping(mut self, on: Duration, off: Duration) -> Self {
        self.flap = Some((on, off));
        self
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.fault.check()?;
        if !(0.0..=1.0).contains(&self.share) {
            return Err(ConfigError::new("Rule::share", "0 to 1", self.share));
        }
        if let Some(calls) = self.calls.as_ref().filter(|calls| calls.start > calls.end) {
            return Err(ConfigError::new("Rule::calls", "a range that does not run backwards", calls));
        }
        if let Some(window) = self.window.filter(|(from, to)| from > to) {
            return Err(ConfigError::new("Rule::between", "a time that does not run backwards", window));
        }
        if let Some(flap) = self.flap.filter(|(on, off)| on.is_zero() && off.is_zero()) {
            return Err(ConfigError::new("Rule::flapping", "longer than nothing", flap));
        }
        Ok(())
    }

    fn on_at(&self, at: Duration) -> bool {
        let (from, to) = self.window.unwrap_or((Duration::ZERO, Duration::MAX));
        let Some(since) = at.checked_sub(from).filter(|_| at < to) else { return false };
        let (on, off) = self.flap.map_or((1, 0), |(on, off)| (on.as_nanos(), off.as_nanos()));
        since.as_nanos() % (on + off) < on
    }

    /// Whether the rule is judged when a client connects, before a request was read.
    fn strikes_connections(&self) -> bool {
        self.fault == Fault::ConnectRefused && self.model.is_none() && self.calls.is_none()
    }

    fn draws_connection(&self, seed: Seed, connection: u64) -> bool {
        seed.rng(connection, Purpose::Accept).random::<f64>() < self.share
    }

    fn draws_call(&self, seed: Seed, place: usize, number: u64) -> bool {
        seed.rng(number, Purpose::Rule(place)).random::<f64>() < self.share
    }
}

/// What the rules look at in a call.
#[derive(Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) number: u64,
    /// 0 in process.
    pub(crate) connection: u64,
    pub(crate) model: &'a str,
}

/// What the rules decided for one call.
#[derive(Debug, Clone)]
pub(crate) struct Struck {
    /// The fault that decides how the call goes, if any.
    pub(crate) fault: Option<Fault>,
    /// Every latency times this.
    pub(crate) slower: f64,
    /// Before the first token.
    pub(crate) extra: Duration,
}

/// The rules in force, in the order they were injected.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    rules: Vec<Counted>,
}

#[derive(Debug)]
struct Counted {
    rule: Rule,
    seen: u64,
}

impl Rules {
    pub(crate) fn add(&mut self, rule: Rule) -> Result<(), ConfigError> {
        rule.check()?;
        self.rules.push(Counted { rule, seen: 0 });
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The first rule that strikes decides; those that only slow a call down add up beside it.
    pub(crate) fn strike(&mut self, seed: Seed, caller: &Caller<'_>, at: Duration) -> Struck {
        let mut struck = Struck { fault: None, slower: 1.0, extra: Duration::ZERO };
        for (place, counted) in self.rules.iter_mut().enumerate() {
            if !counted.hits(seed, place, caller, at) {
                continue;
            }
            match &counted.rule.fault {
                Fault::Brownout(factor) => struck.slower *= factor,
                Fault::SlowFirstToken(delay) => struck.extra = struck.extra.saturating_add(*delay),
                fault if struck.fault.is_none() => struck.fault = Some(fault.clone()),
                _ => {}
            }
        }
        struck
    }

    /// Whether a connection is refused as it arrives.
    pub(crate) fn refuses(&self, seed: Seed, connection: u64, at: Duration) -> bool {
        self.rules.iter().map(|counted| &counted.rule).any(|rule| {
            rule.strikes_connections() && rule.on_at(at) && rule.draws_connection(seed, connection)
        })
    }
}

impl Counted {
    fn hits(&mut self, seed: Seed, place: usize, caller: &Caller<'_>, at: Duration) -> bool {
        let rule = &self.rule;
        if rule.model.as_ref().is_some_and(|wanted| wanted != caller.model) || !rule.on_at(at) {
            return false;
        }
        if rule.strikes_connections() && caller.connection > 0 {
            // The draw was made when it connected; a call does not draw again.
            return rule.draws_connection(seed, caller.connection);
        }
        let count = self.seen;
        self.seen += 1;
        rule.calls.as_ref().is_none_or(|calls| calls.contains(&count))
            && rule.draws_call(seed, place, caller.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Duration = Duration::from_secs(1);

    fn strikes(rules: &mut Rules, number: u64, model: &str, at: Duration) -> bool {
        rules.strike(Seed::new("a", 0), &Caller { number, connection: 0, model }, at).fault.is_some()
    }

    fn rules(rule: Rule) -> Rules {
        let mut rules = Rules::default();
        rules.add(rule).unwrap();
        rules
    }

    #[test]
    fn calls_are_counted_among_those_of_the_model() {
        let mut rules = rules(Rule::always(Fault::Refuse).for_model("x").calls(1..2));
        let struck: Vec<_> =
            ["x", "y", "x", "x"].iter().map(|model| strikes(&mut rules, 0, model, ONE)).collect();
        assert_eq!(struck, [false, false, true, false]);
    }

    #[test]
    fn a_flap_starts_on_and_goes_off() {
        let mut rules = rules(Rule::always(Fault::Refuse).between(ONE, ONE * 10).flapping(ONE * 2, ONE));
        let struck: Vec<_> = (0..=10).map(|at| strikes(&mut rules, 0, "x", ONE * at)).collect();
        assert_eq!(struck, [false, true, true, false, true, true, false, true, true, false, false]);
    }

    #[test]
    fn a_share_is_kept_and_repeats() {
        let mut one = rules(Rule::always(Fault::Refuse).share(0.3));
        let hits: Vec<_> = (0..10_000).filter(|&n| strikes(&mut one, n, "x", ONE)).collect();
        assert!((2_800..3_200).contains(&hits.len()), "{}", hits.len());
        let mut backwards: Vec<_> = (0..10_000).rev().filter(|&n| strikes(&mut one, n, "x", ONE)).collect();
        backwards.reverse();
        assert_eq!(hits, backwards);
    }

    #[test]
    fn a_connection_is_refused_or_not_and_its_calls_agree() {
        let seed = Seed::new("a", 0);
        let mut rules = rules(Rule::always(Fault::ConnectRefused).share(0.5));
        let refused: Vec<_> = (1..100).map(|connection| rules.refuses(seed, connection, ONE)).collect();
        assert!(refused.contains(&true) && refused.contains(&false));
        for (connection, refused) in (1..100).zip(refused) {
            let caller = Caller { number: 1000 - connection, connection, model: "x" };
            assert_eq!(rules.strike(seed, &caller, ONE).fault.is_some(), refused);
        }
    }

    #[test]
    fn slowness_adds_to_the_first_fault() {
        let mut rules = rules(Rule::always(Fault::Brownout(2.0)));
        rules.add(Rule::always(Fault::Brownout(3.0))).unwrap();
        rules.add(Rule::always(Fault::SlowFirstToken(ONE))).unwrap();
        rules.add(Rule::always(Fault::Quota)).unwrap();
        rules.add(Rule::always(Fault::Refuse)).unwrap();
        let caller = Caller { number: 0, connection: 0, model: "x" };
        let struck = rules.strike(Seed::new("a", 0), &caller, ONE);
        assert_eq!((struck.fault, struck.slower, struck.extra), (Some(Fault::Quota), 6.0, ONE));
    }

    #[test]
    fn bad_numbers_are_refused_by_name() {
        let refused = |rule: Rule| Rules::default().add(rule).unwrap_err().to_string();
        assert_eq!(refused(Rule::always(Fault::Refuse).share(1.5)), "Rule::share must be 0 to 1, not 1.5");
        assert!(refused(Rule::always(Fault::Refuse).share(f64::NAN)).contains("NaN"));
        assert!(refused(Rule::always(Fault::Brownout(f64::NAN))).contains("Brownout"));
        assert!(refused(Rule::always(Fault::Status(200))).contains("200"));
        assert!(refused(Rule::always(Fault::Refuse).between(ONE, Duration::ZERO)).contains("between"));
        assert!(
            refused(Rule::always(Fault::Refuse).flapping(Duration::ZERO, Duration::ZERO))
                .contains("flapping")
        );
    }
}

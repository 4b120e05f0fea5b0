//! What tokens cost.

use std::{collections::HashMap, fmt, ops::AddAssign, sync::Arc};

use buttress_call::Usage;

use crate::settings::{InvalidSettings, Rule};

/// What a target charges for a model, in any one currency for a million tokens.
///
/// ```
/// use buttress_telemetry::Price;
///
/// let price = Price { cached_input: Some(0.125), ..Price::of("openai", "gpt-5", 1.25, 10.0) };
/// # let _ = price;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// The target's name.
    pub target: String,
    /// The model, as requests name it; `None` for every model of the target that has no price of its own.
    pub model: Option<String>,
    /// Tokens of the prompt.
    pub input: f64,
    /// Those of them that are read from a prompt cache; `None`: they cost what the others cost.
    pub cached_input: Option<f64>,
    /// Those of them that are written to a prompt cache; `None`: they cost what the others cost.
    pub cache_write: Option<f64>,
    /// Generated tokens.
    pub output: f64,
}

impl Price {
    /// A price for one model, caches not counted apart.
    pub fn of(target: impl Into<String>, model: impl Into<String>, input: f64, output: f64) -> Self {
        let (target, model) = (target.into(), Some(model.into()));
        Price { target, model, input, cached_input: None, cache_write: None, output }
    }

    fn check(&self) -> Result<(), InvalidSettings> {
        let Price { input, cached_input, cache_write, output, .. } = self;
        let numbers = [
            ("input", Some(*input)),
            ("cached_input", *cached_input),
            ("cache_write", *cache_write),
            ("output", Some(*output)),
        ];
        for (field, number) in numbers {
            if let Some(value) = number.filter(|number| !number.is_finite() || *number < 0.0) {
                let model = self.model.clone();
                return Err(Rule::Price { target: self.target.clone(), model, field, value }.into());
            }
        }
        Ok(())
    }

    /// In billionths, rounded once.
    fn amount(&self, usage: &Usage) -> Amount {
        let plain = usage.input.saturating_sub(usage.cached_input).saturating_sub(usage.cache_write);
        let parts = [
            (plain, self.input),
            (usage.cached_input, self.cached_input.unwrap_or(self.input)),
            (usage.cache_write, self.cache_write.unwrap_or(self.input)),
            (usage.output, self.output),
        ];
        // A price for a million tokens is so many millionths for one, a thousand times as many billionths.
        let billionths: f64 = parts.iter().map(|(tokens, price)| *tokens as f64 * price * 1e3).sum();
        Amount(billionths.round() as u64)
    }
}

/// An amount of money, in billionths of whatever currency the price table is in.
///
/// An integer, so that sums are exact whatever their order: each attempt's cost is rounded once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(u64);

impl Amount {
    /// In billionths of the currency's unit.
    pub const fn billionths(self) -> u64 {
        self.0
    }

    /// In the currency's unit.
    pub fn units(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// As a number of units.
#[cfg(feature = "serde")]
impl serde::Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.units())
    }
}

/// The price table, as it is looked up.
#[derive(Debug, Default)]
pub(crate) struct Prices {
    targets: HashMap<String, Of>,
}

#[derive(Debug, Default)]
struct Of {
    models: HashMap<String, Price>,
    others: Option<Price>,
}

impl Prices {
    pub(crate) fn new(prices: &[Price]) -> Result<Self, InvalidSettings> {
        let mut targets: HashMap<String, Of> = HashMap::new();
        for price in prices {
            price.check()?;
            let of = targets.entry(price.target.clone()).or_default();
            let before = match &price.model {
                Some(model) => of.models.insert(model.clone(), price.clone()),
                None => of.others.replace(price.clone()),
            };
            if before.is_some() {
                return Err(Rule::PricedTwice(price.target.clone(), price.model.clone()).into());
            }
        }
        Ok(Prices { targets })
    }

    /// What this has cost, if it has a price.
    pub(crate) fn amount(&self, target: &str, model: Option<&Arc<str>>, usage: &Usage) -> Option<Amount> {
        let of = self.targets.get(target)?;
        let own = model.and_then(|model| of.models.get(&**model));
        Some(own.or(of.others.as_ref())?.amount(usage))
    }

    /// The models that have a price: their names are known.
    pub(crate) fn models(&self) -> impl Iterator<Item = &str> {
        self.targets.values().flat_map(|of| of.models.keys()).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage() -> Usage {
        let mut usage = Usage::new(1_000, 100);
        (usage.cached_input, usage.cache_write, usage.reasoning) = (600, 100, 50);
        usage
    }

    #[test]
    fn each_part_of_the_usage_has_its_price() {
        let price =
            Price { cached_input: Some(0.125), cache_write: Some(1.5), ..Price::of("a", "m", 1.25, 10.0) };
        // 300 plain, 600 cached, 100 written, 100 out: reasoning is a part of the output.
        assert_eq!(price.amount(&usage()).billionths(), 375_000 + 75_000 + 150_000 + 1_000_000);
        let plain = Price::of("a", "m", 1.25, 10.0);
        assert_eq!(plain.amount(&usage()).to_string(), "0.002250000");
    }

    #[test]
    fn a_model_without_a_price_of_its_own_costs_what_the_targets_others_do() {
        let others = Price { model: None, ..Price::of("a", "", 1.0, 1.0) };
        let prices = Prices::new(&[Price::of("a", "m", 2.0, 2.0), others]).unwrap();
        let amount = |target, model: Option<&str>| {
            prices.amount(target, model.map(Arc::from).as_ref(), &Usage::new(1_000_000, 0)).map(Amount::units)
        };
        assert_eq!(amount("a", Some("m")), Some(2.0));
        assert_eq!(amount("a", Some("n")), Some(1.0));
        assert_eq!(amount("a", None), Some(1.0));
        assert_eq!(amount("b", Some("m")), None);
    }

    #[test]
    fn a_usage_whose_parts_are_more_than_the_whole_costs_no_less_than_nothing() {
        let mut usage = Usage::new(10, 0);
        usage.cached_input = 20;
        assert_eq!(Price::of("a", "m", 1.0, 1.0).amount(&usage).billionths(), 20_000);
    }
}

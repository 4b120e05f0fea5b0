//! Strategies by name.

use serde::{Deserialize, Deserializer, de};

use super::error::shown;
use crate::failover::{Affinity, Cheapest, FailoverHandle, InOrder, MostReliable, PowerOfTwo, Weighted};

/// How a target is chosen among those of one tier, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StrategyConfig {
    /// `in_order`: the first that can serve. See [`InOrder`].
    #[default]
    InOrder,
    /// `weighted`: at random by weight. See [`Weighted`].
    Weighted,
    /// `power_of_two`: of two at random the faster. See [`PowerOfTwo`].
    PowerOfTwo,
    /// `most_reliable`: the one with the highest success rate. See [`MostReliable`].
    MostReliable,
    /// `cheapest`: the one with the lowest price. See [`Cheapest`].
    Cheapest,
    /// `affinity`: always the same one for the same beginning of a prompt. See [`Affinity`].
    Affinity,
}

impl StrategyConfig {
    const ALL: [(&str, StrategyConfig); 6] = [
        ("in_order", StrategyConfig::InOrder),
        ("weighted", StrategyConfig::Weighted),
        ("power_of_two", StrategyConfig::PowerOfTwo),
        ("most_reliable", StrategyConfig::MostReliable),
        ("cheapest", StrategyConfig::Cheapest),
        ("affinity", StrategyConfig::Affinity),
    ];

    pub(super) fn from_name(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, strategy)| strategy).ok_or_else(|| {
            format!("= {}: must be one of {}", shown(name), Self::ALL.map(|(known, _)| known).join(", "))
        })
    }

    /// Lets the failover choose so, in every tier that has no strategy of its own.
    pub fn apply(self, failover: &FailoverHandle) {
        match self {
            StrategyConfig::InOrder => failover.set_strategy(InOrder),
            StrategyConfig::Weighted => failover.set_strategy(Weighted),
            StrategyConfig::PowerOfTwo => failover.set_strategy(PowerOfTwo),
            StrategyConfig::MostReliable => failover.set_strategy(MostReliable),
            StrategyConfig::Cheapest => failover.set_strategy(Cheapest),
            StrategyConfig::Affinity => failover.set_strategy(Affinity::default()),
        }
    }
}

impl<'de> Deserialize<'de> for StrategyConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_name(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

//! Which model goes where.

use std::{fmt, time::Duration};

use buttress::{
    failover::{Affinity, Cheapest, Failover, InOrder, MostReliable, PowerOfTwo, Weighted},
    provider::Commit,
    retry::{Backoff, Retries},
    timeout::{TimeLimit, Timeouts},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

use super::{ConfigError, Seconds, TargetConfig};

/// One route: a model, and the targets that serve it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// The model's name as callers write it, or a pattern in which `*` is any text.
    pub model: String,
    /// The targets, in order: names, or tables with more.
    pub targets: Vec<Entry>,
    /// Which target is next. Default: as listed.
    #[serde(default)]
    pub strategy: StrategyName,
    /// How much of a stream is held back before the caller sees it. Default: up to the first content.
    #[serde(default)]
    pub commit: CommitPoint,
    /// From the call to the end of the answer. Default: 600.
    pub total_seconds: Option<Seconds>,
    /// Streams: from the send to the first content, per attempt. Default: 4 x p95, within 3 to 10.
    pub first_content_seconds: Option<Seconds>,
    /// Streams: from one content to the next. Default: 30.
    pub idle_seconds: Option<Seconds>,
    /// Whole answers: from the send to the end, per attempt. Default: the total.
    pub answer_seconds: Option<Seconds>,
    /// How often a target is asked at most before the next is. Default: 3.
    pub attempts: Option<u8>,
    /// The first wait between two attempts. Default: 0.5.
    pub retry_base_seconds: Option<Seconds>,
    /// The longest wait between two attempts. Default: 8.
    pub retry_cap_seconds: Option<Seconds>,
    /// The share of streams that may be tried a second time elsewhere when they are slow. Default: none.
    pub hedge: Option<f64>,
}

/// A target of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The target's name.
    pub target: String,
    /// The model to ask it for, whatever the caller asked for.
    pub model: Option<String>,
    /// Higher tiers are asked only when no target of a lower one can serve.
    pub tier: u32,
    /// Its share, where the strategy is `weighted`.
    pub weight: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    target: String,
    model: Option<String>,
    #[serde(default)]
    tier: u32,
    #[serde(default = "one")]
    weight: u32,
}

fn one() -> u32 {
    1
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        // By hand, because an untagged enum's errors do not say what is wrong.
        impl<'de> Visitor<'de> for Written {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a target's name, or a table with `target`")
            }

            fn visit_str<E>(self, target: &str) -> Result<Entry, E> {
                Ok(Entry { target: target.to_owned(), model: None, tier: 0, weight: 1 })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entry, A::Error> {
                let Table { target, model, tier, weight } =
                    Table::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Entry { target, model, tier, weight })
            }
        }

        deserializer.deserialize_any(Written)
    }
}

impl Entry {
    /// Its name within its route: the target's, with the model where one is set, as a target may serve with several.
    pub(crate) fn name(&self) -> String {
        match &self.model {
            Some(model) => format!("{}/{model}", self.target),
            None => self.target.clone(),
        }
    }
}

/// Which target is next.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "`buttress::failover` has a type of each name, with docs")]
pub enum StrategyName {
    #[default]
    InOrder,
    Weighted,
    PowerOfTwo,
    MostReliable,
    Affinity,
    Cheapest,
}

impl StrategyName {
    pub(crate) fn apply<S>(self, failover: Failover<S>) -> Failover<S> {
        match self {
            StrategyName::InOrder => failover.strategy(InOrder),
            StrategyName::Weighted => failover.strategy(Weighted),
            StrategyName::PowerOfTwo => failover.strategy(PowerOfTwo),
            StrategyName::MostReliable => failover.strategy(MostReliable),
            StrategyName::Affinity => failover.strategy(Affinity::default()),
            StrategyName::Cheapest => failover.strategy(Cheapest),
        }
    }
}

/// How much of a stream is held back before the caller sees it.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum CommitPoint {
    /// Nothing: an error at the beginning is the caller's.
    Head,
    /// Up to the first content: what fails before it fails over.
    #[default]
    FirstContent,
    /// All of it, up to 16 MiB: even a stream that is cut can be tried again, at the price of its first token.
    End,
}

impl CommitPoint {
    pub(crate) fn commit(self) -> Commit {
        match self {
            CommitPoint::Head => Commit::Head,
            CommitPoint::FirstContent => Commit::STREAM,
            CommitPoint::End => Commit::WHOLE,
        }
    }
}

impl RouteConfig {
    pub(crate) fn check(&self, targets: &[TargetConfig]) -> Result<(), ConfigError> {
        let wrong = |reason: String| Err(ConfigError::of("routes", &self.model, reason));
        if self.targets.is_empty() {
            return wrong("targets = []: there must be one at least".into());
        }
        for entry in &self.targets {
            if !targets.iter().any(|target| target.name == entry.target) {
                return wrong(format!("targets: {:?} is not one of the targets", entry.target));
            }
        }
        Ok(())
    }

    /// The limits of the whole call.
    pub(crate) fn call(&self) -> Timeouts {
        let default = Timeouts::default();
        Timeouts { total: self.total_seconds.map(|Seconds(time)| time).or(default.total), ..default }
    }

    /// The limits of one attempt.
    pub(crate) fn attempt(&self) -> Timeouts {
        let default = Timeouts::attempt();
        let fixed = |seconds: Option<Seconds>| seconds.map(|Seconds(time)| TimeLimit::Fixed(time));
        Timeouts {
            first_content: fixed(self.first_content_seconds).or(default.first_content),
            idle: self.idle_seconds.map(|Seconds(time)| time).or(default.idle),
            answer: fixed(self.answer_seconds),
            ..default
        }
    }

    pub(crate) fn retries(&self) -> Retries {
        let default = Retries::default();
        let or = |seconds: Option<Seconds>, default: Duration| seconds.map_or(default, |Seconds(time)| time);
        let backoff = Backoff {
            base: or(self.retry_base_seconds, default.backoff.base),
            cap: or(self.retry_cap_seconds, default.backoff.cap),
            ..default.backoff
        };
        Retries { attempts: self.attempts.unwrap_or(default.attempts), backoff, ..default }
    }
}

//! Which model goes where.

use std::{collections::BTreeMap, fmt, time::Duration};

use buttress::{
    config::{StrategyConfig, TargetConfig},
    provider::Commit,
    retry::{Backoff, Retries},
    timeout::{TimeLimit, Timeouts},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

use super::{ConfigError, Seconds};

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
    pub strategy: StrategyConfig,
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
    /// Its tier in this route. Default: the target's own.
    pub tier: Option<u32>,
    /// Its weight in this route. Default: the target's own.
    pub weight: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    target: String,
    model: Option<String>,
    tier: Option<u32>,
    weight: Option<u32>,
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
                Ok(Entry { target: target.to_owned(), model: None, tier: None, weight: None })
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
    /// Its name among the entries of its route: the target's, with the model where it stands there more than once.
    pub(crate) fn name(&self, all: &[Entry]) -> String {
        let alone = all.iter().filter(|other| other.target == self.target).count() == 1;
        match &self.model {
            Some(model) if !alone => format!("{}/{model}", self.target),
            _ => self.target.clone(),
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
    pub(crate) fn check(&self, targets: &BTreeMap<String, TargetConfig>) -> Result<(), ConfigError> {
        let RouteConfig { model, targets: list, .. } = self;
        let key = format!("routes {model:?}: targets");
        if model.is_empty() {
            return Err(ConfigError::value("routes.model", "\"\"", "it must not be empty"));
        }
        if list.is_empty() {
            return Err(ConfigError::value(key, "[]", "there must be one at least"));
        }
        match list.iter().find(|entry| !targets.contains_key(&entry.target)) {
            Some(unknown) => {
                Err(ConfigError::value(key, &unknown.target, "there is no [targets.NAME] of this name"))
            }
            None => Ok(()),
        }
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

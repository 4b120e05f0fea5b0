//! Settings as variables of the environment.

use std::{fmt::Display, str::FromStr};

use super::{Config, StrategyConfig, error::shown, value};

type Set = fn(&mut Config, &str) -> Result<(), String>;

/// What follows the prefix and a `_`, and what it sets.
pub(super) const VARIABLES: [(&str, Set); 11] = [
    ("PROVIDER_ORDER", |config, text| put(&mut config.provider_order, list(text))),
    ("TIMEOUT_SECONDS", |config, text| put(&mut config.timeout, seconds(text))),
    ("FIRST_CONTENT_SECONDS", |config, text| put(&mut config.first_content, seconds(text).map(Some))),
    ("TOTAL_SECONDS", |config, text| put(&mut config.total, seconds(text))),
    ("MAX_RETRIES", |config, text| put(&mut config.max_retries, number(text, "a whole number, 0 to 254"))),
    ("RETRY_BASE_DELAY", |config, text| put(&mut config.retry_base_delay, seconds(text))),
    ("RETRY_MAX_DELAY", |config, text| put(&mut config.retry_max_delay, seconds(text))),
    ("CIRCUIT_THRESHOLD", |config, text| {
        put(&mut config.circuit_threshold, number(text, "a whole number, 0 or more"))
    }),
    ("CIRCUIT_COOLDOWN_SECONDS", |config, text| put(&mut config.circuit_cooldown, seconds(text))),
    ("HEDGE_BUDGET", |config, text| {
        put(&mut config.hedge_budget, number(text, "a number").and_then(value::part))
    }),
    ("STRATEGY", |config, text| put(&mut config.strategy, StrategyConfig::from_name(text))),
];

fn put<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

fn number<T: FromStr>(text: &str, rule: impl Display) -> Result<T, String> {
    text.trim().parse().map_err(|_| format!("= {}: must be {rule}", shown(text)))
}

fn seconds(text: &str) -> Result<std::time::Duration, String> {
    number(text, "a number of seconds").and_then(value::seconds)
}

fn list(text: &str) -> Result<Vec<String>, String> {
    let names: Vec<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
    if names.iter().any(String::is_empty) {
        return Err(format!("= {}: must be names with commas between", shown(text)));
    }
    Ok(names)
}

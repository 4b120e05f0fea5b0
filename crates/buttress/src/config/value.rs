//! What values may be, wherever they come from.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, de};

/// The longest time that is taken for one: ten years.
const LONGEST: f64 = 10.0 * 365.0 * 24.0 * 3600.0;

/// A number of seconds above zero.
pub(super) fn seconds(number: f64) -> Result<Duration, String> {
    // NaN is in no range.
    if number > 0.0 && number <= LONGEST {
        let time = Duration::from_secs_f64(number);
        // Less than a nanosecond is nothing.
        if !time.is_zero() {
            return Ok(time);
        }
    }
    Err(format!("= {number}: must be a number of seconds, above 0 and at most ten years"))
}

/// A share: from 0 to below 1.
pub(super) fn part(number: f64) -> Result<f64, String> {
    if (0.0..1.0).contains(&number) {
        Ok(number)
    } else {
        Err(format!("= {number}: must be from 0 to below 1"))
    }
}

fn not_negative(number: f64) -> Result<f64, String> {
    if number.is_finite() && number >= 0.0 {
        Ok(number)
    } else {
        Err(format!("= {number}: must be a finite number of zero or more"))
    }
}

pub(super) fn above_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    checked(deserializer, seconds)
}

pub(super) fn some_above_zero<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    above_zero(deserializer).map(Some)
}

pub(super) fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    checked(deserializer, part)
}

pub(super) fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    checked(deserializer, not_negative)
}

pub(super) fn some_amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    amount(deserializer).map(Some)
}

fn checked<'de, D, T, E>(deserializer: D, check: fn(f64) -> Result<T, E>) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: fmt::Display,
{
    check(f64::deserialize(deserializer)?).map_err(de::Error::custom)
}

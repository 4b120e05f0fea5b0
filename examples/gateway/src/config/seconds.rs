//! Times in the file.

use std::time::Duration;

use serde::Deserialize;

/// A number of seconds, above zero and at most a day.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(try_from = "f64")]
pub struct Seconds(pub Duration);

const DAY: f64 = 24.0 * 60.0 * 60.0;

impl TryFrom<f64> for Seconds {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        // NaN is in no range, and less than a nanosecond is nothing.
        let time = (seconds > 0.0 && seconds <= DAY).then(|| Duration::from_secs_f64(seconds));
        let time = time.filter(|time| !time.is_zero());
        time.map(Seconds)
            .ok_or_else(|| format!("= {seconds}: must be a number of seconds, above 0 and at most a day"))
    }
}

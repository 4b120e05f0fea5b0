//! Rate-limit headers: integers, and resets as Go writes durations.

use std::time::Duration;

use http::HeaderMap;

use super::put;
use crate::bucket::Levels;

pub(super) fn write(headers: &mut HeaderMap, levels: &Levels) {
    // One token limit is told of: the tighter, where output is counted apart.
    let tokens =
        if levels.output.remaining < levels.tokens.remaining { levels.output } else { levels.tokens };
    put(headers, "x-ratelimit-limit-requests", levels.requests.limit);
    put(headers, "x-ratelimit-limit-tokens", tokens.limit);
    put(headers, "x-ratelimit-remaining-requests", levels.requests.remaining);
    put(headers, "x-ratelimit-remaining-tokens", tokens.remaining);
    put(headers, "x-ratelimit-reset-requests", go_duration(levels.requests.full_in));
    put(headers, "x-ratelimit-reset-tokens", go_duration(tokens.full_in));
}

/// `1h2m3s`, `6m0s`, `2m59.56s`, `9ms`: milliseconds, rounded up, are the finest.
pub(super) fn go_duration(duration: Duration) -> String {
    let millis = duration.as_nanos().div_ceil(1_000_000);
    if millis == 0 {
        return "0s".to_owned();
    }
    if millis < 1000 {
        return format!("{millis}ms");
    }
    let (hours, minutes, seconds) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
    let fraction = format!(".{:03}", millis % 1000);
    let seconds = format!("{seconds}{}s", fraction.trim_end_matches('0').trim_end_matches('.'));
    match (hours, minutes) {
        (0, 0) => seconds,
        (0, _) => format!("{minutes}m{seconds}"),
        _ => format!("{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_writes_them() {
        let written = [0, 9, 1000, 17_500, 179_560, 360_000, 3_723_000, 3_600_000]
            .map(|millis| go_duration(Duration::from_millis(millis)));
        assert_eq!(written, ["0s", "9ms", "1s", "17.5s", "2m59.56s", "6m0s", "1h2m3s", "1h0m0s"]);
        assert_eq!(go_duration(Duration::from_nanos(1)), "1ms");
    }
}

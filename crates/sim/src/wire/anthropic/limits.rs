//! Rate-limit headers: input and output apart, and resets as moments in RFC 3339.

use http::HeaderMap;

use super::put;
use crate::{
    bucket::{Level, Levels},
    clock::Clock,
};

pub(super) fn write(headers: &mut HeaderMap, levels: &Levels, clock: &Clock) {
    let requests = levels.requests;
    put(headers, "anthropic-ratelimit-requests-limit", requests.limit);
    put(headers, "anthropic-ratelimit-requests-remaining", requests.remaining);
    put(headers, "anthropic-ratelimit-requests-reset", clock.rfc3339_in(requests.full_in));

    let input = levels.tokens;
    put(headers, "anthropic-ratelimit-input-tokens-limit", input.limit);
    put(headers, "anthropic-ratelimit-input-tokens-remaining", thousands(input));
    put(headers, "anthropic-ratelimit-input-tokens-reset", clock.rfc3339_in(input.full_in));

    let output = levels.output;
    put(headers, "anthropic-ratelimit-output-tokens-limit", output.limit);
    put(headers, "anthropic-ratelimit-output-tokens-remaining", thousands(output));
    put(headers, "anthropic-ratelimit-output-tokens-reset", clock.rfc3339_in(output.full_in));

    // The limit "in force" is the tighter of the two.
    let tighter = if output.remaining < input.remaining { output } else { input };
    put(headers, "anthropic-ratelimit-tokens-limit", tighter.limit);
    put(headers, "anthropic-ratelimit-tokens-remaining", thousands(tighter));
    put(headers, "anthropic-ratelimit-tokens-reset", clock.rfc3339_in(tighter.full_in));
}

/// The real headers give tokens to the nearest thousand. A limit below that is told exactly, as rounding would say
/// nothing.
fn thousands(level: Level) -> u64 {
    if level.limit < 1000 {
        return level.remaining;
    }
    ((level.remaining + 500) / 1000 * 1000).min(level.limit)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn tokens_are_told_to_the_nearest_thousand() {
        let told = |limit, remaining| thousands(Level { limit, remaining, full_in: Duration::ZERO });
        assert_eq!(
            [told(50_000, 49_400), told(50_000, 49_500), told(1200, 1200), told(600, 599)],
            [49_000, 50_000, 1000, 599]
        );
    }
}

//! Durations as providers write them: Go's syntax, or plain seconds.

use std::time::Duration;

use buttress_call::hint::MAX_HINT;

/// Reads `9ms`, `4.77s`, `6m0s`, `1h2m3s`, or a plain number of seconds. Negative and unreadable values say nothing;
/// long ones are clamped to [`MAX_HINT`].
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let seconds = match text.parse::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => go(text)?,
    };
    // NaN fails the comparison.
    (seconds >= 0.0).then(|| Duration::try_from_secs_f64(seconds).map_or(MAX_HINT, |d| d.min(MAX_HINT)))
}

/// Seconds of a Go duration: numbers and units in turn.
fn go(text: &str) -> Option<f64> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        seconds += number.parse::<f64>().ok()? * scale(unit)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(seconds)
}

fn scale(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        // The micro sign and the Greek letter look alike; Go prints the first and reads both.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return None,
    })
}

/// The wait that an error's text asks for: "try again in 4.77s", "retry after 12 seconds". Zero says nothing.
pub(crate) fn in_message(lower_case: &str) -> Option<Duration> {
    ["try again in ", "retry after ", "retry in "].iter().find_map(|phrase| {
        let (_, after) = lower_case.split_once(phrase)?;
        let mut words = after.split_ascii_whitespace();
        let number = words.next()?.trim_end_matches(['.', ',', ';', ')']);
        let unit = words.next().unwrap_or_default();
        let wait = match parse(number)? {
            wait if number.ends_with(|c: char| c.is_ascii_alphabetic()) => wait,
            wait if unit.starts_with("second") => wait,
            wait if unit.starts_with("minute") => wait.saturating_mul(60).min(MAX_HINT),
            _ => return None,
        };
        (!wait.is_zero()).then_some(wait)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_and_plain_seconds_are_read() {
        for (text, millis) in [
            ("9ms", 9),
            ("1s", 1000),
            ("6m0s", 360_000),
            ("1h2m3s", 3_723_000),
            ("2m59.56s", 179_560),
            ("60", 60_000),
            ("0.5", 500),
            ("0s", 0),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse("30\u{b5}s"), Some(Duration::from_micros(30)));
    }

    #[test]
    fn garbage_says_nothing() {
        for text in ["", " ", "-1", "-1s", "s", "m1s", "1.2.3s", "1s2", "5 minutes", "soon", "NaN", "1x", "é"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn ages_are_clamped() {
        for text in ["999999999h", "1e300", "inf", "99999999999999999999999999d"] {
            assert_eq!(parse(text), Some(MAX_HINT), "{text}");
        }
    }

    #[test]
    fn a_message_may_name_the_wait() {
        for (message, millis) in [
            ("rate limit reached. please try again in 4.77s. visit the docs", 4770),
            ("please try again in 9m38.016s.", 578_016),
            ("please try again in 120ms", 120),
            ("please retry after 86400 seconds.", 86_400_000),
            ("try again in 20 seconds", 20_000),
            ("try again in 2 minutes", 120_000),
            ("please retry in 27.5s.", 27_500),
        ] {
            assert_eq!(in_message(message), Some(Duration::from_millis(millis)), "{message}");
        }
        for message in ["try again in a while", "try again in ", "try again in 0s", "try again in 5", "later"]
        {
            assert_eq!(in_message(message), None, "{message}");
        }
    }
}

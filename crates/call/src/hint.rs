//! Retry hints in an answer's headers.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// The longest wait that a hint can ask for: 31 days, the longest that a provider's month lasts.
///
/// What a layer does with a long hint is its own business; the cap keeps arithmetic on instants safe.
pub const MAX_HINT: Duration = Duration::from_secs(31 * 24 * 60 * 60);

const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const MS_RETRY_AFTER_MS: HeaderName = HeaderName::from_static("x-ms-retry-after-ms");
const AMZ_RETRY_AFTER_MS: HeaderName = HeaderName::from_static("x-amz-retry-after");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The wait that the headers ask for, at most [`MAX_HINT`].
///
/// Looks at `retry-after-ms`, `x-ms-retry-after-ms`, `x-amz-retry-after` (milliseconds as well), then `retry-after` in
/// seconds (fractions too) or as an HTTP date. A date is counted from the answer's own `date` header, or else from `now`, so that a skewed clock does not turn a
/// short wait into a long one. Zero, negative, past and unreadable values say nothing, and the next header is asked.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let millis = |name| number(headers.get(name)?).and_then(|ms| positive(ms / 1000.0));
    millis(RETRY_AFTER_MS)
        .or_else(|| millis(MS_RETRY_AFTER_MS))
        .or_else(|| millis(AMZ_RETRY_AFTER_MS))
        .or_else(|| seconds_or_date(headers, now))
}

/// The provider's own word on whether to retry: `x-should-retry: true` or `false`.
pub fn should_retry(headers: &HeaderMap) -> Option<bool> {
    let value = headers.get(SHOULD_RETRY)?.as_bytes().trim_ascii();
    if value.eq_ignore_ascii_case(b"true") {
        Some(true)
    } else if value.eq_ignore_ascii_case(b"false") {
        Some(false)
    } else {
        None
    }
}

fn seconds_or_date(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?;
    if let Some(seconds) = number(value) {
        return positive(seconds);
    }
    let at = date(value)?;
    let now = headers.get(header::DATE).and_then(date).unwrap_or(now);
    at.duration_since(now).ok().filter(|wait| !wait.is_zero()).map(|wait| wait.min(MAX_HINT))
}

fn number(value: &HeaderValue) -> Option<f64> {
    value.to_str().ok()?.trim().parse().ok()
}

fn date(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?.trim()).ok()
}

/// A wait of this many seconds: none if it is not above zero, [`MAX_HINT`] if it is longer.
fn positive(seconds: f64) -> Option<Duration> {
    // NaN fails the comparison.
    (seconds > 0.0).then(|| Duration::try_from_secs_f64(seconds).map_or(MAX_HINT, |wait| wait.min(MAX_HINT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_str(v).unwrap())).collect()
    }

    fn hint(pairs: &[(&'static str, &str)]) -> Option<Duration> {
        retry_after(&headers(pairs), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000))
    }

    #[test]
    fn milliseconds_take_precedence_over_seconds() {
        assert_eq!(
            hint(&[("retry-after-ms", "1500.5"), ("retry-after", "7")]),
            Some(Duration::from_micros(1_500_500))
        );
        assert_eq!(hint(&[("x-ms-retry-after-ms", "20")]), Some(Duration::from_millis(20)));
        let both = [("x-amz-retry-after", "1500"), ("retry-after", "7")];
        assert_eq!(hint(&both), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn seconds_may_have_a_fraction() {
        assert_eq!(hint(&[("retry-after", " 0.25 ")]), Some(Duration::from_millis(250)));
    }

    #[test]
    fn a_date_is_counted_from_the_answers_own_date() {
        let at = ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(hint(&[at, ("date", "Sun, 06 Nov 1994 08:49:07 GMT")]), Some(Duration::from_secs(30)));
        // Without one it is counted from now, and by then it is past.
        assert_eq!(hint(&[at]), None);
    }

    #[test]
    fn zero_negative_past_and_garbage_say_nothing() {
        for value in ["0", "-3", "NaN", "", "soon", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert_eq!(hint(&[("retry-after", value)]), None, "{value:?}");
        }
        assert_eq!(hint(&[("retry-after-ms", "x"), ("retry-after", "2")]), Some(Duration::from_secs(2)));
    }

    #[test]
    fn years_are_clamped() {
        for value in ["1e300", "inf", "99999999999"] {
            assert_eq!(hint(&[("retry-after", value)]), Some(MAX_HINT), "{value:?}");
        }
        assert_eq!(hint(&[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")]), Some(MAX_HINT));
    }

    #[test]
    fn should_retry_reads_only_true_and_false() {
        assert_eq!(should_retry(&headers(&[("x-should-retry", "True")])), Some(true));
        assert_eq!(should_retry(&headers(&[("x-should-retry", "false")])), Some(false));
        assert_eq!(should_retry(&headers(&[("x-should-retry", "maybe")])), None);
        assert_eq!(should_retry(&headers(&[])), None);
    }
}

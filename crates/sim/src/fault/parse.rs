//! Faults as text, for command lines and scripts.

use std::{error::Error, fmt, str::FromStr, time::Duration};

use super::Fault;

/// The forms that [`Fault`] is read from.
const FORMS: &str = "refuse, reset, connect-refused, black-hole, rate-limit[=SECONDS], quota, status=CODE, \
    context-too-long, slow-first-token=SECONDS, brownout=FACTOR, stall=TOKENS, cut=TOKENS, malformed=TOKENS, \
    error-event=TOKENS, error-then-done=TOKENS, missing-end, missing-finish, empty, error-in-200, garbage=BYTES, \
    megabyte-line, endless-prelude, gzip, over-deliver";

/// The text is no fault. Says which texts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseFaultError {
    text: String,
}

impl fmt::Display for ParseFaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown fault {:?}; known: {FORMS}", self.text)
    }
}

impl Error for ParseFaultError {}

impl FromStr for Fault {
    type Err = ParseFaultError;

    /// Reads a fault from its name and, after `=`, its number: `refuse`, `status=500`, `stall=20`,
    /// `slow-first-token=2.5` (seconds).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, number) = text.split_once('=').map_or((text, None), |(name, number)| (name, Some(number)));
        let fault = match number {
            None => bare(name),
            Some(number) => numbered(name, number),
        };
        fault.ok_or_else(|| ParseFaultError { text: text.to_owned() })
    }
}

fn bare(name: &str) -> Option<Fault> {
    Some(match name {
        "refuse" => Fault::Refuse,
        "reset" => Fault::Reset,
        "connect-refused" => Fault::ConnectRefused,
        "black-hole" => Fault::BlackHole,
        "rate-limit" => Fault::RateLimit { retry_after: None },
        "quota" => Fault::Quota,
        "context-too-long" => Fault::ContextTooLong,
        "missing-end" => Fault::MissingEnd { finish: true },
        "missing-finish" => Fault::MissingEnd { finish: false },
        "empty" => Fault::EmptyOk,
        "error-in-200" => Fault::ErrorIn200,
        "megabyte-line" => Fault::MegabyteLine,
        "endless-prelude" => Fault::EndlessPrelude,
        "gzip" => Fault::Gzip,
        "over-deliver" => Fault::OverDeliver,
        _ => return None,
    })
}

fn numbered(name: &str, number: &str) -> Option<Fault> {
    let seconds = || number.parse().ok().and_then(|secs| Duration::try_from_secs_f64(secs).ok());
    Some(match name {
        "rate-limit" => Fault::RateLimit { retry_after: Some(seconds()?) },
        "slow-first-token" => Fault::SlowFirstToken(seconds()?),
        "status" => Fault::Status(number.parse().ok()?),
        "brownout" => Fault::Brownout(number.parse().ok()?),
        "stall" => Fault::StallAfter { tokens: number.parse().ok()? },
        "cut" => Fault::CutAfter { tokens: number.parse().ok()? },
        "malformed" => Fault::MalformedEvent { after: number.parse().ok()? },
        "error-event" => Fault::ErrorEvent { after: number.parse().ok()? },
        "error-then-done" => Fault::ErrorThenDone { after: number.parse().ok()? },
        "garbage" => Fault::Garbage { bytes: number.parse().ok()? },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_in_the_help_is_read() {
        for form in FORMS.split(',').map(str::trim) {
            let name = form.split(['[', '=']).next().unwrap();
            let texts = [name.to_owned(), format!("{name}=500")];
            assert!(texts.iter().any(|text| text.parse::<Fault>().is_ok()), "{form}");
        }
    }

    #[test]
    fn a_wrong_number_is_an_error_that_shows_the_text() {
        let error = "stall=soon".parse::<Fault>().unwrap_err();
        assert!(error.to_string().starts_with("unknown fault \"stall=soon\"; known: refuse"), "{error}");
        assert!("slow-first-token=-1".parse::<Fault>().is_err());
    }
}

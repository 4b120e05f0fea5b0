//! What is wrong with a setting.

use std::{error::Error as StdError, fmt};

/// A setting that cannot be used: where it stands, which it is, its value and the rule that it breaks.
///
/// It never shows what may be a key: long values are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    place: String,
    line: Option<usize>,
    key: Option<String>,
    what: String,
}

/// The longest value that is shown. Keys of providers are longer.
const LONGEST_SHOWN: usize = 24;

impl ConfigError {
    pub(super) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        ConfigError { place: place.into(), line: None, key: None, what: what.into() }
    }

    /// A value, which is known not to be a secret, and its rule.
    pub(super) fn rule(place: &str, key: &str, value: &dyn fmt::Display, rule: &str) -> Self {
        Self::new(place, format!("= {value}: {rule}")).of_key(key.to_owned())
    }

    pub(super) fn on_line(mut self, line: Option<usize>) -> Self {
        self.line = line;
        self
    }

    pub(super) fn of_key(mut self, key: String) -> Self {
        self.key = Some(key).filter(|key| !key.is_empty() && key != ".");
        self
    }

    /// The file, or the variable.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The same error of settings that come from elsewhere: the name of a file that embeds them.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        // `key = value: rule`, or `key: what is wrong`.
        f.write_str(if self.what.starts_with("= ") { " " } else { ": " })?;
        f.write_str(&self.what)
    }
}

impl StdError for ConfigError {}

/// A value as it may be shown.
pub(super) fn shown(value: &str) -> String {
    if value.chars().count() > LONGEST_SHOWN {
        format!("({} characters)", value.chars().count())
    } else {
        format!("{value:?}")
    }
}

/// A message without the long strings that it quotes.
pub(super) fn without_values(message: &str) -> String {
    const BEFORE: &str = "string \"";
    const AFTER: &str = "\", expected";
    let quoted = message.find(BEFORE).zip(message.rfind(AFTER));
    match quoted {
        Some((start, end)) if start + BEFORE.len() <= end => {
            let value = &message[start + BEFORE.len()..end];
            format!("{}string {}{}", &message[..start], shown(value), &message[end + 1..])
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_key_is_not_shown() {
        let key = "0123456789abcdef0123456789abcdef";
        assert_eq!(shown(key), "(32 characters)");
        assert_eq!(shown("abc"), "\"abc\"");
        let message = format!("invalid type: string \"{key}\", expected struct TargetConfig");
        assert_eq!(
            without_values(&message),
            "invalid type: string (32 characters), expected struct TargetConfig"
        );
        let short = "invalid type: string \"x\", expected f64";
        assert_eq!(without_values(short), short);
        assert_eq!(without_values("string \", expected"), "string \", expected");
    }
}

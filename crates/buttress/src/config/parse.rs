//! TOML, with errors that say where.

use serde::de::DeserializeOwned;

use super::{ConfigError, error::without_values};

/// Reads a value of any type from a TOML text, with errors as [`Config`](super::Config)'s own: `place`, the line, the key
/// and what is wrong with it, and never the text around.
///
/// For programs whose file holds more than a [`Config`](super::Config), as one with
/// [targets](super::TargetConfig) and routes of its own.
///
/// ```
/// use std::collections::BTreeMap;
/// use buttress::config::{TargetConfig, from_toml};
///
/// #[derive(Debug, serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Gateway {
///     listen: String,
///     targets: BTreeMap<String, TargetConfig>,
/// }
///
/// let text = r#"
///     listen = "127.0.0.1:8080"
///     [targets.openai]
///     tier = "first"
/// "#;
/// let error = from_toml::<Gateway>(text, "gateway.toml").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"gateway.toml, line 4: targets.openai.tier: invalid type: string "first", expected u32"#,
/// );
/// # Ok::<(), buttress::config::ConfigError>(())
/// ```
pub fn from_toml<T: DeserializeOwned>(text: &str, place: &str) -> Result<T, ConfigError> {
    let wrong = |error: &toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map(|before| 1 + before.matches('\n').count());
        ConfigError::new(place, without_values(error.message())).on_line(line)
    };
    let deserializer = toml::Deserializer::parse(text).map_err(|error| wrong(&error))?;
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let key = error.path().to_string();
        wrong(error.inner()).of_key(key)
    })
}

//! What tokens cost.

use serde::Deserialize;

/// `price`: what a target charges for a million tokens, in any currency that is the same for all targets.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PriceConfig {
    /// Tokens of the prompt.
    pub input: f64,
    /// Generated tokens.
    pub output: f64,
    /// Tokens of the prompt that are read from the provider's cache. Default: as `input`.
    #[serde(default)]
    pub cached_input: Option<f64>,
    /// Tokens of the prompt that are written to the provider's cache. Default: as `input`.
    #[serde(default)]
    pub cache_write: Option<f64>,
}

impl PriceConfig {
    /// One number by which targets are compared: four tokens of prompt for each that is generated.
    pub fn blended(&self) -> f64 {
        (4.0 * self.input + self.output) / 5.0
    }
}

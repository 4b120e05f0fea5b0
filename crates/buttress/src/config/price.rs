//! What tokens cost.

use serde::Deserialize;

use super::value;
use crate::telemetry::Price;

/// `price`: what a target charges for a million tokens, in any currency that is the same for all targets.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PriceConfig {
    /// Tokens of the prompt.
    #[serde(deserialize_with = "value::amount")]
    pub input: f64,
    /// Generated tokens.
    #[serde(deserialize_with = "value::amount")]
    pub output: f64,
    /// Tokens of the prompt that are read from the provider's cache. Default: as `input`.
    #[serde(default, deserialize_with = "value::some_amount")]
    pub cached_input: Option<f64>,
    /// Tokens of the prompt that are written to the provider's cache. Default: as `input`.
    #[serde(default, deserialize_with = "value::some_amount")]
    pub cache_write: Option<f64>,
}

impl PriceConfig {
    /// One number by which targets are compared: four tokens of prompt for each that is generated.
    pub fn blended(&self) -> f64 {
        (4.0 * self.input + self.output) / 5.0
    }

    /// The same in telemetry's words: what the target of this name charges, whatever the model.
    pub fn of_target(&self, target: &str) -> Price {
        let PriceConfig { input, output, cached_input, cache_write } = *self;
        Price { target: target.to_owned(), model: None, input, cached_input, cache_write, output }
    }
}

//! Providers by name.

use serde::{Deserialize, Deserializer, de};

use super::error::shown;
use crate::provider::Provider;

/// A provider that is known by name, or any server that speaks a known dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Vendor {
    /// `openai`: OpenAI's own API. Its key is in `OPENAI_API_KEY`.
    OpenAi,
    /// `anthropic`: Anthropic's Messages API. Its key is in `ANTHROPIC_API_KEY`.
    Anthropic,
    /// `compatible`: any server that speaks OpenAI's chat completions. It has no address and no key but those given.
    Compatible,
}

impl Vendor {
    /// Every one.
    pub const ALL: [Vendor; 3] = [Vendor::OpenAi, Vendor::Anthropic, Vendor::Compatible];

    /// Its name in a file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Vendor::OpenAi => "openai",
            Vendor::Anthropic => "anthropic",
            Vendor::Compatible => "compatible",
        }
    }

    /// The variable in which its key usually stands.
    pub const fn key_variable(self) -> Option<&'static str> {
        match self {
            Vendor::OpenAi => Some("OPENAI_API_KEY"),
            Vendor::Anthropic => Some("ANTHROPIC_API_KEY"),
            Vendor::Compatible => None,
        }
    }

    /// The vendor of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vendor| vendor.as_str() == name)
    }

    /// Whether what is written for this one can be read by the other: nothing is translated.
    pub fn speaks_as(self, other: Vendor) -> bool {
        (self == Vendor::Anthropic) == (other == Vendor::Anthropic)
    }

    /// The provider of this name, at its own address if there is no other.
    pub(super) fn provider(self, name: &str, base_url: Option<&str>) -> Option<Provider> {
        let provider = match self {
            Vendor::OpenAi => Provider::openai().name(name),
            Vendor::Anthropic => Provider::anthropic().name(name),
            Vendor::Compatible => Provider::compatible(name, base_url?),
        };
        Some(match base_url {
            Some(url) => provider.base_url(url),
            None => provider,
        })
    }

    /// `one of openai, ...`
    pub(super) fn names() -> String {
        Self::ALL.map(Vendor::as_str).join(", ")
    }
}

impl<'de> Deserialize<'de> for Vendor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let unknown = || de::Error::custom(format!("= {}: must be one of {}", shown(&name), Self::names()));
        Self::from_name(&name).ok_or_else(unknown)
    }
}

//! What is limited.

use std::fmt;

use buttress_call::{Limit, Limits};

use super::Need;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dimension {
    /// Requests a minute.
    Requests,
    /// Tokens a minute, input and output together.
    Tokens,
    /// Tokens of prompts a minute.
    InputTokens,
    /// Generated tokens a minute.
    OutputTokens,
    /// Calls in flight at the same time.
    InFlight,
}

impl Dimension {
    /// Those that count tokens, in the order in which the engine keeps them.
    pub(crate) const TOKENS: [Dimension; 3] =
        [Dimension::Tokens, Dimension::InputTokens, Dimension::OutputTokens];

    /// Its place among [`Dimension::TOKENS`].
    pub(crate) fn index(self) -> usize {
        match self {
            Dimension::InputTokens => 1,
            Dimension::OutputTokens => 2,
            _ => 0,
        }
    }

    /// The tokens that count here, out of so many in and out.
    pub(crate) fn count(self, input: u64, output: u64) -> u64 {
        match self {
            Dimension::Tokens => input + output,
            Dimension::InputTokens => input,
            Dimension::OutputTokens => output,
            Dimension::Requests | Dimension::InFlight => 1,
        }
    }

    /// What of a call's need counts here.
    pub(crate) fn of(self, need: &Need) -> u64 {
        self.count(need.input, need.output)
    }

    /// What an answer said of this dimension.
    pub(crate) fn said(self, limits: &Limits) -> Limit {
        match self {
            Dimension::Requests => limits.requests,
            Dimension::Tokens => limits.tokens,
            Dimension::InputTokens => limits.input_tokens,
            Dimension::OutputTokens => limits.output_tokens,
            Dimension::InFlight => Limit::default(),
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dimension::Requests => "requests a minute",
            Dimension::Tokens => "tokens a minute",
            Dimension::InputTokens => "input tokens a minute",
            Dimension::OutputTokens => "output tokens a minute",
            Dimension::InFlight => "calls in flight",
        })
    }
}

//! What a target can serve.

use std::{fmt, sync::Arc};

use buttress_call::{Kind, Shape};

use crate::{InvalidTargets, invalid::Rule, state::State};

/// Bytes of text that make a token, on average, in English prose.
const BYTES_PER_TOKEN: u64 = 4;

/// What is declared of a target. What is not declared, it is taken to have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Capabilities {
    /// Tokens, of the prompt and of the answer.
    pub(crate) window: Option<u64>,
    pub(crate) models: Option<Vec<Arc<str>>>,
    pub(crate) no_streaming: bool,
    pub(crate) no_tools: bool,
    pub(crate) price: Option<f64>,
}

/// What a target lacks for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lack {
    /// It does not have the model.
    Model,
    /// Its context window is too small.
    Window,
    /// It does not stream.
    Streaming,
    /// It cannot use tools.
    Tools,
}

impl Lack {
    /// The kind of failure with which the target would have answered.
    pub const fn kind(self) -> Kind {
        match self {
            Lack::Model => Kind::NotFound,
            Lack::Window => Kind::ContextTooLong,
            Lack::Streaming | Lack::Tools => Kind::Invalid,
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lack::Model => "does not have the model",
            Lack::Window => "has too small a window",
            Lack::Streaming => "does not stream",
            Lack::Tools => "cannot use tools",
        })
    }
}

impl Capabilities {
    /// Whether nothing is declared that could keep a request away.
    pub(crate) fn serves_all(&self) -> bool {
        self.window.is_none() && self.models.is_none() && !self.no_streaming && !self.no_tools
    }

    pub(crate) fn check(&self, name: &Arc<str>) -> Result<(), InvalidTargets> {
        let name = || name.clone();
        let broken = match self {
            Capabilities { price: Some(price), .. } if !(price.is_finite() && *price >= 0.0) => {
                Rule::Price(name(), *price)
            }
            Capabilities { window: Some(0), .. } => Rule::NoWindow(name()),
            Capabilities { models: Some(models), .. } if models.is_empty() => Rule::NoModels(name()),
            _ => return Ok(()),
        };
        Err(broken.into())
    }

    pub(crate) fn lack(&self, shape: &Shape) -> Option<Lack> {
        let lacks_model = match (&self.models, &shape.model) {
            (Some(models), Some(model)) => !models.contains(model),
            _ => false,
        };
        if lacks_model {
            Some(Lack::Model)
        } else if self.no_streaming && shape.stream {
            Some(Lack::Streaming)
        } else if self.no_tools && shape.tools {
            Some(Lack::Tools)
        } else if self.window.is_some_and(|window| window < tokens(shape)) {
            Some(Lack::Window)
        } else {
            None
        }
    }

    /// Whether a prompt that was too long for a window of this size is known to be too long for this target.
    pub(crate) fn no_larger_than(&self, window: Option<u64>) -> bool {
        matches!((self.window, window), (Some(own), Some(failed)) if own <= failed)
    }
}

/// The bits of the targets that cannot serve a request of this shape, whose prompt was too long for a window of
/// `outgrown`.
#[cold]
pub(crate) fn unfit(states: &[Arc<State>], shape: Option<&Shape>, outgrown: Option<u64>) -> u64 {
    let bits = |lacks: &dyn Fn(&Capabilities) -> bool| {
        let unfit = states.iter().filter(|state| lacks(&state.capabilities));
        unfit.fold(0, |bits, state| bits | state.bit())
    };
    let known = bits(&|capabilities| capabilities.no_larger_than(outgrown));
    let Some(shape) = shape else { return known };
    let unfit = known | bits(&|capabilities| capabilities.lack(shape).is_some());
    if states.iter().any(|state| unfit & state.bit() == 0) {
        return unfit;
    }
    // The size is only an estimate: what is too small by it alone may do, if it is the largest there is.
    let too_small = |state: &&Arc<State>| {
        known & state.bit() == 0 && state.capabilities.lack(shape) == Some(Lack::Window)
    };
    let largest = states.iter().filter(too_small).filter_map(|state| state.capabilities.window).max();
    let chance = states.iter().filter(too_small).filter(|state| state.capabilities.window == largest);
    chance.fold(unfit, |unfit, state| unfit & !state.bit())
}

/// What a request needs of a window, estimated.
fn tokens(shape: &Shape) -> u64 {
    (shape.text_bytes / BYTES_PER_TOKEN).saturating_add(shape.max_output.unwrap_or(0))
}

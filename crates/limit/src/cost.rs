//! What a request is going to cost, before anybody has answered it.

use std::sync::Arc;

/// Estimates a request's tokens.
///
/// A closure `Fn(&Req) -> Estimate` is one, and so is [`TextBytes`](crate::TextBytes), the default for
/// `http::Request`s. The estimate need not be exact: the limiter compares it with the usage that comes back, and corrects
/// what this says by what it has learnt, model by model.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not know what a `{Req}` costs",
    label = "no estimate of a `{Req}`'s tokens",
    note = "the limiter's default, `TextBytes`, reads `http::Request`s",
    note = "for a typed request, give the layer `.cost(|request: &{Req}| Estimate::new(...))`"
)]
pub trait Cost<Req> {
    /// The estimate. Called once for each call, outside of any lock; it should not block.
    fn cost(&self, request: &Req) -> Estimate;

    /// Called just before, for whoever learns something that the layers further in can use.
    fn prepare(&self, _request: &mut Req) {}
}

impl<Req, F> Cost<Req> for F
where
    F: Fn(&Req) -> Estimate,
{
    fn cost(&self, request: &Req) -> Estimate {
        self(request)
    }
}

/// What a request is expected to cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// Tokens of the prompt. Zero counts as one, so that no call is free.
    pub input: u64,
    /// The caller's own cap on the output, if there is one.
    pub max_output: Option<u64>,
    /// The model: what is learnt about estimates is learnt model by model.
    pub model: Option<Arc<str>>,
}

impl Estimate {
    /// So many tokens of prompt; no cap on the output, no model.
    pub const fn new(input: u64) -> Self {
        Estimate { input, max_output: None, model: None }
    }

    /// The same with this cap on the output.
    #[must_use]
    pub fn with_max_output(mut self, max_output: impl Into<Option<u64>>) -> Self {
        self.max_output = max_output.into();
        self
    }

    /// The same for this model.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<Arc<str>>) -> Self {
        self.model = Some(model.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_keeps_what_it_was_given() {
        let Estimate { input, max_output, model } = Estimate::new(5).with_max_output(7).with_model("m");
        assert_eq!((input, max_output, model.as_deref()), (5, Some(7), Some("m")));
    }
}

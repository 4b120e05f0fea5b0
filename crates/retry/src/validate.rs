//! The caller's own check of an answer.

use std::{error::Error as StdError, fmt, sync::Arc};

use buttress_call::{BoxError, Error, Kind, Usage};

/// The caller's own check of an answer. See [`RetryPolicy::validate`](crate::RetryPolicy::validate).
pub trait Validate<Res> {
    /// Says what is wrong with the answer.
    fn validate(&self, response: &Res) -> Result<(), BoxError>;
}

/// No check: any answer will do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnyAnswer;

impl<Res> Validate<Res> for AnyAnswer {
    #[inline]
    fn validate(&self, _: &Res) -> Result<(), BoxError> {
        Ok(())
    }
}

/// A check made by [`RetryPolicy::validate`](crate::RetryPolicy::validate).
pub struct Check<F> {
    check: Arc<F>,
}

impl<F> Check<F> {
    pub(crate) fn new(check: F) -> Self {
        Check { check: Arc::new(check) }
    }
}

impl<Res, F> Validate<Res> for Check<F>
where
    F: Fn(&Res) -> Result<(), BoxError>,
{
    fn validate(&self, response: &Res) -> Result<(), BoxError> {
        (self.check)(response)
    }
}

impl<F> Clone for Check<F> {
    // By hand, because the closure need not be `Clone`.
    fn clone(&self) -> Self {
        Check { check: self.check.clone() }
    }
}

impl<F> fmt::Debug for Check<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").finish_non_exhaustive()
    }
}

/// The caller's own check refused the answer.
///
/// It is the [`source`](StdError::source) of an [`Error`] of [`Kind::Broken`], so a failover outside goes on to the next
/// target. What the check said is the source of this.
#[derive(Debug)]
pub struct Refused {
    why: BoxError,
}

impl Refused {
    pub(crate) fn into_error(self, usage: Option<Usage>) -> BoxError {
        Error::by_layer(Kind::Broken, "retry", self).with_usage(usage).into()
    }
}

impl From<BoxError> for Refused {
    fn from(why: BoxError) -> Self {
        Refused { why }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer was refused: {}", self.why)
    }
}

impl StdError for Refused {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.why)
    }
}

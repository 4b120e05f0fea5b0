//! Which calls may be hedged.

use buttress_call::Call;

/// Says whether a request may be sent a second time. Any `Fn(&Req) -> bool` is one.
///
/// A call that may not costs the layer nothing and teaches it nothing.
pub trait Eligible<Req> {
    /// Whether this request may be sent a second time. `call` is what it carries, if anything.
    fn is_eligible(&self, request: &Req, call: Option<&Call>) -> bool;
}

/// The default: calls that stream, and calls of which that is not known.
///
/// A whole answer takes as long as it is, so its slowness says little; and a provider may well bill the loser as if it
/// had finished, where a stream is stopped by closing its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streams;

impl<Req> Eligible<Req> for Streams {
    fn is_eligible(&self, _: &Req, call: Option<&Call>) -> bool {
        call.and_then(Call::shape).is_none_or(|shape| shape.stream)
    }
}

impl<Req, F: Fn(&Req) -> bool> Eligible<Req> for F {
    fn is_eligible(&self, request: &Req, _: Option<&Call>) -> bool {
        self(request)
    }
}

//! A classifier that runs a user's code first.

use buttress_call::{BoxError, Call, Carries, Charging, Classify, Limits, Verdict};

use super::Hook;

/// Rings the hook, then asks the classifier inside.
#[derive(Clone)]
pub(crate) struct Ringing<C> {
    hook: Hook,
    inner: C,
}

impl<C> Ringing<C> {
    pub(crate) fn new(hook: &Hook, inner: C) -> Self {
        Ringing { hook: hook.clone(), inner }
    }
}

impl<Res, C: Classify<Res>> Classify<Res> for Ringing<C> {
    fn classify<'a>(&self, result: Result<&'a Res, &BoxError>) -> Verdict<'a> {
        self.hook.ring();
        self.inner.classify(result)
    }

    fn limits(&self, result: Result<&Res, &BoxError>) -> Option<Limits> {
        self.hook.ring();
        self.inner.limits(result)
    }

    fn charging(&self, result: Result<&Res, &BoxError>) -> Option<Charging> {
        self.hook.ring();
        self.inner.charging(result)
    }

    fn should_retry(&self, result: Result<&Res, &BoxError>) -> Option<bool> {
        self.hook.ring();
        self.inner.should_retry(result)
    }
}

impl<Req, C: Carries<Req>> Carries<Req> for Ringing<C> {
    type Kept = C::Kept;

    fn call<'a>(&self, request: &'a Req) -> Option<&'a Call> {
        self.hook.ring();
        self.inner.call(request)
    }

    fn call_mut<'a>(&self, request: &'a mut Req) -> Option<&'a mut Call> {
        self.hook.ring();
        self.inner.call_mut(request)
    }

    fn keep(&self, request: &mut Req) -> C::Kept
    where
        Req: Clone,
    {
        self.hook.ring();
        self.inner.keep(request)
    }
}

//! By how much estimates are off, model by model.

use std::sync::{Arc, Mutex, PoisonError};

/// Each settled call moves the factor so far towards what would have been right.
const STEP: f64 = 0.02;
/// No estimator is off by more; a usage that says so is taken for an outlier.
const RANGE: (f64, f64) = (0.1, 10.0);
/// Models beyond this many share one factor.
const MODELS: usize = 64;

/// What estimates are multiplied with.
///
/// A factor starts at 1 and follows the ratio of the charged input to the estimated, 2 % of the way with each call: after
/// a hundred calls 87 % of a constant bias are gone, and one odd prompt moves it by little. It also learns what the
/// estimate cannot know: cached input that does not count, or the tokens of images.
#[derive(Debug)]
pub(crate) struct Factors {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Of calls that name no model, or one too many.
    other: f64,
    models: Vec<(Arc<str>, f64)>,
}

impl Factors {
    pub(crate) fn new() -> Self {
        Factors { inner: Mutex::new(Inner { other: 1.0, models: Vec::new() }) }
    }

    /// The estimate, corrected. Never zero.
    pub(crate) fn correct(&self, model: Option<&Arc<str>>, estimate: u64) -> u64 {
        let factor = *self.lock().factor(model);
        // The cast saturates.
        ((estimate.max(1) as f64 * factor).round() as u64).max(1)
    }

    /// A call that was estimated at this has been charged that.
    pub(crate) fn learn(&self, model: Option<&Arc<str>>, estimate: u64, charged: u64) {
        let mut inner = self.lock();
        if let Some(model) = model
            && inner.models.len() < MODELS
            && !inner.models.iter().any(|(known, _)| known == model)
        {
            inner.models.push((model.clone(), 1.0));
        }
        let ratio = (charged as f64 / estimate.max(1) as f64).clamp(RANGE.0, RANGE.1);
        let factor = inner.factor(model);
        *factor += STEP * (ratio - *factor);
    }

    pub(crate) fn all(&self) -> Vec<(Option<Arc<str>>, f64)> {
        let inner = self.lock();
        let models = inner.models.iter().map(|(model, factor)| (Some(model.clone()), *factor));
        std::iter::once((None, inner.other)).chain(models).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Nothing in here panics between two steps.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn factor(&mut self, model: Option<&Arc<str>>) -> &mut f64 {
        let known = model.and_then(|model| self.models.iter().position(|(known, _)| known == model));
        match known {
            Some(at) => &mut self.models[at].1,
            None => &mut self.other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_bias_is_learnt() {
        let factors = Factors::new();
        let model: Arc<str> = "m".into();
        for _ in 0..100 {
            factors.learn(Some(&model), 80, 100);
        }
        let corrected = factors.correct(Some(&model), 80);
        assert!((96..=100).contains(&corrected), "{corrected}");
        assert_eq!(factors.correct(None, 80), 80, "another model's factor is another's");
    }

    #[test]
    fn an_absurd_usage_moves_it_by_little_and_zero_estimates_divide_nothing() {
        let factors = Factors::new();
        factors.learn(None, 0, u64::MAX);
        let corrected = factors.correct(None, 100);
        assert!((100..=118).contains(&corrected), "{corrected}");
        assert_eq!(factors.correct(None, 0), 1);
    }

    #[test]
    fn more_models_than_there_is_room_for_share_one_factor() {
        let factors = Factors::new();
        for n in 0..1_000 {
            factors.learn(Some(&format!("model-{n}").into()), 100, 200);
        }
        assert_eq!(factors.all().len(), MODELS + 1);
        assert!(factors.correct(Some(&"never seen".into()), 100) > 180);
    }
}

//! By how much estimates are off, model by model.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

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
    /// Of calls that name no model, or one too many: the bits of a float.
    other: AtomicU64,
    models: Mutex<Vec<(Arc<str>, f64)>>,
}

impl Factors {
    pub(crate) fn new() -> Self {
        Factors { other: AtomicU64::new(1.0_f64.to_bits()), models: Mutex::default() }
    }

    /// The estimate, corrected. Never zero.
    #[inline]
    pub(crate) fn correct(&self, model: Option<&Arc<str>>, estimate: u64) -> u64 {
        let of_model = model.and_then(|model| factor(&mut self.lock(), model).copied());
        let factor = of_model.unwrap_or_else(|| self.other());
        // The cast saturates.
        ((estimate.max(1) as f64 * factor + 0.5) as u64).max(1)
    }

    /// A call that was estimated at this has been charged that.
    pub(crate) fn learn(&self, model: Option<&Arc<str>>, estimate: u64, charged: u64) {
        let ratio = (charged as f64 / estimate.max(1) as f64).clamp(RANGE.0, RANGE.1);
        let learn = |factor: f64| factor + STEP * (ratio - factor);
        if let Some(model) = model {
            let mut models = self.lock();
            if factor(&mut models, model).is_none() && models.len() < MODELS {
                models.push((model.clone(), 1.0));
            }
            if let Some(factor) = factor(&mut models, model) {
                *factor = learn(*factor);
                return;
            }
        }
        // Of two that learn at the same moment one may be lost: each is 2 % of the way.
        self.other.store(learn(self.other()).to_bits(), Relaxed);
    }

    pub(crate) fn all(&self) -> Vec<(Option<Arc<str>>, f64)> {
        let models = self.lock();
        let models = models.iter().map(|(model, factor)| (Some(model.clone()), *factor));
        std::iter::once((None, self.other())).chain(models).collect()
    }

    fn other(&self) -> f64 {
        f64::from_bits(self.other.load(Relaxed))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Arc<str>, f64)>> {
        // Nothing in here panics between two steps.
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn factor<'a>(models: &'a mut [(Arc<str>, f64)], model: &Arc<str>) -> Option<&'a mut f64> {
    models.iter_mut().find(|(known, _)| known == model).map(|(_, factor)| factor)
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

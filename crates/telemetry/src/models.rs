//! The models that have a name in metrics.

use std::{collections::HashSet, sync::Arc};

use crate::names::OTHER;

/// Callers write what they like, so only so many get in: those with a price, and those that a provider has answered for.
#[derive(Debug)]
pub(crate) struct Models {
    most: usize,
    /// How many have come in beside those with a price.
    others: usize,
    known: HashSet<Arc<str>>,
    other: Arc<str>,
}

impl Models {
    pub(crate) fn new<'a>(most: usize, priced: impl Iterator<Item = &'a str>) -> Self {
        let mut models = Models { most, others: 0, known: HashSet::new(), other: OTHER.into() };
        models.know(priced);
        models
    }

    pub(crate) fn know<'a>(&mut self, priced: impl Iterator<Item = &'a str>) {
        self.known.extend(priced.map(Arc::from));
    }

    /// The name under which this model is counted.
    pub(crate) fn name(&mut self, model: Option<&Arc<str>>, answered: bool) -> Arc<str> {
        let Some(model) = model else { return self.other.clone() };
        if self.known.contains(model) {
            return model.clone();
        }
        if !answered || self.others >= self.most {
            return self.other.clone();
        }
        self.others += 1;
        self.known.insert(model.clone());
        model.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gets_in_by_its_price_or_by_an_answer_as_long_as_there_is_room() {
        let mut models = Models::new(2, ["priced"].into_iter());
        let mut name = |model: &str, answered| models.name(Some(&model.into()), answered).to_string();
        assert_eq!(name("priced", false), "priced");
        assert_eq!(name("a", false), "other", "nobody has answered for it");
        assert_eq!(name("a", true), "a");
        assert_eq!(name("a", false), "a");
        assert_eq!(name("b", true), "b");
        assert_eq!(name("c", true), "other");
        assert_eq!(&*models.name(None, true), "other");
    }
}

//! Every interleaving of a few records. Run with `--cfg buttress_loom`.

use loom::{sync::Arc, thread};

use super::*;

/// A median over so many values, of which two threads record these.
fn recorded(window: u32, here: &'static [u64], there: &'static [u64]) -> Arc<RunningQuantile> {
    let median = Arc::new(RunningQuantile::new(0.5, window).unwrap());
    let other = thread::spawn({
        let median = median.clone();
        move || there.iter().for_each(|value| median.record(*value))
    });
    here.iter().for_each(|value| median.record(*value));
    other.join().unwrap();
    median
}

fn in_buckets(half: &Half) -> u64 {
    half.buckets.iter().map(|bucket| u64::from(bucket.load(Relaxed))).sum()
}

#[test]
fn of_two_that_record_at_once_both_are_remembered_and_one_is_the_median() {
    loom::model(|| {
        let median = recorded(8, &[1], &[2]);
        assert_eq!(median.samples(), 2);
        assert_eq!(in_buckets(&median.halves[0]), 2);
        assert!(matches!(median.value(1), Some(1 | 2)), "{:?}", median.value(1));
    });
}

#[test]
fn of_two_that_record_while_the_halves_change_places_none_is_counted_and_lost() {
    loom::model(|| {
        let median = recorded(2, &[1], &[2]);
        assert_eq!(median.samples(), median.halves.iter().map(in_buckets).sum::<u64>());
    });
}

#[test]
fn however_often_the_halves_change_places_what_it_says_was_recorded() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let median = recorded(2, &[1, 1], &[2, 2]);
        assert!(matches!(median.value(0), Some(1 | 2)), "{:?}", median.value(0));
    });
}

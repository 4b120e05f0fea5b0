//! Every interleaving of a few calls on a budget.

use loom::{sync::Arc, thread};

use crate::budget::{Budget, Taken};

fn spend(budget: &Budget) -> bool {
    budget.take().map(Taken::spend).is_some()
}

/// How many hedges it had.
fn spent(budget: &Budget) -> usize {
    (0..).take_while(|_| spend(budget)).count()
}

#[test]
fn two_calls_get_the_last_hedge_between_them() {
    loom::model(|| {
        let budget = Arc::new(Budget::new(0.5, 1.0));
        let other = budget.clone();
        let thread = thread::spawn(move || spend(&other));
        let here = spend(&budget);
        assert!(here != thread.join().unwrap());
        assert!(!spend(&budget));
    });
}

#[test]
fn what_calls_earn_while_another_hedges_is_neither_lost_nor_doubled() {
    loom::model(|| {
        let budget = Arc::new(Budget::new(0.5, 3.0));
        assert!(spend(&budget));
        let other = budget.clone();
        let thread = thread::spawn(move || other.earn());
        assert!(spend(&budget));
        budget.earn();
        thread.join().unwrap();
        assert_eq!(spent(&budget), 2);
    });
}

#[test]
fn a_hedge_that_could_not_be_sent_goes_back_once() {
    loom::model(|| {
        let budget = Arc::new(Budget::new(0.5, 2.0));
        assert!(spend(&budget));
        let other = budget.clone();
        let thread = thread::spawn(move || spend(&other));
        drop(budget.take());
        // There was one. It may have been out just then, and was not waited for.
        let there = thread.join().unwrap();
        assert_eq!(spent(&budget) + usize::from(there), 1);
    });
}

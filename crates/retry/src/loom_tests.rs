//! Every interleaving of a few threads on a budget.

use loom::{sync::Arc, thread};
use tower::retry::budget::Budget;

use crate::RetryBudget;

const SECOND: u64 = 1_000_000_000;

/// Out of which everything was taken.
fn empty(share: f64, per_second: u32, burst: u32) -> Arc<RetryBudget> {
    let budget = RetryBudget::new(share, per_second, burst).unwrap();
    assert_eq!(taken(&budget), burst);
    Arc::new(budget)
}

/// How many retries it had.
fn taken(budget: &RetryBudget) -> u32 {
    (0..).take_while(|_| budget.take()).count() as u32
}

#[test]
fn two_calls_get_the_last_retry_between_them() {
    loom::model(|| {
        let budget = Arc::new(RetryBudget::new(0.0, 0, 1).unwrap());
        let other = budget.clone();
        let thread = thread::spawn(move || other.take());
        let here = budget.take();
        assert!(here != thread.join().unwrap());
        assert!(!budget.take());
    });
}

#[test]
fn what_a_call_pays_in_while_another_takes_is_neither_lost_nor_doubled() {
    loom::model(|| {
        let budget = Arc::new(RetryBudget::new(1.0, 0, 3).unwrap());
        assert!(budget.take());
        let other = budget.clone();
        let thread = thread::spawn(move || other.deposit());
        assert!(budget.take());
        thread.join().unwrap();
        assert_eq!(taken(&budget), 2);
    });
}

#[test]
fn two_payments_never_fill_it_beyond_its_burst() {
    loom::model(|| {
        let budget = empty(0.75, 0, 1);
        let other = budget.clone();
        let thread = thread::spawn(move || other.deposit());
        budget.deposit();
        thread.join().unwrap();
        assert_eq!(taken(&budget), 1);
        budget.deposit();
        assert_eq!(taken(&budget), 0, "what was over was kept");
    });
}

#[test]
fn a_moment_pays_once_however_many_see_it() {
    loom::model(|| {
        let budget = empty(0.0, 1, 10);
        let other = budget.clone();
        let thread = thread::spawn(move || other.pay_until(SECOND));
        budget.pay_until(SECOND);
        thread.join().unwrap();
        assert_eq!(taken(&budget), 1);
    });
}

#[test]
fn of_two_that_see_different_moments_neither_is_paid_twice_nor_forgotten() {
    loom::model(|| {
        let budget = empty(0.0, 1, 10);
        let other = budget.clone();
        let thread = thread::spawn(move || other.pay_until(SECOND));
        budget.pay_until(3 * SECOND);
        thread.join().unwrap();
        let so_far = taken(&budget);
        assert!(so_far == 1 || so_far == 3, "{so_far}");
        // Whoever lost left his part for the next.
        budget.pay_until(3 * SECOND);
        assert_eq!(so_far + taken(&budget), 3);
    });
}

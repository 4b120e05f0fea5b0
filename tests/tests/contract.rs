//! The contract that every layer keeps, and its table in the documentation.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::{fs, path::Path};

use buttress_provider::{Provider, ProviderLayer};
use buttress_tests::{
    rules,
    stack::{Numbers, Stack},
    subject, table,
};

/// The page, whose table stands between these two lines.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/contract.md");
const BEGIN: &str = "<!-- table: begin -->\n";
const END: &str = "<!-- table: end -->";

fn keeps(rule: u8) {
    for check in rules::all().into_iter().filter(|check| check.rule == rule) {
        for subject in subject::all() {
            // What does not apply is in the table, with the reason.
            let _ = (check.run)(&subject);
        }
    }
}

macro_rules! rules {
    ($($rule:literal $name:ident)*) => {
        $(#[test]
        fn $name() {
            keeps($rule);
        })*
    };
}

rules! {
    1 every_layer_calls_only_what_was_polled_ready
    2 readiness_takes_nothing
    3 whatever_is_dropped_gives_back_what_it_holds
    4 state_is_shared_by_all_services_and_clones
    5 nobody_waits_busily
    6 no_lock_is_held_across_a_callback_and_no_task_is_needed
    7 nothing_grows_without_bound
    8 time_is_tokios
    9 the_happy_path_costs_what_it_says
    10 an_earlier_time_decides_nothing_in_a_later_one
}

/// `BUTTRESS_WRITE_DOCS=1` writes the table instead of comparing it.
#[test]
fn the_documented_table_is_what_ran() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    let ran = table::render(&rules::all(), &subject::all());
    if std::env::var_os("BUTTRESS_WRITE_DOCS").is_some() {
        fs::write(Path::new(PAGE), format!("{before}{BEGIN}{ran}{END}{after}")).unwrap();
    } else {
        assert_eq!(written, ran, "run this test with BUTTRESS_WRITE_DOCS=1 and look at the difference");
    }
}

#[test]
fn the_future_of_the_composed_stack_takes_two_kilobytes_at_most() {
    let bench = subject::Bench::new(true);
    let provider = Provider::openai().api_key("sk-test");
    let provider = ProviderLayer::new(provider).unwrap();
    let inner = [bench.http(0), bench.http(1)];
    let stack = Stack::new(&Numbers::default(), &provider, &bench.hook, inner);
    println!("the future of the composed stack takes {} bytes", stack.future);
    assert!(stack.future <= 2048, "{} bytes", stack.future);
}

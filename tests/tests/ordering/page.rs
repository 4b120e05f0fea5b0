//! The page that explains the order names the tests that prove it.

use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../docs/ordering.md");
const TESTS: [&str; 6] = [
    include_str!("../ordering.rs"),
    include_str!("hedges.rs"),
    include_str!("limits.rs"),
    include_str!("recovery.rs"),
    include_str!("retries.rs"),
    include_str!("telemetry.rs"),
];

#[test]
fn each_claim_of_the_page_is_a_test_and_each_test_is_a_claim() {
    let claims: BTreeSet<_> =
        PAGE.split('`').skip(1).step_by(2).filter(|word| word.matches('_').count() > 2).collect();
    let tests: BTreeSet<_> = TESTS
        .iter()
        .flat_map(|file| file.split("#[tokio::test(start_paused = true)]\nasync fn ").skip(1))
        .filter_map(|test| test.split('(').next())
        .collect();
    assert!(tests.len() > 20, "{tests:?}");
    assert_eq!(claims, tests);
}

//! Settings that make no sense.

use std::time::Duration;

use buttress_telemetry::{Price, Settings, Telemetry};

fn refused(settings: Settings) -> String {
    Telemetry::new(settings).unwrap_err().to_string()
}

#[test]
fn what_makes_no_sense_is_refused_by_value_and_rule() {
    let window = Duration::from_millis(10);
    assert_eq!(refused(Settings { window, ..Settings::default() }), "window 10ms: it must be at least 1s");
    let models = 1_000_000;
    let error = refused(Settings { models, ..Settings::default() });
    assert_eq!(error, "models 1000000: it must be at most 10000");
    let events = 10_001;
    let error = refused(Settings { events, ..Settings::default() });
    assert_eq!(error, "events 10001: it must be at most 10000");
}

#[test]
fn a_price_is_a_finite_number_and_given_once() {
    let prices = |prices| refused(Settings { prices, ..Settings::default() });
    let nan = Price { cached_input: Some(f64::NAN), ..Price::of("a", "m", 1.0, 1.0) };
    let error = prices(vec![nan]);
    assert_eq!(error, "price of m at a: cached_input NaN must be a finite number of zero or more");
    let others = Price { model: None, output: -1.0, ..Price::of("a", "", 1.0, 1.0) };
    let error = prices(vec![others]);
    assert_eq!(error, "price of any other model at a: output -1 must be a finite number of zero or more");
    let twice = vec![Price::of("a", "m", 1.0, 1.0); 2];
    assert_eq!(prices(twice.clone()), "price of m at a: given twice");
    let telemetry = Telemetry::default();
    telemetry.set_prices(&twice).unwrap_err();
}

//! A future may be dropped at any point, and panics pass through.

use buttress_call::Kind;
use futures_util::FutureExt;

use crate::support::{Form, SECOND, Step, Target, fail, in_both_forms, limited, policy, request};

in_both_forms!(
    dropped_during_an_attempt_it_holds_nothing,
    dropped_during_a_wait_it_holds_nothing_and_sends_nothing,
    dropped_unpolled_it_holds_nothing,
);

async fn dropped_during_an_attempt_it_holds_nothing(form: Form) {
    for script in [vec![Step::Hang], vec![fail(Kind::Server), Step::Hang]] {
        let times = script.len();
        let target = Target::new(script);
        let asked = tokio::time::timeout(10 * SECOND, target.ask(form, &policy(), request())).await;
        assert!(asked.is_err());
        assert_eq!((target.times(), target.connections()), (times, 0));
    }
}

async fn dropped_during_a_wait_it_holds_nothing_and_sends_nothing(form: Form) {
    let target = Target::new([limited(2 * SECOND)]);
    let asked = tokio::time::timeout(SECOND, target.ask(form, &policy(), request())).await;
    assert!(asked.is_err());
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!((target.times(), target.connections()), (1, 0));
}

async fn dropped_unpolled_it_holds_nothing(form: Form) {
    let target = Target::new([Step::Hang]);
    let mut service = target.under(form, &policy());
    let call = tower::Service::call(tower::ServiceExt::ready(&mut service).await.unwrap(), request());
    drop(call);
    assert_eq!(target.connections(), 0);
    assert!(target.ask(form, &policy(), request()).now_or_never().unwrap().is_ok());
}

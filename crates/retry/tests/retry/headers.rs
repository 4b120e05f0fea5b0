//! What the provider is told of retries.

use std::collections::HashSet;

use buttress_call::Kind;
use buttress_retry::Headers;
use http::{HeaderName, HeaderValue};

use crate::support::{Asked, Form, Target, headers, in_both_forms, policy, request};

in_both_forms!(
    the_key_is_kept_across_attempts,
    retries_are_counted_if_asked_for,
    by_default_nothing_is_added
);

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const COUNT: HeaderName = HeaderName::from_static("x-retry-count");

fn values(asked: &[Asked], name: &HeaderName) -> Vec<Option<String>> {
    asked.iter().map(|asked| Some(asked.headers.get(name)?.to_str().unwrap().to_owned())).collect()
}

async fn the_key_is_kept_across_attempts(form: Form) {
    let policy = headers(Headers::default());
    let mut keys = HashSet::new();
    for _ in 0..100 {
        let mut request = request();
        // The layer does it itself; around tower's own `Retry` it is done outside.
        if let Form::Tower = form {
            policy.prepare(&mut request);
        }
        let target = Target::failing(Kind::Server);
        target.ask(form, &policy, request).await.unwrap_err();
        let sent: HashSet<_> = values(&target.asked(), &KEY).into_iter().collect();
        assert_eq!(sent.len(), 1, "one key for each of {} attempts", target.times());
        keys.extend(sent);
    }
    assert_eq!(keys.len(), 100, "a key of its own for each call");
    assert!(keys.iter().flatten().all(|key| key.len() == 32));
}

async fn retries_are_counted_if_asked_for(form: Form) {
    let target = Target::failing(Kind::Server);
    target.ask(form, &headers(Headers::new().retry_count(COUNT)), request()).await.unwrap_err();
    let counts = [None, Some("1".to_owned()), Some("2".to_owned())];
    assert_eq!(values(&target.asked(), &COUNT), counts);
    assert_eq!(values(&target.asked(), &KEY), [None, None, None]);
}

async fn by_default_nothing_is_added(form: Form) {
    let target = Target::failing(Kind::Server);
    target.ask(form, &policy(), request()).await.unwrap_err();
    assert!(target.asked().iter().all(|asked| asked.headers.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_key_of_the_callers_own_stays() {
    let mut request = request();
    request.headers_mut().insert(KEY, HeaderValue::from_static("mine"));
    let target = Target::failing(Kind::Server);
    target.ask(Form::Layer, &headers(Headers::default()), request).await.unwrap_err();
    assert_eq!(values(&target.asked(), &KEY), vec![Some("mine".to_owned()); 3]);
}

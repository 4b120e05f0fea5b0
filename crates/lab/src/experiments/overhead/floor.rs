//! What a call costs without any layer, and what the things that layers are made of cost.

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::time::Instant;

use super::{
    client::Client,
    inner::{Echo, Later},
    subject::Subject,
};

const CASE: &str = "floor";

pub(super) fn subjects() -> Vec<Subject> {
    let counter = Arc::new(AtomicU64::new(0));
    vec![
        Subject::service(CASE, "inner", Echo),
        Subject::new(CASE, "clock_read", || {
            async |_| {
                black_box(Instant::now());
                true
            }
        }),
        Subject::new(CASE, "fetch_add", move || {
            let counter = counter.clone();
            async move |number| {
                black_box(counter.fetch_add(number, Relaxed));
                true
            }
        }),
        Subject::new(CASE, "boxed_future", || {
            async |number| black_box(Box::pin(async move { number })).await == number
        }),
        Subject::service("floor/pending", "inner", Later),
        Subject::http("floor/http", "inner", Client),
    ]
}

//! One layer, and no HTTP: a circuit breaker around a typed client.
//!
//! ```sh
//! cargo run --example one_layer
//! ```

use std::{io, time::Duration};

use buttress_breaker::{BreakerLayer, OpenFor, Policy};
use buttress_call::{BoxError, ByError, Error, find};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

/// A client of an embedding model, as a vendor's SDK has it: a typed request, a typed answer.
async fn embed(text: &'static str) -> Result<Vec<f32>, io::Error> {
    if text.is_empty() { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(vec![0.5; text.len()]) }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let policy = Policy {
        consecutive_failures: Some(3),
        open: OpenFor::Fixed(Duration::from_millis(100)),
        probes: 1,
        ..Policy::default()
    };
    // A typed answer has no status to judge by: every failure is an `Err`.
    let breaker = BreakerLayer::new(policy)?.classify(ByError);
    let handle = breaker.handle();
    let mut client = ServiceBuilder::new().layer(breaker).service(service_fn(embed));

    for text in ["a", "", "", "", "never sent"] {
        match client.ready().await?.call(text).await {
            Ok(vector) => println!("{text:?}: {} numbers", vector.len()),
            Err(error) => println!("{text:?}: {error} ({:?})", find(&error).map(Error::kind)),
        }
    }
    tokio::time::sleep(Duration::from_millis(120)).await;
    println!(
        "after the open time: {} numbers, {:?}",
        client.ready().await?.call("b").await?.len(),
        handle.state()
    );
    Ok(())
}

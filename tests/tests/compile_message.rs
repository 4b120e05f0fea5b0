//! What the compiler tells a user of a typed client who has not said how its calls end.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A typed client behind a breaker; `LAYER` is the breaker.
const CLIENT: &str = r"
use std::task::{Context, Poll};

use buttress_breaker::BreakerLayer;
use tower_layer::Layer;

pub struct Ask;
pub struct Answer;

pub struct Client;

impl tower_service::Service<Ask> for Client {
    type Response = Answer;
    type Error = std::io::Error;
    type Future = std::future::Ready<Result<Answer, std::io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Ask) -> Self::Future {
        std::future::ready(Ok(Answer))
    }
}

fn main() {
    let stack = LAYER.layer(Client);
    buttress_call::check::<Ask>(&stack);
}
";

#[test]
fn a_typed_client_is_told_what_to_give_the_layer() {
    let told = check("message", "BreakerLayer::default()").unwrap_err();
    for sentence in [
        "cannot tell how a call that returns `Answer` ended",
        "for a client whose every failure is an `Err`, give the layer `ByError`",
        "for any other typed client, give it `classify_fn::<Answer, _>(|result| ...)`",
    ] {
        assert!(told.contains(sentence), "not said: {sentence}\n{told}");
    }
    // At the stack, not somewhere in the layers.
    assert!(told.contains("buttress_call::check::<Ask>(&stack)"), "{told}");
}

#[test]
fn with_what_it_was_told_the_client_compiles() {
    let layer = "BreakerLayer::default().classify(buttress_call::ByError)";
    check("told", layer).unwrap_or_else(|told| panic!("{told}"));
}

/// Checks a package of its own with that layer in it; what the compiler says, if it says no.
fn check(name: &str, layer: &str) -> Result<(), String> {
    let package = package(name, layer);
    let output = Command::new(env!("CARGO"))
        .current_dir(&package)
        .args(["check", "--offline", "--quiet", "--color=never"])
        // Both packages build the same dependencies.
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("typed-client"))
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn package(name: &str, layer: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(root.join("src")).unwrap();
    let manifest = format!(
        "[package]\nname = \"{name}\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         buttress-breaker.path = {breaker:?}\nbuttress-call.path = {call:?}\n\
         tower-layer = \"0.3\"\ntower-service = \"0.3\"\n",
        breaker = format!("{WORKSPACE}/crates/breaker"),
        call = format!("{WORKSPACE}/crates/call"),
    );
    fs::write(root.join("Cargo.toml"), manifest).unwrap();
    fs::write(root.join("src/main.rs"), CLIENT.replace("LAYER", layer)).unwrap();
    // The versions that are on this machine.
    fs::copy(format!("{WORKSPACE}/Cargo.lock"), root.join("Cargo.lock")).unwrap();
    root
}

//! Each layer stands alone: what a user of one crate gets with it, and nothing else.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "standalone/licences.rs"]
mod licences;
#[path = "standalone/metadata.rs"]
mod metadata;

use std::{collections::BTreeSet, fs};

use metadata::{ROOT, Workspace, cargo};

/// What is no layer: words, wire formats, and what is not published.
const NO_LAYERS: [&str; 8] = [
    "buttress-call",
    "buttress-wire",
    "buttress-sim",
    "buttress-tests",
    "buttress-examples",
    "buttress-gateway",
    "buttress-lab",
    "buttress-integrations",
];

fn layers() -> Vec<String> {
    let all = Workspace::read().members();
    // The facade is all layers on purpose.
    all.into_iter().filter(|name| !NO_LAYERS.contains(&&**name) && name != "buttress").collect()
}

/// What is built with a package, as `name vX.Y.Z` with its features behind.
fn tree(package: &str) -> Vec<String> {
    let shape = ["tree", "--offline", "--edges=normal,build", "--prefix=none", "--format={p} [{f}]"];
    let tree = cargo(&[&shape[..], &["--package", package]].concat());
    tree.lines().map(str::to_owned).collect()
}

/// With which features a package brings another one, if it does.
fn features(package: &str, other: &str) -> BTreeSet<String> {
    let tree = tree(package);
    let lines = tree.iter().filter(|line| line.starts_with(&format!("{other} v")));
    let lists = lines.filter_map(|line| Some(line.split_once('[')?.1.split_once(']')?.0));
    lists.flat_map(|list| list.split(',')).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn names(package: &str) -> BTreeSet<String> {
    tree(package).iter().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn a_layer_brings_no_other_layer() {
    let layers = layers();
    for layer in ["breaker", "failover", "hedge", "limit", "provider", "retry", "telemetry", "timeout"] {
        assert!(layers.contains(&format!("buttress-{layer}")), "{layers:?}");
    }
    for layer in &layers {
        let names = names(layer);
        let others: Vec<_> =
            layers.iter().filter(|other| *other != layer && names.contains(*other)).collect();
        assert!(others.is_empty(), "{layer} depends on {others:?}");
    }
}

#[test]
fn no_layer_brings_what_only_tests_need() {
    for layer in layers() {
        let names = names(&layer);
        for other in ["buttress-sim", "hyper", "reqwest", "clap", "proptest", "rand", "tokio-test", "loom"] {
            assert!(!names.contains(other), "{layer} depends on {other}");
        }
    }
}

#[test]
fn no_layer_brings_a_runtime() {
    for layer in layers() {
        let features = features(&layer, "tokio");
        // `default` is empty.
        let more = features.iter().find(|feature| !["time", "sync", "default"].contains(&&***feature));
        assert_eq!(more, None, "{layer} needs more of tokio than its clock and its locks");
    }
}

#[test]
fn of_tower_a_layer_brings_what_its_job_is_made_of() {
    let plumbing = ["futures-core", "futures-util", "pin-project-lite", "sync_wrapper", "tokio", "util"];
    for layer in layers() {
        let own = match &*layer {
            "buttress-retry" => Some("retry"),
            "buttress-failover" => Some("discover"),
            _ => None,
        };
        let tower = features(&layer, "tower");
        let other = tower.iter().find(|feature| own != Some(&**feature) && !plumbing.contains(&&***feature));
        assert_eq!(other, None, "{layer} brings tower's layers");
    }
}

/// The lines of `cargo tree -e normal --prefix none | sort -u` for the facade with these features.
fn facade(features: &str) -> BTreeSet<String> {
    let shape = ["tree", "--offline", "--edges=normal", "--prefix=none", "--package=buttress"];
    let features = ["--no-default-features", "--features", features];
    cargo(&[shape.as_slice(), &features].concat()).lines().map(str::to_owned).collect()
}

#[test]
fn the_facade_with_all_layers_brings_no_more_crates_than_its_closest_peer_does() {
    // As many lines has tower-resilience 0.13 with its feature `full`.
    const PEER: usize = 88;
    let tree = facade("full,config,control,metrics");
    for layer in layers() {
        assert!(tree.iter().any(|line| line.starts_with(&format!("{layer} v"))), "{layer} is not in `full`");
    }
    assert!(tree.len() <= PEER, "{} crates: {tree:?}", tree.len());
}

#[test]
fn a_layer_of_the_facade_that_is_off_is_not_built() {
    for layer in layers() {
        let feature = layer.strip_prefix("buttress-").unwrap();
        let tree = facade(feature);
        let built = |name: &str| tree.iter().any(|line| line.starts_with(&format!("{name} v")));
        let others: Vec<_> = layers().into_iter().filter(|other| *other != layer && built(other)).collect();
        assert!(built(&layer) && others.is_empty(), "{feature} brings {others:?}");
        for heavy in ["hyper", "rustls", "axum", "tonic", "toml"] {
            assert!(!built(heavy), "{feature} brings {heavy}");
        }
    }
}

#[test]
fn the_words_need_neither_tower_nor_hyper_nor_a_runtime() {
    let tree = tree("buttress-call");
    for absent in ["tower", "hyper", "hyper-util", "tower-layer"] {
        let found = tree.iter().find(|line| line.starts_with(&format!("{absent} v")));
        assert_eq!(found, None, "buttress-call depends on {absent}");
    }
    let tokio = tree.iter().find(|line| line.starts_with("tokio v")).unwrap();
    // `time` alone: no runtime, no I/O, no macros.
    assert!(tokio.ends_with("[time]"), "{tokio}");
}

#[test]
fn the_wire_formats_need_no_client() {
    let names = names("buttress-wire");
    assert!(!names.contains("tower") && !names.contains("hyper"), "{names:?}");
}

#[test]
fn every_crate_inherits_what_the_workspace_says() {
    for manifest in Workspace::read().manifests() {
        let text = fs::read_to_string(&manifest).unwrap();
        for line in ["version.workspace = true", "rust-version.workspace = true", "license.workspace = true"]
        {
            assert!(text.lines().any(|has| has == line), "{manifest} lacks {line}");
        }
        assert!(text.contains("[lints]\nworkspace = true"), "{manifest} lacks the lints");
    }
}

#[test]
fn every_dependencys_licence_is_allowed() {
    let allowed = licences::allowed(&fs::read_to_string(format!("{ROOT}/deny.toml")).unwrap());
    let licences = Workspace::read().licences_of_normal_dependencies();
    assert!(licences.len() > 20, "{licences:?}");
    for (package, licence) in licences {
        assert!(licences::satisfied(&licence, &allowed), "{package} is under {licence}: not in deny.toml");
    }
}

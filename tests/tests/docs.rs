//! What the docs tell a reader to run is there, and so is what they link to.
//!
//! That the commands also work is what `.ci/run` shows: it runs the README's, the examples' and the lab's.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "docs/command.rs"]
mod command;
#[path = "docs/pages.rs"]
mod pages;

use command::{Command, Workspace};

#[test]
fn every_command_names_a_package_a_program_and_a_feature_that_exist() {
    let workspace = Workspace::read();
    let pages = pages::all();
    let commands: Vec<_> = pages
        .iter()
        .flat_map(|page| page.commands().map(move |line| (page.name.as_str(), Command::parse(&line))))
        .collect();
    assert!(commands.len() > 30, "only {} found", commands.len());
    let wrong: Vec<_> = commands
        .iter()
        .filter_map(|(page, command)| {
            workspace.misses(command).map(|what| format!("{page}: {what}: {command:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_command_that_names_nothing_real_is_found_out() {
    let workspace = Workspace::read();
    for (line, missing) in [
        ("cargo run -p buttress-nothing", "package buttress-nothing"),
        ("cargo run --example nothing", "example nothing"),
        ("cargo test -p buttress-breaker --test nothing", "test nothing"),
        ("cargo run -p buttress-examples --features tls,nothing --example drill", "feature nothing"),
        ("cargo run --release -p buttress-lab -- nothing --json", "experiment nothing"),
    ] {
        assert_eq!(workspace.misses(&Command::parse(line)).as_deref(), Some(missing));
    }
    assert_eq!(workspace.misses(&Command::parse("cargo run --release --example drill")), None);
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    let mut links = 0;
    for page in pages::all() {
        for link in page.links() {
            let file = page.folder.join(link.split('#').next().unwrap());
            assert!(file.exists(), "{}: {link}", page.name);
            links += 1;
        }
    }
    assert!(links > 40, "only {links} found");
}

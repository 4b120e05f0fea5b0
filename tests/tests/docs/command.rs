//! What a cargo command names, and whether there is such a thing.

use std::{collections::BTreeSet, path::Path, process};

use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The names in a command.
#[derive(Debug, Default)]
pub(crate) struct Command {
    package: Option<String>,
    example: Option<String>,
    test: Option<String>,
    features: Vec<String>,
    /// The first word for the program itself.
    argument: Option<String>,
}

impl Command {
    pub(crate) fn parse(line: &str) -> Self {
        let (cargo, program) = line.split_once(" -- ").unwrap_or((line, ""));
        let mut command = Command::default();
        let mut words = cargo.split_whitespace();
        while let Some(word) = words.next() {
            let mut next = || words.next().map(ToOwned::to_owned);
            match word {
                "-p" | "--package" => command.package = next(),
                "--example" => command.example = next(),
                "--test" => command.test = next(),
                "--features" => {
                    command.features =
                        next().iter().flat_map(|list| list.split(',')).map(Into::into).collect();
                }
                _ => {}
            }
        }
        command.argument = program.split_whitespace().next().map(ToOwned::to_owned);
        command
    }
}

/// What cargo knows of the workspace.
pub(crate) struct Workspace {
    packages: Vec<Value>,
}

impl Workspace {
    pub(crate) fn read() -> Self {
        let arguments = ["metadata", "--offline", "--no-deps", "--format-version=1"];
        let output = process::Command::new(env!("CARGO")).current_dir(ROOT).args(arguments).output().unwrap();
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        Workspace { packages: metadata["packages"].as_array().unwrap().clone() }
    }

    /// The first thing that a command names and that does not exist.
    pub(crate) fn misses(&self, command: &Command) -> Option<String> {
        let Command { package, example, test, features, argument } = command;
        let packages: Vec<_> = match package {
            Some(name) => self.packages.iter().filter(|package| package["name"] == **name).collect(),
            None => self.packages.iter().collect(),
        };
        let missing = |kind: &str, name: &str| Some(format!("{kind} {name}"));
        if packages.is_empty() {
            return missing("package", package.as_deref().unwrap_or_default());
        }
        let targets = |kind: &str| -> BTreeSet<&str> {
            let targets = packages.iter().flat_map(|package| package["targets"].as_array().unwrap());
            targets
                .filter(|target| target["kind"].as_array().unwrap().iter().any(|it| it == kind))
                .map(|target| target["name"].as_str().unwrap())
                .collect()
        };
        for (kind, name) in [("example", example), ("test", test)] {
            if let Some(name) = name.as_deref().filter(|name| !targets(kind).contains(name)) {
                return missing(kind, name);
            }
        }
        let has = |feature: &str| packages.iter().any(|package| !package["features"][feature].is_null());
        if let Some(feature) = features.iter().find(|feature| !has(feature)) {
            return missing("feature", feature);
        }
        let experiment = argument.as_deref().filter(|_| package.as_deref() == Some("buttress-lab"));
        // Options and placeholders are none.
        let experiment = experiment.filter(|name| name.chars().all(|c| c.is_ascii_lowercase()));
        experiment.filter(|name| !is_experiment(name)).and_then(|name| missing("experiment", name))
    }
}

fn is_experiment(name: &str) -> bool {
    Path::new(ROOT).join("crates/lab/src/experiments").join(name).exists()
}

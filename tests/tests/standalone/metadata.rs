//! What cargo knows of the workspace.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What the cargo that runs these tests says.
pub(crate) fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).current_dir(ROOT).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) struct Workspace {
    metadata: Value,
}

impl Workspace {
    pub(crate) fn read() -> Self {
        let version = cargo(&["version", "--verbose"]);
        // What belongs to other platforms, or to features that are off, need not be on this machine. The tests cannot
        // check its licences; cargo-deny does.
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        let arguments = ["metadata", "--offline", "--format-version=1", "--filter-platform"];
        let metadata = cargo(&[&arguments[..], &[host]].concat());
        Workspace { metadata: serde_json::from_str(&metadata).unwrap() }
    }

    /// The names of its own packages.
    pub(crate) fn members(&self) -> Vec<String> {
        self.own().map(|package| text(package, "name").to_owned()).collect()
    }

    pub(crate) fn manifests(&self) -> Vec<String> {
        self.own().map(|package| text(package, "manifest_path").to_owned()).collect()
    }

    /// Of all that the published packages are built from, by name and version. Those that say nothing have `none`.
    pub(crate) fn licences_of_normal_dependencies(&self) -> BTreeMap<String, String> {
        let nodes = array(&self.metadata["resolve"], "nodes");
        let node = |id: &str| nodes.iter().find(|node| text(node, "id") == id).unwrap();
        let published = self.own().filter(|package| package["publish"].is_null());
        let mut todo: Vec<&str> = published.map(|package| text(package, "id")).collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = todo.pop() {
            if seen.insert(id) {
                todo.extend(
                    array(node(id), "deps").iter().filter(|dep| is_built(dep)).map(|dep| text(dep, "pkg")),
                );
            }
        }
        let packages = array(&self.metadata, "packages");
        let of = |package: &&Value| seen.contains(text(package, "id"));
        packages
            .iter()
            .filter(of)
            .map(|package| {
                let name = format!("{} {}", text(package, "name"), text(package, "version"));
                (name, package["license"].as_str().unwrap_or("none").to_owned())
            })
            .collect()
    }

    fn own(&self) -> impl Iterator<Item = &Value> {
        let members = array(&self.metadata, "workspace_members");
        array(&self.metadata, "packages").iter().filter(|package| members.contains(&package["id"]))
    }
}

/// Not only for tests.
fn is_built(dependency: &Value) -> bool {
    array(dependency, "dep_kinds").iter().any(|kind| kind["kind"].as_str() != Some("dev"))
}

fn array<'a>(value: &'a Value, field: &str) -> &'a Vec<Value> {
    value[field].as_array().unwrap()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap()
}

//! The alert rules: what they ask for is what an exporter shows of a stack that has seen everything.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "alerts/exposition.rs"]
mod exposition;
#[path = "alerts/selector.rs"]
mod selector;

use std::{collections::BTreeSet, fs};

use saphyr::{LoadableYamlNode, Yaml};

use exposition::{Series, seen};
use selector::{Selector, selectors};

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");

struct Rule {
    alert: String,
    expr: String,
    severity: String,
    runbook: String,
}

/// The file, strictly: what Prometheus would not know is an error.
fn rules() -> Vec<Rule> {
    let text = fs::read_to_string(format!("{DOCS}/alerts.yml")).unwrap();
    let file = Yaml::load_from_str(&text).unwrap();
    assert_eq!(file.len(), 1, "one document");
    let mut rules = Vec::new();
    assert_eq!(keys(&file[0]), ["groups"]);
    for group in file[0]["groups"].as_vec().unwrap() {
        assert_eq!(keys(group), ["name", "rules"]);
        for rule in group["rules"].as_vec().unwrap() {
            let known = ["alert", "annotations", "expr", "for", "labels"];
            assert!(keys(rule).iter().all(|key| known.contains(&&**key)), "{rule:?}");
            assert_eq!(keys(&rule["annotations"]), ["runbook", "summary"]);
            assert_eq!(keys(&rule["labels"]), ["severity"]);
            let text = |value: &Yaml<'_>| value.as_str().unwrap().to_owned();
            rules.push(Rule {
                alert: text(&rule["alert"]),
                expr: text(&rule["expr"]),
                severity: text(&rule["labels"]["severity"]),
                runbook: text(&rule["annotations"]["runbook"]),
            });
        }
    }
    rules
}

fn keys(node: &Yaml<'_>) -> Vec<String> {
    let mut keys: Vec<_> =
        node.as_mapping().unwrap().keys().map(|key| key.as_str().unwrap().to_owned()).collect();
    keys.sort();
    keys
}

#[test]
fn each_metric_label_and_value_is_one_that_is_told() {
    let series = seen();
    let mut metrics = BTreeSet::new();
    for rule in rules() {
        let selectors = selectors(&rule.expr);
        assert!(!selectors.is_empty(), "{}: {}", rule.alert, rule.expr);
        for selector in selectors {
            let named = |one: &&Series| one.name == selector.metric;
            assert!(series.iter().any(|one| named(&one)), "{}: {} is not told", rule.alert, selector.metric);
            for (label, values) in &selector.labels {
                for value in values {
                    let has = |one: &Series| one.labels.get(label) == Some(value);
                    let told = series.iter().filter(named).any(has);
                    assert!(told, "{}: no {} has {label}={value:?}", rule.alert, selector.metric);
                }
            }
            for label in &selector.by {
                let told = series.iter().filter(named).any(|one| one.labels.contains_key(label));
                assert!(told, "{}: no {} has a {label}", rule.alert, selector.metric);
            }
            metrics.insert(selector.metric);
        }
    }
    assert!(metrics.len() >= 10, "{metrics:?}");
}

#[test]
fn parentheses_and_braces_are_closed_and_each_rule_compares() {
    for Rule { alert, expr, .. } in rules() {
        for (open, close) in [('(', ')'), ('{', '}'), ('[', ']')] {
            assert_eq!(expr.matches(open).count(), expr.matches(close).count(), "{alert}: {expr}");
        }
        assert!(expr.contains(" > ") || expr.contains(" == "), "{alert}: {expr}");
    }
}

#[test]
fn each_alert_has_a_name_of_its_own_a_severity_and_a_chapter_of_the_runbook() {
    let runbook = fs::read_to_string(format!("{DOCS}/runbook.md")).unwrap();
    let chapters: Vec<String> =
        runbook.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect();
    let mut names = BTreeSet::new();
    for Rule { alert, severity, runbook: link, .. } in rules() {
        assert!(names.insert(alert.clone()), "{alert} comes twice");
        assert!(["page", "warn"].contains(&&*severity), "{alert}: {severity}");
        let chapter = link.strip_prefix("docs/runbook.md#").unwrap();
        assert!(chapters.iter().any(|known| known == chapter), "{alert}: {chapter} is none of {chapters:?}");
        assert!(runbook.contains(&format!("`{alert}`")), "the runbook does not name {alert}");
    }
    assert!(names.len() > 10);
}

/// As pages of Markdown are linked: in small letters, with dashes, without punctuation.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-');
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn a_selector_is_found_with_its_labels() {
    let found =
        selectors(r#"histogram_quantile(0.95, sum by (le, a) (rate(x_y_bucket{b="c", d=~"e|f"}[10m]))) > 5"#);
    let [Selector { metric, labels, by }] = &*found else { panic!("{found:?}") };
    assert_eq!(metric, "x_y_bucket");
    assert_eq!(labels["b"], ["c"]);
    assert_eq!(labels["d"], ["e", "f"]);
    assert_eq!(by, &["le", "a"]);
    assert_eq!(selectors("sum(rate(a_b[5m])) / sum(rate(c_d[5m])) > 0.2").len(), 2);
}

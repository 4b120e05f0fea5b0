//! The series that an expression asks for: as much of `PromQL` as the rules use.

use std::collections::BTreeMap;

/// A metric, and what is asked of its labels.
#[derive(Debug)]
pub(crate) struct Selector {
    pub(crate) metric: String,
    /// The values of each label that it names.
    pub(crate) labels: BTreeMap<String, Vec<String>>,
    /// The labels by which its sum is taken.
    pub(crate) by: Vec<String>,
}

/// Words of the language that may stand where a metric may.
const WORDS: [&str; 8] = ["by", "histogram_quantile", "increase", "le", "max", "or", "rate", "sum"];

/// All of them, in order.
pub(crate) fn selectors(expr: &str) -> Vec<Selector> {
    let (mut found, mut by, mut rest) = (Vec::new(), Vec::new(), expr);
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_') {
        // A number's unit is no word.
        let after_digit = rest[..start].ends_with(|c: char| c.is_ascii_digit());
        rest = &rest[start..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word = &rest[..end];
        rest = &rest[end..];
        if word == "by" {
            let (list, after) = rest.split_once('(').unwrap().1.split_once(')').unwrap();
            by = list.split(',').map(|label| label.trim().to_owned()).collect();
            rest = after;
        } else if word == "sum" || word == "max" {
            by = Vec::new();
        } else if !after_digit && !WORDS.contains(&word) {
            let mut labels = BTreeMap::new();
            if let Some(inside) = rest.strip_prefix('{') {
                let (matchers, after) = inside.split_once('}').unwrap();
                labels = matchers.split(", ").map(matcher).collect();
                rest = after;
            }
            found.push(Selector { metric: word.to_owned(), labels, by: by.clone() });
        }
    }
    found
}

/// `label="value"` or `label=~"one|other"`.
fn matcher(text: &str) -> (String, Vec<String>) {
    let (label, value) = text.split_once('=').unwrap();
    let (any, value) = value.strip_prefix('~').map_or((false, value), |value| (true, value));
    let value = value.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
    let values = if any { value.split('|').map(str::to_owned).collect() } else { vec![value.to_owned()] };
    (label.trim().to_owned(), values)
}

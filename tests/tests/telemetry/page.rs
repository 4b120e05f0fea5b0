//! `docs/telemetry.md` lists what the code tells: no name more, none less.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use buttress_telemetry::{Snapshot, names};

use super::{
    heard::{Heard, Line, Names},
    run::everything,
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Listens while everything happens.
fn listen() -> Heard {
    listen_and_count().0
}

fn listen_and_count() -> (Heard, [Snapshot; 2]) {
    let heard = Heard::default();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let _guard = heard.listen();
    let counted = metrics::with_local_recorder(&heard, || runtime.block_on(everything()));
    (heard, counted.map(|telemetry| telemetry.snapshot()))
}

/// The rows of the first table below a heading, cell by cell.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let page = fs::read_to_string(format!("{ROOT}/docs/telemetry.md")).unwrap();
    let below = page.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}")).1;
    let table =
        below.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    table.skip(2).map(cells).collect()
}

/// What stands in backticks.
fn words(cell: &str) -> Names {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn word(cell: &str) -> Option<String> {
    words(cell).pop_first()
}

#[test]
fn every_span_and_field_is_listed() {
    let mut listed: BTreeMap<String, Names> = BTreeMap::new();
    for row in rows("## Spans") {
        for span in words(&row[1]) {
            listed.entry(span).or_default().extend(words(&row[0]));
        }
    }
    let told = listen().spans().into_iter().map(|(span, fields)| (span.to_owned(), fields));
    assert_eq!(listed, told.collect());
}

#[test]
fn every_metric_is_listed_with_its_unit_and_its_labels() {
    let rows = rows("## Metrics");
    let metric =
        |row: &Vec<String>| (word(&row[0]).unwrap(), word(&row[1]).unwrap(), word(&row[2]), words(&row[3]));
    let listed: BTreeSet<_> = rows.iter().map(metric).collect();
    assert_eq!(listed.len(), rows.len(), "each once");
    let unit = |unit: metrics::Unit| (unit != metrics::Unit::Count).then(|| unit.as_str().to_owned());
    let told = listen()
        .metrics()
        .into_iter()
        .map(|(name, (kind, told, labels))| (name, kind.to_owned(), told.and_then(unit), labels));
    assert_eq!(listed, told.collect());
}

#[test]
fn the_metrics_count_what_the_snapshots_count() {
    let (heard, counted) = listen_and_count();
    let sum = |of: fn(&Snapshot) -> u64| counted.iter().map(of).sum::<u64>();
    assert_eq!(heard.sum(names::CALLS_ENDED), sum(|seen| seen.calls.started));
    assert_eq!(heard.sum(names::CALL_DURATION), sum(|seen| seen.calls.started));
    assert_eq!(heard.sum(names::CALLS_RUNNING), 0);
    assert_eq!(heard.sum(names::EXHAUSTED), sum(|seen| seen.calls.exhausted));
    assert_eq!(heard.sum(names::ATTEMPTS_ENDED), sum(|seen| seen.total.attempts.started()));
    assert_eq!(heard.sum(names::OPERATION_DURATION), sum(|seen| seen.total.attempts.started()));
    assert_eq!(heard.sum(names::TOKENS), sum(|seen| seen.total.tokens.billed.total()));
    assert_eq!(heard.sum(names::COST), sum(|seen| seen.total.cost.billed.billionths()));
    assert_eq!(heard.sum(names::LIMITER_WAIT), sum(|seen| seen.total.held_back.limiter_waits));
    let refusals =
        |seen: &Snapshot| seen.total.held_back.limiter_refusals + seen.total.held_back.breaker_refusals;
    assert_eq!(heard.sum(names::REFUSED), sum(refusals));
    // One comes to a breaker that has opened meanwhile, and is no attempt.
    assert_eq!(heard.sum(names::RETRY_WAIT), sum(|seen| seen.total.attempts.retries) + 1);
}

/// The lines that are listed.
fn listed() -> BTreeSet<Line> {
    let mut listed = BTreeSet::new();
    for row in rows("## Log lines") {
        for level in words(&row[1]) {
            let line = (word(&row[0]).unwrap(), level, row[2].clone(), words(&row[3]));
            assert!(listed.insert(line), "twice: {row:?}");
        }
    }
    listed
}

#[test]
fn every_log_line_is_listed_with_its_fields() {
    let mut told = BTreeSet::new();
    for (name, folder) in sources() {
        read(&folder, &mut |source| told.extend(lines(&name, source)));
    }
    let listed = listed();
    let [only_told, only_listed] =
        [told.difference(&listed), listed.difference(&told)].map(Iterator::collect::<Vec<_>>);
    assert!(
        only_told.is_empty() && only_listed.is_empty(),
        "not listed: {only_told:#?}\nnot told: {only_listed:#?}"
    );
}

#[test]
fn what_a_run_says_is_as_it_is_listed() {
    let (heard, listed) = (listen(), listed());
    let lines = heard.lines();
    let strange: Vec<_> = lines.difference(&listed).collect();
    assert!(strange.is_empty(), "{strange:#?}");
    let said: BTreeSet<&str> = lines.iter().map(|(_, _, message, _)| &**message).collect();
    for message in [
        "attempt ended",
        "call ended",
        "retrying",
        "hedge sent",
        "failing over",
        "circuit opened",
        "circuit changed",
        "call waited",
        "call refused",
        "no target left",
    ] {
        assert!(said.contains(message), "{message} was not said: {said:?}");
    }
    // The stack's key, and the word that its requests' prompts and answers are made of.
    for value in heard.values() {
        assert!(!value.contains("sk-test") && !value.contains("choices"), "{value}");
    }
}

/// The packages whose log lines a user may see, and their sources.
fn sources() -> Vec<(String, PathBuf)> {
    let crates = fs::read_dir(format!("{ROOT}/crates")).unwrap().map(|entry| entry.unwrap());
    let mut sources: Vec<_> = crates
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path().join("src")))
        .map(|(name, folder)| (if name == "buttress" { name } else { format!("buttress-{name}") }, folder))
        .filter(|(name, _)| name != "buttress-lab")
        .collect();
    sources.push(("buttress-gateway".to_owned(), Path::new(ROOT).join("examples/gateway/src")));
    sources
}

fn read(path: &Path, each: &mut impl FnMut(&str)) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            read(&entry.unwrap().path(), each);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        each(&fs::read_to_string(path).unwrap());
    }
}

/// The log lines of a source file.
fn lines(of: &str, source: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for level in ["trace", "debug", "info", "warn", "error"] {
        for (at, start) in source.match_indices(&format!("tracing::{level}!(")) {
            let (mut message, mut fields) = (String::new(), Names::new());
            for part in arguments(&source[at + start.len()..]) {
                if let Some(text) = part.strip_prefix('"') {
                    message.push_str(text.trim_end_matches('"'));
                } else if !part.starts_with("parent:") {
                    let name = part.split('=').next().unwrap_or_default();
                    fields.insert(name.trim().trim_start_matches(['%', '?']).to_owned());
                }
            }
            assert!(!message.is_empty(), "a line of {of} without a message");
            lines.push((of.to_owned(), level.to_owned(), message, fields));
        }
    }
    lines
}

/// The arguments of a macro, up to its closing parenthesis.
fn arguments(source: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut begin, mut parts) = (0, false, 0, Vec::new());
    for (at, letter) in source.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => {
                parts.push(source[begin..at].trim());
                break;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(source[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

//! The table of layer x rule, as it stands in `docs/contract.md`.

use std::fmt::Write as _;

use crate::{rules::Check, subject::Subject};

/// A row for each check, a column for each layer. A cell says that the check ran, or why it cannot.
pub fn render(checks: &[Check], subjects: &[Subject]) -> String {
    let mut table = String::from("| rule | check |");
    for subject in subjects {
        let _ = write!(table, " {} |", subject.name);
    }
    let _ = write!(table, "\n|---|---|{}\n", "---|".repeat(subjects.len()));
    for check in checks {
        let _ = write!(table, "| {} | {} |", check.rule, check.name.replace('_', " "));
        for subject in subjects {
            match (check.run)(subject) {
                Ok(()) => table.push_str(" kept |"),
                Err(reason) => {
                    let _ = write!(table, " n/a: {reason} |");
                }
            }
        }
        table.push('\n');
    }
    table
}

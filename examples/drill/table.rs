//! The table and the sparklines.

use std::fmt::Write as _;

use crate::{
    arm::Arm,
    row::{Row, Timeline},
};

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub(crate) fn render(rows: &[Row], timeline: &Timeline) -> String {
    let mut out = String::from(
        "phase              arm       calls  success  first token p50/p99 ms  attempts/call  429s  wasted  from A\n",
    );
    for row in rows {
        let first_token = format!("{} / {}", millis(row.first_token_p50_ms), millis(row.first_token_p99_ms));
        let line = format!(
            "{:<18} {:<9} {:>5} {:>8} {:>23} {:>14.2} {:>5} {:>7} {:>7}",
            row.phase,
            row.arm,
            row.requests,
            percent(row.success),
            first_token,
            row.attempts_per_request,
            row.upstream_429,
            percent(row.wasted_tokens),
            percent(row.share_a),
        );
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{line}");
    }
    out.push_str("\nsuccess by second\n");
    for (index, arm) in Arm::NAMES.iter().enumerate() {
        let _ = writeln!(out, "{arm:<9} {}", timeline.success(index).map(level).collect::<String>());
    }
    out
}

fn millis(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn level(success: Option<f64>) -> char {
    success.map_or(' ', |share| LEVELS[(share * 7.0).round() as usize])
}

//! One self-contained page: the table's numbers as charts.

use std::fmt::Write as _;

use crate::{
    arm::Arm,
    phase::Phase,
    row::{Row, Timeline},
};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 220.0;
/// Room for the axis on the left, and for the names below.
const LEFT: f64 = 60.0;
const BELOW: f64 = 28.0;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c1917; --soft: #78716c; --line: #d6d3d1; --paper: #fafaf9;
        --bare: #b45309; --buttress: #1d4ed8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #f5f5f4; --soft: #a8a29e; --line: #44403c; --paper: #1c1917; --bare: #f59e0b; --buttress: #60a5fa; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 980px;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .25rem; }
p, li { max-width: 46rem; } .soft { color: var(--soft); }
.bare { fill: var(--bare); } .buttress { fill: var(--buttress); }
.key { display: inline-block; width: .8em; height: .8em; margin-right: .4em; }
svg { width: 100%; height: auto; } svg text { fill: var(--soft); font-size: 12px; }
svg line { stroke: var(--line); }
polyline.bare, polyline.buttress { fill: none; stroke-width: 2; stroke: var(--bare); }
polyline.buttress { stroke: var(--buttress); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { text-align: right; padding: .2rem .5rem; border-bottom: 1px solid var(--line); }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
";

pub(crate) fn render(rows: &[Row], timeline: &Timeline) -> String {
    let mut page = String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width\"><title>Buttress drill</title>");
    // Writing to a string cannot fail, here and below.
    let _ = write!(
        page,
        "<style>{STYLE}</style></head><body><h1>A provider fails, with and without Buttress</h1>"
    );
    page.push_str("<p>Two clients meet the same failures of provider A at the same time, on real sockets.");
    for (arm, story) in
        Arm::NAMES.iter().zip(["A alone, two retries as the vendors' SDKs", "A, then B, then C"])
    {
        let _ =
            write!(page, "<br><span class=\"key\" style=\"background:var(--{arm})\"></span>{arm}: {story}");
    }
    page.push_str("</p>");
    let largest = |value: fn(&Row) -> Option<f64>| rows.iter().filter_map(value).fold(1.0, f64::max);
    bars(&mut page, "Calls answered whole and in time", rows, &|row| Some(100.0 * row.success), 100.0, "%");
    let p99 = largest(|row| row.first_token_p99_ms);
    bars(&mut page, "Time to first token, p99", rows, &|row| row.first_token_p99_ms, p99, "ms");
    let attempts = largest(|row| Some(row.attempts_per_request));
    bars(
        &mut page,
        "Requests to providers, for each call",
        rows,
        &|row| Some(row.attempts_per_request),
        attempts,
        "",
    );
    lines(&mut page, timeline);
    table(&mut page, rows);
    page.push_str("<h2>The phases</h2><ul>");
    for phase in Phase::ALL {
        let _ = write!(page, "<li><b>{}</b>: {}</li>", phase.name(), phase.story());
    }
    page.push_str("</ul></body></html>\n");
    page
}

/// A pair of bars for each phase.
fn bars(
    page: &mut String,
    title: &str,
    rows: &[Row],
    value: &dyn Fn(&Row) -> Option<f64>,
    max: f64,
    unit: &str,
) {
    begin_chart(page, title, max, unit);
    let phases: Vec<_> = rows.chunks(Arm::NAMES.len()).collect();
    let slot = (WIDTH - LEFT) / phases.len().max(1) as f64;
    let width = slot * 0.32;
    for (index, phase) in phases.iter().enumerate() {
        let x = LEFT + slot * index as f64;
        for (arm, row) in phase.iter().enumerate() {
            let Some(value) = value(row) else { continue };
            let height = (HEIGHT - BELOW) * value / max;
            let _ = write!(
                page,
                "<rect class=\"{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\">\
                 <title>{}, {}: {value:.1} {unit}</title></rect>",
                row.arm,
                x + slot * 0.16 + width * arm as f64,
                HEIGHT - BELOW - height,
                row.phase,
                row.arm,
            );
        }
        let name = phase.first().map_or("", |row| row.phase);
        let _ = write!(
            page,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" style=\"font-size:11px\">{name}</text>",
            x + slot / 2.0,
            HEIGHT - 10.0,
        );
    }
    page.push_str("</svg>");
}

/// The success of each arm, second by second.
fn lines(page: &mut String, timeline: &Timeline) {
    begin_chart(page, "Calls answered whole and in time, by the second in which they began", 100.0, "%");
    let seconds = timeline.success(0).count().max(2) - 1;
    for (index, arm) in Arm::NAMES.iter().enumerate() {
        let _ = write!(page, "<polyline class=\"{arm}\" points=\"");
        for (second, success) in timeline.success(index).enumerate() {
            let Some(success) = success else { continue };
            let x = LEFT + (WIDTH - LEFT) * second as f64 / seconds as f64;
            let _ = write!(page, "{x:.1},{:.1} ", (HEIGHT - BELOW) * (1.0 - success) + 1.0);
        }
        page.push_str("\"/>");
    }
    page.push_str("</svg>");
}

fn begin_chart(page: &mut String, title: &str, max: f64, unit: &str) {
    let _ = write!(
        page,
        "<h2>{title}</h2><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\"><title>{title}</title>"
    );
    let base = HEIGHT - BELOW;
    for (y, label) in [(12.0, format!("{max:.0} {unit}")), (base, format!("0 {unit}"))] {
        let _ = write!(page, "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{label}</text>", LEFT - 8.0);
    }
    let _ = write!(page, "<line x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{base}\" y2=\"{base}\"/>");
}

fn table(page: &mut String, rows: &[Row]) {
    page.push_str("<h2>The numbers</h2><table><tr>");
    for head in [
        "phase",
        "arm",
        "calls",
        "success",
        "first token p50",
        "p99",
        "attempts a call",
        "429s",
        "wasted",
        "from A",
    ] {
        let _ = write!(page, "<th>{head}</th>");
    }
    page.push_str("</tr>");
    let millis = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0} ms"));
    for row in rows {
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{:.1} %</td><td>{}</td><td>{}</td><td>{:.2}</td><td>{}</td>\
             <td>{:.1} %</td><td>{:.1} %</td></tr>",
            row.phase,
            row.arm,
            row.requests,
            100.0 * row.success,
            millis(row.first_token_p50_ms),
            millis(row.first_token_p99_ms),
            row.attempts_per_request,
            row.upstream_429,
            100.0 * row.wasted_tokens,
            100.0 * row.share_a,
        );
    }
    page.push_str("</table>");
}

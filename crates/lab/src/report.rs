//! What a run prints: its rows, one JSON object a line as they come, or as a table at the end.

use std::{
    fmt,
    io::{self, Write},
};

use buttress_call::BoxError;
use serde::{
    Deserialize, Serialize,
    de::{Deserializer, MapAccess, Visitor},
};
use serde_json::Value;

/// Collects an experiment's rows. Notes are for people: they are left out of the JSON.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Rows are printed as JSON when they come: a run that is cut short has shown what it had.
    json: bool,
    heading: Vec<String>,
    lines: Vec<String>,
    notes: Vec<String>,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Report { json, ..Report::default() }
    }

    /// A line above the table; printed to stderr too, so that a run with `--json` shows it.
    pub(crate) fn heading(&mut self, line: String) {
        eprintln!("{line}");
        self.heading.push(line);
    }

    /// A row; its fields are printed in the order in which the struct lists them.
    pub(crate) fn row(&mut self, row: &impl Serialize) -> Result<(), BoxError> {
        let line = serde_json::to_string(row)?;
        if self.json {
            print(&format!("{line}\n"))?;
        }
        self.lines.push(line);
        Ok(())
    }

    /// A line below the table.
    pub(crate) fn note(&mut self, line: String) {
        self.notes.push(line);
    }

    /// Prints what was not printed yet.
    pub(crate) fn finish(&self) -> Result<(), BoxError> {
        if self.json { Ok(()) } else { print(&self.table()?) }
    }

    fn table(&self) -> Result<String, BoxError> {
        let rows: Vec<Fields> =
            self.lines.iter().map(|line| serde_json::from_str(line)).collect::<Result<_, _>>()?;
        let mut table: Vec<Vec<String>> = Vec::new();
        if let Some(first) = rows.first() {
            table.push(first.0.iter().map(|(name, _)| name.clone()).collect());
        }
        table.extend(rows.iter().map(|row| row.0.iter().map(|(_, value)| cell(value)).collect()));
        let widths: Vec<usize> = (0..table.first().map_or(0, Vec::len))
            .map(|column| table.iter().map(|row| row[column].len()).max().unwrap_or(0))
            .collect();
        let rows = table.iter().map(|row| {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            cells.join("  ").trim_end().to_owned()
        });
        let lines: Vec<String> =
            self.heading.iter().cloned().chain(rows).chain(self.notes.iter().cloned()).collect();
        Ok(lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect())
    }
}

/// A reader that closes the pipe early has seen enough.
fn print(text: &str) -> Result<(), BoxError> {
    let mut stdout = io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

/// A number to so many decimals: digits beyond them are the seed's, not the experiment's.
pub(crate) fn round(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}

/// The mean of some numbers; 0 of none.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0_u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

/// The quantile of sorted numbers, by the nearest rank; `None` of none.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// A JSON object in the order of its text, which `serde_json`'s own map would sort.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row's object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Row {
        zebra: &'static str,
        ant: Option<f64>,
    }

    fn report() -> Report {
        let mut report = Report::default();
        report.row(&Row { zebra: "a", ant: Some(0.5) }).unwrap();
        report.row(&Row { zebra: "long", ant: None }).unwrap();
        report.note("a note".to_owned());
        report
    }

    #[test]
    fn json_keeps_the_order_of_the_fields_and_leaves_notes_out() {
        assert_eq!(report().lines, [r#"{"zebra":"a","ant":0.5}"#, r#"{"zebra":"long","ant":null}"#]);
    }

    #[test]
    fn a_table_has_the_same_columns() {
        assert_eq!(report().table().unwrap(), "zebra  ant\na      0.5\nlong   -\na note\n");
    }

    #[test]
    fn a_quantile_is_one_of_the_numbers() {
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 0.5), Some(2.0));
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 0.99), Some(4.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}

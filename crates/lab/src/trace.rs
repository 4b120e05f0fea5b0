//! Traces in the format of the Azure LLM inference traces: a CSV of `TIMESTAMP`, `ContextTokens`,
//! `GeneratedTokens`.

use std::{path::Path, time::Duration};

use buttress_call::BoxError;
use jiff::civil::DateTime;

use crate::{
    csv::{self, BadLine},
    workload::{Arrival, Workload},
};

const COLUMNS: [&str; 3] = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"];
/// Far above any model's window: what is larger is damage, and sums of what is smaller cannot overflow.
const MAX_TOKENS: u64 = 100_000_000;

/// The trace in a file, and the sha256 that names it.
pub(crate) fn read(path: &Path) -> Result<(Workload, String), BoxError> {
    csv::read(path, parse)
}

fn parse(bytes: &[u8]) -> Result<Workload, BadLine> {
    let (header, lines) = csv::lines(bytes)?;
    if csv::fields(header) != COLUMNS {
        return Err(BadLine::new(1, "the header must be TIMESTAMP,ContextTokens,GeneratedTokens", header));
    }
    let mut calls: Vec<Arrival> = Vec::new();
    let mut first = None;
    let mut last_line = 1;
    for line in lines {
        let (line, text) = line?;
        last_line = line;
        let [at, input, output] = csv::fields(text)[..] else {
            return Err(BadLine::new(line, "a line must have 3 fields", text));
        };
        let moment = timestamp(at, line)?;
        let offset = moment.duration_since(*first.get_or_insert(moment));
        let before = calls.last().map_or(Duration::ZERO, |call| call.at);
        let at = Duration::try_from(offset)
            .ok()
            .filter(|at| *at >= before)
            .ok_or_else(|| BadLine::new(line, "a TIMESTAMP must not be earlier than the one before", at))?;
        calls.push(Arrival { at, input: tokens(input, line)?, output: tokens(output, line)? });
    }
    let workload = Workload { calls };
    if workload.duration().is_zero() || workload.tokens() == 0 {
        let rule = "a trace must hold calls with tokens, at two moments at least";
        return Err(BadLine::new(last_line, rule, ""));
    }
    Ok(workload)
}

fn timestamp(text: &str, line: u64) -> Result<DateTime, BadLine> {
    text.parse().map_err(|_| BadLine::new(line, "a TIMESTAMP must be like 2023-11-16 18:15:46.6805900", text))
}

fn tokens(text: &str, line: u64) -> Result<u64, BadLine> {
    text.parse().ok().filter(|tokens| *tokens <= MAX_TOKENS).ok_or_else(|| {
        BadLine::new(line, "a count of tokens must be a whole number from 0 to 100,000,000", text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n";

    fn of(lines: &str) -> Result<Workload, BadLine> {
        parse(format!("{HEADER}{lines}").as_bytes())
    }

    #[test]
    fn times_count_from_the_first_call() {
        let workload =
            of("2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9951690,396,109\r\n").unwrap();
        assert_eq!(workload.calls[0], Arrival { at: Duration::ZERO, input: 374, output: 44 });
        assert_eq!(
            workload.calls[1],
            Arrival { at: Duration::from_micros(4_314_579), input: 396, output: 109 }
        );
        assert_eq!(workload.tokens(), 374 + 44 + 396 + 109);
    }

    #[test]
    fn an_error_names_the_line_and_the_rule() {
        let good = "2023-11-16 18:15:46,1,2\n";
        for (text, line, rule) in [
            ("", 1, "calls with tokens"),
            ("\n\n", 1, "calls with tokens"),
            ("2023-11-16 18:15:46,1\n", 2, "3 fields"),
            ("2023-11-16 18:15:46,1,2,3\n", 2, "3 fields"),
            ("yesterday,1,2\n", 2, "TIMESTAMP must be like"),
            ("2023-11-16 18:15:46,-1,2\n", 2, "whole number"),
            ("2023-11-16 18:15:46,1,2.5\n", 2, "whole number"),
            ("2023-11-16 18:15:46,1,100000001\n", 2, "100,000,000"),
            (&format!("{good}2023-11-16 18:15:45,1,2\n"), 3, "not be earlier"),
            (&format!("{good}\n{good}2023-11-16 18:15:47,x,2\n"), 5, "whole number"),
            (good, 2, "at two moments"),
        ] {
            let error = of(text).unwrap_err();
            assert_eq!(error.line, line, "{error}");
            assert!(error.to_string().contains(rule), "{error}");
        }
    }

    #[test]
    fn the_header_must_be_there_and_may_follow_a_byte_order_mark() {
        assert_eq!(parse(b"").unwrap_err().line, 1);
        assert!(parse(b"a,b,c\n").unwrap_err().rule.contains("header"));
        let rows = "2023-11-16 18:15:46,1,2\n2023-11-16 18:15:47,1,2\n";
        assert!(parse(format!("\u{feff}{HEADER}{rows}").as_bytes()).is_ok());
    }
}

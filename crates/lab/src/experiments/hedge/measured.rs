//! Measured times to first token: a CSV with the columns `endpoint`, `ttft_s` and `error_code`, wherever they stand
//! among others.
//!
//! A row with an error code is counted and left out. It has no first token (a 429 is written down as 0 s), or belongs to
//! an answer that was no good; what hedging can mend is in the other rows, some of which took 100 s.

use std::{collections::BTreeMap, path::Path};

use buttress_call::BoxError;

use crate::csv::{self, BadLine};

/// Far above any time-out: what is larger is damage.
const LONGEST_S: f64 = 86_400.0;

/// What was measured, by the endpoint's name.
pub(super) type Measured = BTreeMap<String, Endpoint>;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Endpoint {
    /// Seconds to the first token, in the file's order.
    pub(super) times: Vec<f64>,
    /// Rows left out.
    pub(super) errors: u64,
}

/// All of a file, and the sha256 that names it.
pub(super) fn read(path: &Path) -> Result<(Measured, String), BoxError> {
    csv::read(path, parse)
}

fn parse(bytes: &[u8]) -> Result<Measured, BadLine> {
    let (header, lines) = csv::lines(bytes)?;
    let names = csv::fields(header);
    let [name_at, time_at, error_at] = columns(&names).ok_or_else(|| {
        BadLine::new(1, "the header must name endpoint, ttft_s and error_code once each", header)
    })?;
    let mut measured = Measured::new();
    for line in lines {
        let (line, text) = line?;
        let fields = csv::fields(text);
        if fields.len() != names.len() {
            return Err(BadLine::new(line, "a line must have as many fields as the header", text));
        }
        if fields[name_at].is_empty() {
            return Err(BadLine::new(line, "an endpoint must have a name", text));
        }
        let endpoint = measured.entry(fields[name_at].to_owned()).or_default();
        if fields[error_at].is_empty() {
            endpoint.times.push(seconds(fields[time_at], line)?);
        } else {
            endpoint.errors += 1;
        }
    }
    Ok(measured)
}

fn columns(names: &[&str]) -> Option<[usize; 3]> {
    let once = |wanted| {
        let mut found = names.iter().enumerate().filter(|(_, name)| **name == wanted).map(|(at, _)| at);
        found.next().filter(|_| found.next().is_none())
    };
    Some([once("endpoint")?, once("ttft_s")?, once("error_code")?])
}

fn seconds(text: &str, line: u64) -> Result<f64, BadLine> {
    text.parse().ok().filter(|seconds| *seconds > 0.0 && *seconds <= LONGEST_S).ok_or_else(|| {
        let rule = "a ttft_s without an error code must be a number of seconds above 0, at most 86,400";
        BadLine::new(line, rule, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "endpoint,ttft_s,output_tokens,error_code\n";

    fn of(lines: &str) -> Result<Measured, BadLine> {
        parse(format!("{HEADER}{lines}").as_bytes())
    }

    #[test]
    fn rows_with_an_error_are_counted_and_left_out() {
        let measured = of("a,0.5,10,\r\nb,0,0,429\r\na,100.25,9,\r\na,0.7,9,-100\r\n").unwrap();
        assert_eq!(measured["a"], Endpoint { times: vec![0.5, 100.25], errors: 1 });
        assert_eq!(measured["b"], Endpoint { times: vec![], errors: 1 });
    }

    #[test]
    fn columns_are_found_by_name() {
        let measured = parse(b"error_code, ttft_s ,endpoint\n,2,a\n").unwrap();
        assert_eq!(measured["a"].times, [2.0]);
    }

    #[test]
    fn an_error_names_the_line_and_the_rule() {
        for (text, line, rule) in [
            ("a,0.5,10\n", 2, "as many fields"),
            ("a,0.5,10,,\n", 2, "as many fields"),
            ("\na,0.5,1,\n,0.5,1,\n", 4, "a name"),
            ("a,0,1,\n", 2, "above 0"),
            ("a,-1,1,\n", 2, "above 0"),
            ("a,,1,\n", 2, "above 0"),
            ("a,NaN,1,\n", 2, "above 0"),
            ("a,inf,1,\n", 2, "86,400"),
            ("a,86401,1,\n", 2, "86,400"),
        ] {
            let error = of(text).unwrap_err();
            assert_eq!(error.line, line, "{error}");
            assert!(error.to_string().contains(rule), "{error}");
        }
    }

    #[test]
    fn the_header_must_name_each_column_once() {
        for header in ["", "endpoint,ttft_s\n", "endpoint,ttft_s,ttft_s,error_code\n"] {
            assert_eq!(parse(header.as_bytes()).unwrap_err().line, 1, "{header:?}");
        }
    }
}

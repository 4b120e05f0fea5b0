//! What the lines of an event say.

use std::borrow::Cow;

use memchr::memchr2;

/// The fields of an event that matter here.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    /// The last `event:` line.
    pub(crate) event: Option<&'a [u8]>,
    /// The `data:` lines, joined by LF.
    pub(crate) data: Option<Cow<'a, [u8]>>,
    /// JSON without its `data:`, as some servers send an error: from a line that begins with `{` to the next field.
    pub(crate) bare: Option<&'a [u8]>,
}

/// Reads the lines of an event.
///
/// How many there are (the empty one left out) is known from scanning: so the last line's end, which in the usual event
/// is that of its only line, is not searched for again.
pub(crate) fn fields(bytes: &[u8], lines: usize) -> Fields<'_> {
    let mut fields = Fields::default();
    let mut rest = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut left = lines;
    while left > 0 {
        if rest.first() == Some(&b'{') {
            // No field is called that. Other fields may follow without a blank line between.
            let bare;
            (bare, rest, left) = split_bare(rest, left);
            fields.bare.get_or_insert(bare);
            continue;
        }
        let line;
        (line, rest) = if left == 1 { (trim_line_ends(rest), &rest[..0]) } else { split_line(rest) };
        left -= 1;
        if let Some(data) = field(line, b"data") {
            fields.data = Some(match fields.data.take() {
                None => Cow::Borrowed(data),
                Some(earlier) => {
                    let mut joined = earlier.into_owned();
                    joined.push(b'\n');
                    joined.extend_from_slice(data);
                    Cow::Owned(joined)
                }
            });
        } else if let Some(event) = field(line, b"event") {
            fields.event = Some(event);
        }
    }
    fields
}

/// Reads the first lines of an event of which the rest is missing.
pub(crate) fn fields_of_head(bytes: &[u8]) -> Fields<'_> {
    let mut lines = 1;
    let mut rest = bytes;
    while let Some(end) = memchr2(b'\n', b'\r', rest) {
        rest = &rest[end + 1..];
        lines += 1;
    }
    fields(bytes, lines)
}

/// Splits lines that begin with bare JSON into the JSON, up to the next field, and the rest with its number of lines.
fn split_bare(bytes: &[u8], lines: usize) -> (&[u8], &[u8], usize) {
    let mut end = 0;
    for left in (0..lines).rev() {
        let (line, rest) = split_line(&bytes[end..]);
        if field(line, b"data").or(field(line, b"event")).is_some() {
            return (&bytes[..end], &bytes[end..], left + 1);
        }
        end = bytes.len() - rest.len();
    }
    (bytes, &[], 0)
}

/// The value of the field `name`, if the line is one: `name:value` or `name: value` (or `name`, which is empty).
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = line.strip_prefix(name)?;
    match value.split_first() {
        None => Some(value),
        Some((b':', value)) => Some(value.strip_prefix(b" ").unwrap_or(value)),
        Some(_) => None,
    }
}

fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some(end) = memchr2(b'\n', b'\r', bytes) else { return (bytes, &[]) };
    let (line, rest) = bytes.split_at(end);
    (line, rest.strip_prefix(b"\r\n").unwrap_or(&rest[1..]))
}

fn trim_line_ends(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., b'\n' | b'\r'] = line {
        line = rest;
    }
    line
}

//! Patterns for models' names.

/// Whether the text fits the pattern, in which each `*` is any text, also none.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        // The one before was not the last: its first place is as good as any.
        if let Some(part) = last.replace(part) {
            let Some((_, after)) = rest.split_once(part) else { return false };
            rest = after;
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

/// Whether it is a pattern, and not a name.
pub(crate) fn is_pattern(model: &str) -> bool {
    model.contains('*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "gpt-5"),
            ("gpt-*", "gpt-"),
            ("gpt-*", "gpt-5-mini"),
            ("*-mini", "gpt-5-mini"),
            ("gpt-*-mini", "gpt-5-mini-mini"),
            ("*5*", "gpt-5-mini"),
            ("a**b", "ab"),
            ("a*b*a", "aba"),
            ("gpt-5", "gpt-5"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("gpt-*", "gpt5"),
            ("*-mini", "gpt-5-minis"),
            ("gpt-*-mini", "gpt-mini"),
            ("a*a", "a"),
            ("a*b*a", "aa"),
            ("gpt-5", "gpt-5-mini"),
            ("", "x"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }
}

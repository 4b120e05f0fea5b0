//! SPDX expressions, as far as crates use them.

/// The list in `deny.toml`: `allow = ["MIT", ...]` under `[licenses]`.
pub(crate) fn allowed(deny: &str) -> Vec<String> {
    let (_, section) = deny.split_once("[licenses]").unwrap();
    let (_, list) = section.split_once("allow = [").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    list.split(',')
        .map(|name| name.trim().trim_matches('"').to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

/// Whether the expression can be satisfied with allowed licences alone. `AND` binds tighter than `OR`; an exception
/// (`WITH`) belongs to its licence and only takes duties away.
pub(crate) fn satisfied(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut tokens = spaced.split_whitespace().peekable();
    let all = either(&mut tokens, allowed);
    assert_eq!(tokens.next(), None, "{expression} is no SPDX expression");
    all
}

type Tokens<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn either(tokens: &mut Tokens<'_>, allowed: &[String]) -> bool {
    let mut any = both(tokens, allowed);
    while tokens.next_if_eq(&"OR").is_some() {
        any |= both(tokens, allowed);
    }
    any
}

fn both(tokens: &mut Tokens<'_>, allowed: &[String]) -> bool {
    let mut all = one(tokens, allowed);
    while tokens.next_if_eq(&"AND").is_some() {
        all &= one(tokens, allowed);
    }
    all
}

fn one(tokens: &mut Tokens<'_>, allowed: &[String]) -> bool {
    let name = tokens.next().unwrap();
    if name == "(" {
        let inside = either(tokens, allowed);
        assert_eq!(tokens.next(), Some(")"));
        return inside;
    }
    if tokens.next_if_eq(&"WITH").is_some() {
        tokens.next().unwrap();
    }
    allowed.iter().any(|allowed| allowed == name)
}

#[test]
fn an_expression_is_satisfied_by_one_side_of_or_and_both_of_and() {
    let allowed = ["MIT", "Apache-2.0"].map(String::from);
    for (expression, ok) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("MIT/GPL-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("MIT AND (GPL-3.0 OR Apache-2.0)", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", false),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("GPL-3.0 OR MIT AND Apache-2.0", true),
        ("none", false),
    ] {
        assert_eq!(satisfied(expression, &allowed), ok, "{expression}");
    }
}

//! The `curl` lines of a page.

/// One command.
#[derive(Debug, Default)]
pub(crate) struct Curl {
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    /// What is posted, if anything is.
    pub(crate) body: Option<String>,
}

/// All of them, in order. Panics at an option that a page should not need.
pub(crate) fn commands(page: &str, variables: &[(&str, &str)]) -> Vec<Curl> {
    let (mut found, mut inside) = (Vec::new(), false);
    for line in page.lines().map(str::trim) {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside && line.starts_with("curl ") => found.push(command(&words(line, variables))),
            _ => assert!(!inside || line.starts_with("export "), "not run by this test: {line}"),
        }
    }
    found
}

fn command(words: &[String]) -> Curl {
    let (mut command, mut words) = (Curl::default(), words.iter().skip(1));
    while let Some(word) = words.next() {
        match &**word {
            "-s" | "-i" => {}
            "-H" => {
                let (name, value) = words.next().unwrap().split_once(": ").unwrap();
                command.headers.push((name.to_owned(), value.to_owned()));
            }
            "-d" => command.body = Some(words.next().unwrap().clone()),
            option if option.starts_with('-') => panic!("{option}?"),
            url => {
                assert!(command.url.is_empty(), "two addresses: {words:?}");
                url.clone_into(&mut command.url);
            }
        }
    }
    command
}

/// As a shell splits them: quotes are taken off, and variables put in but between single ones.
fn words(line: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, ' ') => words.push(std::mem::take(&mut word)),
            (None | Some('"'), '$') => {
                let (name, value) = variables.iter().find(|(name, _)| rest.starts_with(name)).unwrap();
                word.push_str(value);
                rest = &rest[name.len()..];
            }
            _ => word.push(c),
        }
    }
    assert_eq!(quote, None, "a quote is open: {line}");
    words.push(word);
    words
}

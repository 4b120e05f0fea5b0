//! The pages of the docs.

use std::{
    fs,
    path::{Path, PathBuf},
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// One Markdown file.
pub(crate) struct Page {
    /// Its path from the root.
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    text: String,
}

/// Every Markdown file of the project.
pub(crate) fn all() -> Vec<Page> {
    let mut pages = Vec::new();
    visit(Path::new(ROOT), &mut pages);
    assert!(pages.iter().any(|page| page.name == "README.md"));
    pages
}

fn visit(folder: &Path, pages: &mut Vec<Page>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        let hidden = name.to_string_lossy().starts_with('.') || name == "target";
        if entry.file_type().unwrap().is_dir() {
            if !hidden {
                visit(&path, pages);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(Page {
                name: path.strip_prefix(ROOT).unwrap().display().to_string(),
                folder: folder.into(),
                text: fs::read_to_string(&path).unwrap(),
            });
        }
    }
}

impl Page {
    /// What it tells to run: the cargo commands in its code, in blocks and within lines.
    pub(crate) fn commands(&self) -> impl Iterator<Item = String> {
        self.text.split("cargo ").skip(1).filter_map(|rest| {
            let line = rest.split(['`', '\n', '|', ')', ';']).next().unwrap();
            let known = ["run", "test", "build", "check", "package", "clippy", "doc"];
            let verb = line.split_whitespace().next()?;
            known.contains(&verb).then(|| format!("cargo {}", line.split(" #").next().unwrap()))
        })
    }

    /// Where its links to files lead.
    pub(crate) fn links(&self) -> impl Iterator<Item = &str> {
        let targets = self.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        targets.filter(|target| {
            let elsewhere = target.contains("://") || target.starts_with('#');
            // Paths of items are rustdoc's to check.
            let item = target.contains("::") || !target.contains(['.', '/']);
            !elsewhere && !item && !target.contains([' ', '\n'])
        })
    }
}

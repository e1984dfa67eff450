//! Reads the sources of all packages: their text, their code, and the paths of their own crate.

use std::path::{Path, PathBuf};

/// A file of `src/` or of `crates/*/src/`.
pub(crate) struct Source {
    /// Path relative to the sources of its package, with `/`.
    pub(crate) path: String,
    /// Name of its package: `labrum` for the program.
    pub(crate) package: String,
    /// `case` for `case/card.rs` and for `case.rs`; empty for `lib.rs` and `main.rs`.
    pub(crate) module: String,
    /// The whole text.
    pub(crate) text: String,
    /// The text without comments, strings and tests.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn is_program(&self) -> bool {
        self.package == "labrum"
    }
}

pub(crate) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut packages = vec![("labrum".to_owned(), root.join("src"))];
    for entry in std::fs::read_dir(root.join("crates")).unwrap() {
        let entry = entry.unwrap();
        packages.push((
            entry.file_name().to_string_lossy().into_owned(),
            entry.path().join("src"),
        ));
    }
    assert_eq!(packages.len(), 4);
    packages
        .iter()
        .flat_map(|(package, root)| sources_of(package, root))
        .collect()
}

fn sources_of(package: &str, root: &Path) -> Vec<Source> {
    let mut files = Vec::new();
    collect(root, &mut files);
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).unwrap();
        let parts: Vec<String> = file
            .strip_prefix(root)
            .unwrap()
            .iter()
            .map(|p| p.to_string_lossy().into_owned())
            .collect();
        let module = parts[0].trim_end_matches(".rs");
        let module = if ["lib", "main"].contains(&module) {
            ""
        } else {
            module
        };
        let (path, package, code) = (parts.join("/"), package.to_owned(), code_of(&text));
        Source {
            path,
            package,
            module: module.to_owned(),
            code,
            text,
        }
    };
    files.iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs")
            && !path.ends_with("tests.rs")
        {
            files.push(path);
        }
    }
}

/// The text without comments, strings and the tests at its end. Raw strings count as plain ones.
pub(crate) fn code_of(text: &str) -> String {
    let text = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let mut code = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '/' if rest.peek() == Some(&'/') => while rest.next_if(|c| *c != '\n').is_some() {},
            '"' => {
                while let Some(c) = rest.next().filter(|c| *c != '"') {
                    if c == '\\' {
                        rest.next();
                    }
                }
            }
            // The character literal of a quote.
            '\'' if rest.peek() == Some(&'"') => drop(rest.next()),
            '\'' if rest.peek() == Some(&'\\') => drop((rest.next(), rest.next())),
            c => code.push(c),
        }
    }
    code
}

/// All paths that a file names by `crate::` or enough `super::`, without `crate::`.
pub(crate) fn crate_paths(source: &Source) -> Vec<String> {
    let by_crate = word_starts(&source.code, "crate")
        .filter_map(|at| source.code[at..].strip_prefix("crate::"));
    let by_super = word_starts(&source.code, "super").filter_map(|at| {
        let mut path = &source.code[at..];
        for _ in 0..depth(&source.path) {
            path = path.strip_prefix("super::")?;
        }
        Some(path)
    });
    by_crate.chain(by_super).flat_map(expand).collect()
}

/// Number of `super::` from a file to the crate root.
fn depth(path: &str) -> usize {
    path.split('/').count() - usize::from(path.ends_with("/mod.rs"))
}

/// The paths of a use tree: `a::{b, c::d}` becomes `a::b` and `a::c::d`.
pub(crate) fn expand(tree: &str) -> Vec<String> {
    let end = tree
        .find(|c: char| !is_word(c) && c != ':')
        .unwrap_or(tree.len());
    let (head, rest) = tree.split_at(end);
    if !rest.starts_with('{') {
        return vec![head.to_owned()];
    }
    let mut open = 0;
    let mut branches = vec![String::new()];
    for c in rest.chars() {
        open += i32::from(c == '{') - i32::from(c == '}');
        match c {
            ',' if open == 1 => branches.push(String::new()),
            _ if open == 0 => break,
            _ => branches.last_mut().unwrap().push(c),
        }
    }
    let branches = branches
        .iter()
        .map(|branch| branch.trim_start_matches('{').trim())
        .filter(|b| !b.is_empty());
    branches
        .flat_map(expand)
        .map(|path| format!("{head}{path}"))
        .collect()
}

/// Offsets of words that begin with `word`, except within a longer path.
pub(crate) fn word_starts<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let begins = |at: &usize| !code[..*at].ends_with(|c| is_word(c) || c == ':');
    code.match_indices(word).map(|(at, _)| at).filter(begins)
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

//! What cargo cannot hold: inside a package the arrows between modules point one way. This reads the sources and fails where
//! one is broken.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

/// What each top-level module of the program may name of the others, as a beginning of the path after `crate::`. All may
/// name [`labrum_core`], and its `Error`, `ErrorKind` and `Result` as the program's own.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("io", &[]),
    ("workspace", &[]),
    ("shipped", &[]),
    ("learning", &["io", "shipped"]),
    ("session", &[]),
    ("ui", &["session"]),
    (
        "worker",
        &["io", "learning", "session", "shipped", "workspace"],
    ),
    (
        "app",
        &[
            "io",
            "learning",
            "session",
            "shipped",
            "ui",
            "worker",
            "workspace",
        ],
    ),
    (
        "cli",
        &[
            "io",
            "learning",
            "session",
            "shipped",
            "worker",
            "workspace",
        ],
    ),
];

/// Crates that only some modules of the program may name, with those whose names go on after `_`.
const ONLY_IN: &[(&str, &[&str])] = &[
    (
        "labrum_nn",
        &["learning", "shipped", "worker", "app", "cli"],
    ),
    ("labrum_dicom", &["io", "worker", "app", "cli"]),
    ("egui", &["ui", "app"]),
    ("eframe", &["ui", "app"]),
    ("rfd", &["ui", "app"]),
    ("rusqlite", &["workspace"]),
    ("ureq", &["io"]),
    ("dicom_ul", &["io"]),
    ("plotters", &["cli"]),
    ("keyring", &["io"]),
    ("zbus", &["io"]),
];

/// What `labrum-core` must not name: it reads and writes nothing and starts no thread.
const NOT_IN_CORE: &[&str] = &[
    "std::fs",
    "std::thread",
    "std::net",
    "std::process",
    "std::env",
    "rayon",
];
/// The modules of `labrum-core` that are there to read and write.
const CORE_WITH_FILES: &[&str] = &["containment", "file_bytes", "guard", "whole_file"];

/// A file of `src/` or of `crates/*/src/`.
struct Source {
    /// Path below the sources of its package, with `/`.
    path: String,
    /// Name of its package: `labrum` for the program.
    package: String,
    /// `case` for `case/card.rs` and for `case.rs`; empty for `lib.rs` and `main.rs`.
    module: String,
    /// The whole text.
    text: String,
    /// The text without comments, strings and tests.
    code: String,
}

impl Source {
    fn is_program(&self) -> bool {
        self.package == "labrum"
    }
}

#[test]
fn modules_name_only_what_lies_below_them() {
    check(|source| {
        if source.module.is_empty() || !source.is_program() {
            return Vec::new();
        }
        let Some((_, allowed)) = MAY_NAME.iter().find(|(module, _)| *module == source.module)
        else {
            return vec![format!(
                "the module `{}` is not in the table of tests/architecture.rs",
                source.module
            )];
        };
        let is_fine = |named: &String| {
            let own = starts_with_path(named, &source.module);
            let error = ["Error", "ErrorKind", "Result", "error"]
                .iter()
                .any(|e| starts_with_path(named, e));
            own || error || allowed.iter().any(|a| starts_with_path(named, a))
        };
        let broken = crate_paths(source)
            .into_iter()
            .filter(|named| !is_fine(named));
        broken
            .map(|named| format!("`{}` must not name `crate::{named}`", source.module))
            .collect()
    });
}

#[test]
fn the_network_and_the_window_stay_in_their_modules() {
    check(|source| {
        let broken = ONLY_IN
            .iter()
            .filter(|_| source.is_program())
            .filter(|(name, modules)| {
                !modules.contains(&source.module.as_str()) && names_crate(&source.code, name)
            });
        broken
            .map(|(name, modules)| format!("only {} may name `{name}`", modules.join(" and ")))
            .collect()
    });
}

#[test]
fn what_images_and_masks_are_reads_no_file_and_starts_no_thread() {
    check(|source| {
        let is_pure =
            source.package == "labrum-core" && !CORE_WITH_FILES.contains(&source.module.as_str());
        let broken = NOT_IN_CORE
            .iter()
            .filter(|name| is_pure && source.code.contains(*name));
        broken
            .map(|name| format!("`labrum-core` must not name `{name}`"))
            .collect()
    });
}

#[test]
fn nothing_decides_by_the_words_of_a_message() {
    let fields = ["tried", "reason", "advice", "text"];
    let looks = [".contains(", ".starts_with(", ".ends_with(", ".as_str() =="];
    let asked: Vec<String> = fields
        .iter()
        .flat_map(|f| looks.iter().map(move |l| format!(".{f}{l}")))
        .collect();
    check(|source| {
        let is_asked = |line: &&str| {
            asked
                .iter()
                .any(|asked| line.replace(".as_deref()", "").contains(asked.as_str()))
        };
        // Tests of messages read them.
        let is_test = source.path.split('/').any(|part| part.starts_with("tests"));
        let broken = source.code.lines().filter(|_| !is_test).filter(is_asked);
        broken
            .map(|line| {
                format!(
                    "an `ErrorKind` decides, not the text of a message: {}",
                    line.trim()
                )
            })
            .collect()
    });
}

#[test]
fn only_the_mask_writes_its_labels() {
    let mask = sources()
        .into_iter()
        .find(|source| source.package == "labrum-core" && source.path == "mask.rs")
        .unwrap();
    let fields = body_of(&mask.code, "pub struct Mask");
    assert!(
        fields.contains("labels: Vec<u8>"),
        "mask.rs holds its labels in another way now: {fields}"
    );
    let open_fields: Vec<&str> = fields.lines().filter(|line| line.contains("pub")).collect();
    assert!(
        open_fields.is_empty(),
        "mask.rs: the fields of `Mask` must stay private: {open_fields:?}"
    );
    let hands_out = mask
        .code
        .lines()
        .find(|line| line.contains("fn ") && line.contains("-> &mut"));
    assert!(
        hands_out.is_none(),
        "mask.rs: labels must not be handed out to be written: {hands_out:?}"
    );
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    check(|source| {
        let says = source
            .text
            .lines()
            .next()
            .is_some_and(|line| line.starts_with("//! ") && line.len() > 8);
        if says {
            Vec::new()
        } else {
            vec!["the first line must be `//! <what the file is for>`".to_owned()]
        }
    });
}

/// Fails with one line for each thing that `find` has to say about a file.
fn check(find: impl Fn(&Source) -> Vec<String>) {
    let say = |source: &Source| {
        find(source)
            .into_iter()
            .map(|what| format!("{} {}: {what}", source.package, source.path))
            .collect()
    };
    let broken: Vec<String> = sources()
        .iter()
        .flat_map(|source| -> Vec<String> { say(source) })
        .collect();
    assert!(
        broken.is_empty(),
        "\n{}\nSee ARCHITECTURE.md for the arrows between modules.\n",
        broken.join("\n")
    );
}

fn sources() -> Vec<Source> {
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

/// The text without comments, strings and the tests at its end. Raw strings are taken for plain ones.
fn code_of(text: &str) -> String {
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

/// All that a file names of its crate, without `crate::`: by `crate::`, or by enough `super::`.
fn crate_paths(source: &Source) -> Vec<String> {
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

/// How many `super::` lead from a file to the root of the crate.
fn depth(path: &str) -> usize {
    path.split('/').count() - usize::from(path.ends_with("/mod.rs"))
}

/// The paths of a use tree: `a::{b, c::d}` becomes `a::b` and `a::c::d`.
fn expand(tree: &str) -> Vec<String> {
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

/// True where code names a crate, or one whose name goes on after `_`.
fn names_crate(code: &str, name: &str) -> bool {
    word_starts(code, name).any(|at| {
        let word_end = code[at..]
            .find(|c| !is_word(c))
            .map_or(code.len(), |end| at + end);
        let is_it = code[at..word_end]
            .strip_prefix(name)
            .is_some_and(|more| more.is_empty() || more.starts_with('_'));
        is_it && (code[word_end..].starts_with("::") || code[..at].ends_with("use "))
    })
}

/// Where words begin that begin with `word`, parts of a longer path left out.
fn word_starts<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let begins = |at: &usize| !code[..*at].ends_with(|c| is_word(c) || c == ':');
    code.match_indices(word).map(|(at, _)| at).filter(begins)
}

fn starts_with_path(path: &str, start: &str) -> bool {
    path.strip_prefix(start)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// From a declaration to its closing brace at the start of a line.
fn body_of<'a>(code: &'a str, declaration: &str) -> &'a str {
    let body = code.split_once(declaration).map_or("", |(_, body)| body);
    body.split("\n}").next().unwrap_or_default()
}

mod the_reader {
    use super::*;

    fn paths(path: &str, code: &str) -> Vec<String> {
        let code = code_of(code);
        crate_paths(&Source {
            path: path.into(),
            package: String::new(),
            module: String::new(),
            text: String::new(),
            code,
        })
    }

    #[test]
    fn finds_paths_in_use_trees_and_expressions() {
        let code = "use crate::{Error, domain::{mask::Mask, image::{Image, Pixels}}, io};\nfn f() { crate::ui::g() }";
        let expected = [
            "Error",
            "domain::mask::Mask",
            "domain::image::Image",
            "domain::image::Pixels",
            "io",
            "ui::g",
        ];
        assert_eq!(paths("model/a.rs", code), expected);
    }

    #[test]
    fn sees_through_super() {
        assert_eq!(
            paths("domain/tools/brush.rs", "use super::super::super::io::png;"),
            ["io::png"]
        );
        assert_eq!(paths("domain/mod.rs", "use super::io;"), ["io"]);
        assert!(paths("domain/tools/brush.rs", "use super::super::mask;").is_empty());
    }

    #[test]
    fn leaves_out_comments_strings_and_tests() {
        let code = "// crate::ui\nlet a = \"crate::ui \\\" crate::io\"; let q = '\"';\n#[cfg(test)]\nmod tests {\n crate::ui";
        assert!(paths("domain/a.rs", code).is_empty());
    }

    #[test]
    fn tells_a_crate_from_a_word() {
        assert!(names_crate("use burn;", "burn") && names_crate("let d: burn_flex::Flex;", "burn"));
        assert!(!names_crate(
            "let burn = 1; burns::x(); crate::burn::x()",
            "burn"
        ));
    }
}

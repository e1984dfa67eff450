//! What cargo cannot check: inside a package, dependencies between modules point one way. The tests
//! read the sources.

#![allow(clippy::unwrap_used, clippy::panic)]

mod circles;
mod sources;

use sources::{Source, crate_paths, expand, is_word, sources, word_starts};

/// What each top-level module of the program may name, as a prefix of the path after `crate::`. All
/// may name [`labrum_core`], and its `Error`, `ErrorKind` and `Result` also as the program's own.
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

/// Crates that only some modules of the program may name; a name also covers those that continue it
/// with `_`.
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
/// The modules of `labrum-core` that may read and write.
const CORE_WITH_FILES: &[&str] = &["containment", "file_bytes", "guard", "whole_file"];

#[test]
fn modules_name_only_those_below_them() {
    check(|source| {
        if source.module.is_empty() || !source.is_program() {
            return Vec::new();
        }
        let Some((_, allowed)) = MAY_NAME.iter().find(|(module, _)| *module == source.module)
        else {
            return vec![format!(
                "the module `{}` is not in the table of tests/architecture/main.rs",
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
fn the_core_reads_no_files_and_starts_no_threads() {
    check(|source| {
        let is_pure =
            source.package == "labrum-core" && !CORE_WITH_FILES.contains(&source.module.as_str());
        let broken = NOT_IN_CORE
            .iter()
            .filter(|name| is_pure && names_path(&source.code, name));
        broken
            .map(|name| format!("`labrum-core` must not name `{name}`"))
            .collect()
    });
}

#[test]
fn no_code_depends_on_the_text_of_a_message() {
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
        // Tests may check messages.
        let is_test = source.path.split('/').any(|part| part.starts_with("tests"));
        let broken = source.code.lines().filter(|_| !is_test).filter(is_asked);
        broken
            .map(|line| {
                format!(
                    "check the `ErrorKind`, not the text of a message: {}",
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
        "mask.rs now stores its labels in another way: {fields}"
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
        "mask.rs: no function may return a mutable reference: {hands_out:?}"
    );
}

#[test]
fn every_file_begins_with_its_purpose() {
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

/// Fails with one line for each violation that `find` reports in a file.
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

/// True if code names a crate, or one that continues its name with `_`.
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

/// True if code names a path, or one that continues it, also within a `use` of several.
fn names_path(code: &str, path: &str) -> bool {
    let root = path.split("::").next().unwrap_or_default();
    word_starts(code, root)
        .flat_map(|at| expand(&code[at..]))
        .any(|named| starts_with_path(&named, path))
}

fn starts_with_path(path: &str, start: &str) -> bool {
    path.strip_prefix(start)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// From a declaration to its closing brace at the start of a line.
fn body_of<'a>(code: &'a str, declaration: &str) -> &'a str {
    let body = code.split_once(declaration).map_or("", |(_, body)| body);
    body.split("\n}").next().unwrap_or_default()
}

mod the_reader {
    use super::{sources::code_of, *};

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
    fn finds_a_path_within_a_use_of_several() {
        let code = "use std::{\n    collections::HashMap,\n    fs::{self, File},\n};";
        assert!(names_path(code, "std::fs") && names_path("std::fs::read(a)", "std::fs"));
        assert!(names_path("use rayon::prelude::*;", "rayon"));
        assert!(!names_path("use std::{fmt, io};", "std::fs"));
    }

    #[test]
    fn distinguishes_a_crate_from_a_word() {
        assert!(names_crate("use burn;", "burn") && names_crate("let d: burn_flex::Flex;", "burn"));
        assert!(!names_crate(
            "let burn = 1; burns::x(); crate::burn::x()",
            "burn"
        ));
    }
}

//! The dependencies are compiled once: running, testing, linting, benchmarking and fuzzing request
//! the same features of them.
//!
//! If one of them requests more, cargo compiles that dependency and its dependents again; for those
//! of the network this takes twenty minutes.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

/// Each package with its feature sets, as cargo would build it for `arguments`; a package that
/// build scripts use with other features has two sets.
fn features(arguments: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree", "--locked", "--prefix", "none", "--format", "{p}|{f}",
        ])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let mut features = BTreeMap::<String, BTreeSet<String>>::new();
    for (package, of_it) in text.lines().filter_map(|line| line.split_once('|')) {
        // cargo marks a repeated package with a star.
        features
            .entry(package.to_owned())
            .or_default()
            .insert(of_it.trim_end_matches(" (*)").to_owned());
    }
    features
}

/// The program's dependencies that `arguments` would build with other features, one line each.
fn feature_differences(arguments: &[&str]) -> Vec<String> {
    let program = features(&["--edges", "normal,build"]);
    assert!(
        program.len() > 100,
        "cargo tree lists only {} packages",
        program.len()
    );
    let other = features(arguments);
    let parted = program.iter().filter_map(|(package, of_it)| {
        let of_other = other.get(package)?;
        (of_it != of_other).then(|| format!("{package}: {of_it:?} and {of_other:?}"))
    });
    parted.collect()
}

#[test]
fn tests_and_benches_request_the_same_features_as_the_program() {
    let parted = feature_differences(&["--edges", "normal,build,dev"]);
    assert!(
        parted.is_empty(),
        "would be compiled twice, for the program and for its tests:\n{}",
        parted.join("\n")
    );
}

#[test]
fn fuzz_targets_request_the_same_features_as_the_program() {
    let parted = feature_differences(&["--package", "labrum-fuzz", "--edges", "normal,build"]);
    assert!(
        parted.is_empty(),
        "would be compiled twice, for the program and for fuzzing:\n{}",
        parted.join("\n")
    );
}

/// Names of all dependencies of a package.
fn dependencies_of(package: &str) -> Vec<String> {
    let of_it = features(&["--package", package, "--edges", "normal,build"]);
    of_it
        .keys()
        .map(|name| name.split(' ').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn the_network_needs_no_window_and_no_files_and_dicom_no_network() {
    let is_under = |package: &str, beginning: &str| {
        dependencies_of(package)
            .into_iter()
            .filter(|name| name != package)
            .find(|name| name.starts_with(beginning))
    };
    for beginning in ["egui", "eframe", "rusqlite", "dicom", "labrum-dicom"] {
        assert_eq!(is_under("labrum-nn", beginning), None);
    }
    for beginning in ["burn", "cubecl", "wgpu", "labrum-nn"] {
        assert_eq!(is_under("labrum-dicom", beginning), None);
    }
    for beginning in ["labrum-", "egui", "burn", "dicom"] {
        assert_eq!(is_under("labrum-core", beginning), None);
    }
}

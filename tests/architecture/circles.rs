//! Files of a package must not depend on each other in a cycle, except a module and its submodules:
//! a file can then be understood from those below it.

use crate::sources::{Source, expand, sources, word_starts};
use std::collections::{BTreeMap, BTreeSet};

/// Path of a module from the crate root.
type ModulePath = Vec<String>;

#[test]
fn files_do_not_depend_on_each_other_in_a_cycle() {
    let mut packages: BTreeMap<String, Vec<Source>> = BTreeMap::new();
    for source in sources() {
        packages
            .entry(source.package.clone())
            .or_default()
            .push(source);
    }
    let circles: Vec<String> = packages
        .iter()
        .flat_map(|(package, sources)| {
            arrows_in_cycles(arrows(sources))
                .into_iter()
                .map(move |(from, to)| format!("{package}: {from} names {to}"))
        })
        .collect();
    assert!(
        circles.is_empty(),
        "these arrows are part of a cycle, or lead from one cycle to another:\n{}\nMove what both need below both.",
        circles.join("\n")
    );
}

/// The modules that each module names, without its submodules and parents.
fn arrows(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let modules: BTreeSet<ModulePath> = sources.iter().map(module_path).collect();
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources {
        let own = module_path(source);
        for named in named_paths(source, &own) {
            let Some(to) = longest_module(&named, &modules) else {
                continue;
            };
            let is_relative = to.starts_with(&own) || own.starts_with(&to);
            if !is_relative {
                arrows
                    .entry(own.join("::"))
                    .or_default()
                    .insert(to.join("::"));
            }
        }
    }
    arrows
}

/// Removes modules without incoming or outgoing arrows until none is left: only cycles and the
/// arrows between them remain.
fn arrows_in_cycles(mut arrows: BTreeMap<String, BTreeSet<String>>) -> Vec<(String, String)> {
    loop {
        let before: usize = arrows.values().map(BTreeSet::len).sum();
        let starts: BTreeSet<String> = arrows
            .iter()
            .filter(|(_, to)| !to.is_empty())
            .map(|(from, _)| from.clone())
            .collect();
        let ends: BTreeSet<String> = arrows.values().flatten().cloned().collect();
        arrows.retain(|from, _| ends.contains(from));
        for to in arrows.values_mut() {
            to.retain(|to| starts.contains(to));
        }
        if arrows.values().map(BTreeSet::len).sum::<usize>() == before {
            break;
        }
    }
    arrows
        .into_iter()
        .flat_map(|(from, to)| to.into_iter().map(move |to| (from.clone(), to)))
        .collect()
}

/// `a::b` for `a/b.rs` and `a/b/mod.rs`, empty for the crate root.
fn module_path(source: &Source) -> ModulePath {
    let mut path: ModulePath = source
        .path
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    let is_root = path.len() == 1 && ["lib", "main"].contains(&path[0].as_str());
    if is_root || path.last().is_some_and(|last| last == "mod") {
        path.pop();
    }
    path
}

/// All paths that begin with `crate` or `super`, seen from the crate root.
fn named_paths(source: &Source, own: &[String]) -> Vec<ModulePath> {
    let mut named = Vec::new();
    for at in word_starts(&source.code, "crate") {
        if let Some(path) = source.code[at..].strip_prefix("crate::") {
            named.extend(expand(path).iter().map(|path| parts(path)));
        }
    }
    for at in word_starts(&source.code, "super") {
        let mut path = &source.code[at..];
        let mut base = own;
        while let Some(rest) = path.strip_prefix("super::") {
            path = rest;
            base = base.split_last().map_or(base, |(_, above)| above);
        }
        named.extend(expand(path).iter().map(|path| {
            let mut whole = base.to_vec();
            whole.extend(parts(path));
            whole
        }));
    }
    named
}

fn parts(path: &str) -> ModulePath {
    path.split("::").map(str::to_owned).collect()
}

fn longest_module(path: &[String], modules: &BTreeSet<ModulePath>) -> Option<ModulePath> {
    (1..=path.len())
        .rev()
        .map(|length| path[..length].to_vec())
        .find(|module| modules.contains(module))
}

#[test]
fn a_cycle_is_found_without_what_leads_to_it() {
    let arrow = |from: &str, to: &str| (from.to_owned(), BTreeSet::from([to.to_owned()]));
    let arrows = BTreeMap::from([
        arrow("a", "b"),
        arrow("b", "c"),
        arrow("c", "b"),
        arrow("d", "e"),
    ]);
    let found = arrows_in_cycles(arrows);
    assert_eq!(
        found,
        [("b", "c"), ("c", "b")].map(|(from, to)| (from.to_owned(), to.to_owned()))
    );
}

//! Large series: time until they are listed and until the first image, time per scrolled slice, and
//! the memory for scrolling through all slices.
//!
//! `cargo bench --bench series -- [SLICES] [MEGABYTES]`

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../tests/series/editor.rs"]
mod editor;
#[path = "../tests/series/generator.rs"]
mod generator;

use editor::{Editor, memory};
use generator::Wanted;
use labrum::{
    io,
    session::{Action, command::UserCommand, ortho::OrthoAction, settings::Settings},
};
use labrum_core::{progress::Cancel, stack::ViewPlane};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// The program's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let slices = numbers.first().copied().unwrap_or(1000);
    let limit = numbers.get(1).copied().unwrap_or(300);
    let folder = tempfile::tempdir().unwrap();
    let scans = folder.path().join("scans");
    generator::write(
        &scans,
        Wanted {
            slices,
            side: 512,
            gap: 1.0,
        },
    )
    .unwrap();

    let begun = Instant::now();
    let paths = [scans.clone()];
    let catalog = io::open::read_catalog(&paths, &mut |_| {}, &Cancel::default()).unwrap();
    let found: usize = catalog
        .studies
        .iter()
        .flat_map(|s| &s.series)
        .map(|s| s.slices.len())
        .sum();
    say(
        "listed",
        &format!("{found} files in {:.0} ms", ms(begun.elapsed())),
    );
    drop(catalog);

    let settings = Settings {
        memory_mb: limit,
        ..Settings::default()
    };
    say(
        "limit",
        &format!(
            "{limit} MB, {} MB of it for pictures",
            settings.picture_bytes() / 1_000_000
        ),
    );
    let begun = Instant::now();
    let mut editor = Editor::open(folder.path(), &scans, settings);
    editor.until(|s| s.current_loaded().is_some());
    say(
        "first picture",
        &format!("after {:.0} ms", ms(begun.elapsed())),
    );

    editor.act(Action::SetSlice(0));
    editor.until(|s| s.current_loaded().is_some());
    for (name, pause) in [
        ("wheel, 60 slices a second", 16),
        ("wheel, as fast as slices come", 0),
    ] {
        scroll(&mut editor, name, slices, Duration::from_millis(pause));
    }
    if let Some((now, peak)) = memory() {
        say(
            "memory of this process",
            &format!("{now:.0} MB, at the most {peak:.0} MB"),
        );
    }
    views(folder.path(), &scans);
}

/// Scrolls from the first slice to the last and measures the wait for each image.
fn scroll(editor: &mut Editor, name: &str, slices: usize, pause: Duration) {
    editor.act(Action::SetSlice(0));
    editor.until(|s| s.current_loaded().is_some());
    let mut waits = Vec::new();
    let begun = Instant::now();
    for slice in 1..slices {
        let turned = Instant::now();
        editor.act(Action::SetSlice(slice));
        editor.until(|s| s.current_loaded().is_some());
        waits.push(ms(turned.elapsed()));
        while turned.elapsed() < pause {
            editor.turn();
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let each = ms(begun.elapsed()) / waits.len() as f64;
    say(
        name,
        &format!("{}; {each:.1} ms for each slice", spread(waits)),
    );
}

/// The orthogonal views, with as many slices as fit into the default memory limit.
fn views(folder: &Path, scans: &Path) {
    let mut editor = Editor::open(folder, scans, Settings::default());
    editor.until(|s| s.current_loaded().is_some());
    editor.act(Action::Command(UserCommand::ToggleOrtho));
    if let Some(reason) = editor.session.viewports.ortho_refusal() {
        return say("orthogonal views", reason);
    }
    let count = editor.session.cases.current_case().unwrap().slices.len();
    let took = editor.until(|s| s.viewports.ortho_views().is_some_and(|o| o.loaded == count));
    say(
        "orthogonal views",
        &format!("all {count} slices after {:.0} ms", ms(took)),
    );
    for plane in [ViewPlane::Column, ViewPlane::Row] {
        let mut waits = Vec::new();
        for _ in 0..50 {
            let before = editor
                .session
                .viewports
                .ortho_views()
                .and_then(|o| o.across(plane)?.image.clone());
            let begun = Instant::now();
            editor.act(Action::Ortho(OrthoAction::Scroll(plane, 1)));
            editor.until(|s| {
                let image = s
                    .viewports
                    .ortho_views()
                    .and_then(|o| o.across(plane)?.image.as_ref());
                image
                    .zip(before.as_ref())
                    .is_none_or(|(a, b)| !std::sync::Arc::ptr_eq(a, b))
            });
            waits.push(ms(begun.elapsed()));
        }
        let name = editor
            .session
            .viewports
            .ortho_views()
            .and_then(|o| Some(o.across(plane)?.pane.name.clone()))
            .unwrap_or_default();
        say(
            &format!("{}, one step", name.to_lowercase()),
            &spread(waits),
        );
    }
    if let Some((now, peak)) = memory() {
        say(
            "memory of this process",
            &format!("{now:.0} MB, at the most {peak:.0} MB"),
        );
    }
}

fn say(what: &str, figures: &str) {
    println!("{what:<32} {figures}");
}

fn spread(mut waits: Vec<f64>) -> String {
    waits.sort_by(f64::total_cmp);
    let at = |q: f64| waits[((waits.len() - 1) as f64 * q) as usize];
    format!(
        "median {:.1} ms, 99 % {:.1} ms, longest {:.1} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    )
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

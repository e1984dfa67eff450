//! The learning loop on synthetic images: bright discs on noise, and dark bars. Small, but with the
//! real network, promotion gate and files.

#![allow(clippy::unwrap_used, clippy::panic)]

mod click_rounds;
mod clicks;
mod command_line;
mod rounds;

use image::GrayImage;
use labrum_core::{
    holdout::Side,
    journal::CaseKey,
    learning::SnapshotSlice,
    mask::{Mask, PackedMask},
    study::{Kind, Source},
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use std::path::Path;

const SIDE: u32 = 64;

/// What is segmented in an image.
#[derive(Clone, Copy, PartialEq)]
enum Task {
    /// A bright disc, label 1.
    Disc,
    /// A dark bar, label 2, on stripes.
    Bar,
}

/// A case with a synthetic image, written to `folder`, and its mask.
fn synthetic_case(folder: &Path, task: Task, number: u64, side: Side) -> SnapshotSlice {
    let mut rng = SmallRng::seed_from_u64(number * 2 + u64::from(task == Task::Bar));
    let [x, y] = [(); 2].map(|()| rng.random_range(20.0..44.0));
    let radius: f64 = rng.random_range(9.0..16.0);
    let inside = |px: u32, py: u32| {
        let (dx, dy) = (f64::from(px) - x, f64::from(py) - y);
        match task {
            Task::Disc => dx.hypot(dy) < radius,
            Task::Bar => dx.abs() < 1.3 * radius && dy.abs() < 0.5 * radius,
        }
    };
    let picture = GrayImage::from_fn(SIDE, SIDE, |px, py| {
        let level = match (task, inside(px, py)) {
            (Task::Disc, true) => 150.0,
            (Task::Disc, false) => 70.0,
            (Task::Bar, true) => 40.0,
            (Task::Bar, false) => 120.0 + 60.0 * (f64::from(px) * 0.9).sin(),
        };
        image::Luma([(level + rng.random_range(-35.0..35.0)) as u8])
    });
    let name = format!(
        "{}-{number}",
        if task == Task::Disc { "disc" } else { "bar" }
    );
    let path = folder.join(format!("{name}.png"));
    picture.save(&path).unwrap();
    let label = if task == Task::Disc { 1 } else { 2 };
    let labels = (0..SIDE * SIDE)
        .map(|i| if inside(i % SIDE, i / SIDE) { label } else { 0 })
        .collect();
    SnapshotSlice {
        case: CaseKey(number as i64 + if task == Task::Bar { 1000 } else { 0 }),
        name,
        modality: String::new(),
        source: Source { path, frame: 0 },
        kind: Kind::Picture,
        subject: number.to_string(),
        side,
        mask: packed(labels),
        before: None,
        is_untouched: false,
        is_new: true,
        prompted: Vec::new(),
    }
}

fn packed(labels: Vec<u8>) -> PackedMask {
    PackedMask::from_mask(&Mask::from_labels(SIDE as usize, SIDE as usize, labels).unwrap())
}

/// Training cases; every fourth case is in the hold-out set.
fn snapshot(folder: &Path, task: Task, numbers: std::ops::Range<u64>) -> Vec<SnapshotSlice> {
    let side = |n: u64| {
        if n % 4 == 3 {
            Side::HoldOut
        } else {
            Side::Training
        }
    };
    numbers
        .map(|n| synthetic_case(folder, task, n, side(n)))
        .collect()
}

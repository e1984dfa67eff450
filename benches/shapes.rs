//! Time for the geometry of the tools: brush, polygon, fill, grow, smooth, interpolation.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use labrum_core::{
    mask::{Mask, Rule},
    region::Region,
    tools::{
        fill::connected_label, interpolate::between_masks, morphology, polygon::rasterize_polygon,
        stroke,
    },
};
use std::{f64::consts::TAU, hint::black_box};

const SIDE: usize = 2048;

/// One move of the pointer: the shape, and painting it into the mask; the label changes with each
/// turn around the image.
fn brush(c: &mut Criterion) {
    let mut mask = Mask::new_blank(SIDE, SIDE);
    let mut step = 0u32;
    c.bench_function("brush move, radius 40, 2048x2048", |b| {
        b.iter(|| {
            step += 1;
            let (sin, cos) = (f64::from(step) * 0.02).sin_cos();
            let from = [1024.0 + 700.0 * cos, 1024.0 + 700.0 * sin];
            let shape = stroke::capsule_region(
                from,
                [from[0] - 14.0 * sin, from[1] + 14.0 * cos],
                [40.0; 2],
                SIDE,
                SIDE,
            );
            mask.paint_region(&shape, (step / 315 % 3) as u8, &Rule::FREE)
        });
    });
}

/// A lasso of 4000 points with a wavy outline that fills a square of this side.
fn lasso(side: f64) -> Vec<[f64; 2]> {
    let point = |i: u32| {
        let angle = f64::from(i) * TAU / 4000.0;
        let radius = side * (0.46 + 0.04 * (40.0 * angle).sin());
        [
            side * 0.5 + radius * angle.cos(),
            side * 0.5 + radius * angle.sin(),
        ]
    };
    (0..4000).map(point).collect()
}

fn polygons(c: &mut Criterion) {
    for side in [500usize, 2500] {
        let points = lasso(side as f64);
        let paint = |mut mask: Mask| {
            let edit = mask.paint_region(&rasterize_polygon(&points, side, side), 1, &Rule::FREE);
            (mask, edit)
        };
        let name = format!("polygon fill, {side}x{side}");
        c.bench_function(&name, |b| {
            b.iter_batched(|| Mask::new_blank(side, side), paint, BatchSize::LargeInput)
        });
        let mut drawn = Mask::new_blank(side, side);
        for (i, y) in (0..side).step_by(50).enumerate() {
            let middle = [side as f64 * 0.5, y as f64];
            let band = stroke::capsule_region([0.0, y as f64], middle, [20.0; 2], side, side);
            drawn.paint_region(&band, (i % 3) as u8, &Rule::FREE);
        }
        let name = format!("polygon fill over labels, {side}x{side}");
        c.bench_function(&name, |b| {
            b.iter_batched(|| drawn.clone(), paint, BatchSize::LargeInput)
        });
    }
}

fn fill(c: &mut Criterion) {
    let mut mask = Mask::new_blank(SIDE, SIDE);
    mask.paint_region(
        &stroke::disc_region([1024.0; 2], [900.0; 2], SIDE, SIDE),
        1,
        &Rule::FREE,
    );
    mask.paint_region(
        &stroke::disc_region([1024.0; 2], [300.0; 2], SIDE, SIDE),
        0,
        &Rule::FREE,
    );
    c.bench_function("connected fill of a ring, 2048x2048", |b| {
        b.iter(|| connected_label(&mask, (1024, 200)))
    });
    let blank = Mask::new_blank(SIDE, SIDE);
    c.bench_function("connected fill of all, 2048x2048", |b| {
        b.iter(|| connected_label(&blank, (1024, 200)))
    });
}

fn grow_shrink_smooth(c: &mut Criterion) {
    let disc = stroke::disc_region([1024.0; 2], [250.0; 2], SIDE, SIDE);
    type Change = fn(&Region, [f64; 2], usize, usize) -> Region;
    let changes: [(&str, Change); 3] = [
        ("grow", morphology::dilate_region),
        ("shrink", morphology::erode_region),
        ("smooth", morphology::smooth_region),
    ];
    for (name, change) in changes {
        let name = format!("{name} by 5, disc of 500");
        c.bench_function(&name, |b| {
            b.iter(|| change(black_box(&disc), [5.0; 2], SIDE, SIDE))
        });
    }
}

fn interpolation(c: &mut Criterion) {
    let mask = |shift: f64| {
        let mut mask = Mask::new_blank(512, 512);
        for (label, x) in [(1, 150.0), (2, 330.0)] {
            let disc = stroke::disc_region([x + shift, 256.0], [90.0 + shift, 130.0], 512, 512);
            mask.paint_region(&disc, label, &Rule::FREE);
        }
        mask
    };
    let (a, b) = (mask(0.0), mask(12.0));
    c.bench_function("interpolation, two labels, 512x512", |bench| {
        bench.iter(|| between_masks(black_box(&a), &b, 0.4, [0.8, 0.7]));
    });
}

criterion_group!(
    benches,
    brush,
    polygons,
    fill,
    grow_shrink_smooth,
    interpolation
);
criterion_main!(benches);

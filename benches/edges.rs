//! Tools that follow edges, on a noisy image of 2048 x 2048: the cost of a mouse move.

use criterion::{Criterion, criterion_group, criterion_main};
use labrum_core::{
    image::{Image, Pixels, Window},
    region::{PixelRect, Region},
    tools::{live_wire::Wire, pull::pull_label, smart_brush::smart_disc},
};
use std::{hint::black_box, sync::Arc};

const SIDE: usize = 2048;

/// Dark discs, 512 pixels apart, with noise.
fn picture() -> Image {
    let mut state = 88_172_645_463_325_252u64;
    let mut value = |i: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let away = |at: usize| (at % 512) as f64 - 256.0;
        let level = if away(i % SIDE).hypot(away(i / SIDE)) < 180.0 {
            900
        } else {
            1100
        };
        level + (state % 120) as i16
    };
    let values = (0..SIDE * SIDE).map(&mut value).collect();
    let Some(image) = Image::new(SIDE, SIDE, Pixels::I16(values)) else {
        unreachable!("as many values as pixels")
    };
    image
}

fn smart_brush(c: &mut Criterion) {
    let image = picture();
    for radius in [15.0, 40.0, 150.0] {
        let name = format!("smart brush: radius {radius}");
        c.bench_function(&name, |b| {
            b.iter(|| smart_disc(&image, black_box([1180.0, 1280.0]), [radius; 2], 0.5))
        });
    }
}

fn live_wire(c: &mut Criterion) {
    let image = Arc::new(picture());
    let window = Window::from_range(800.0, 1300.0);
    c.bench_function("live wire: made", |b| {
        b.iter(|| Wire::new(Arc::clone(&image), window))
    });
    let seed = [1460.0, 1280.0];
    // A quarter of the way around a disc's edge, and as far away where no edge leads.
    for (name, target) in [
        ("along an edge", [1280.0, 1460.0]),
        ("across", [1672.0, 1493.0]),
    ] {
        let mut wire = Wire::new(Arc::clone(&image), window);
        wire.path_to(target);
        c.bench_function(&format!("live wire: first path, 300 pixels {name}"), |b| {
            b.iter(|| {
                wire.start_at(black_box(seed));
                wire.path_to(target)
            })
        });
        c.bench_function(
            &format!("live wire: first path and costs, 300 pixels {name}"),
            |b| {
                b.iter_batched(
                    || Wire::new(Arc::clone(&image), window),
                    |mut wire| {
                        wire.start_at(black_box(seed));
                        wire.path_to(target)
                    },
                    criterion::BatchSize::LargeInput,
                )
            },
        );
        // Each move goes some pixels further; every 40th starts again.
        let mut moves = 0;
        wire.start_at(seed);
        wire.path_to(target);
        c.bench_function(&format!("live wire: a move, 300 pixels {name}"), |b| {
            b.iter(|| {
                moves = (moves + 1) % 40;
                if moves == 0 {
                    wire.start_at(seed);
                    wire.path_to(target);
                }
                wire.path_to([
                    target[0] + 2.0 * f64::from(moves),
                    target[1] + f64::from(moves),
                ])
            })
        });
    }
}

fn pull(c: &mut Criterion) {
    let inside = |x: usize, y: usize| (x as f64 - 1024.0).hypot(y as f64 - 1024.0) < 400.0;
    let label = Region::from_fn(&PixelRect::full_frame(SIDE, SIDE), inside);
    c.bench_function("pull: reach 60, by 50 pixels", |b| {
        b.iter(|| {
            pull_label(
                &label,
                black_box([1424.0, 1024.0]),
                [1464.0, 1054.0],
                [60.0; 2],
                SIDE,
                SIDE,
            )
        })
    });
}

criterion_group!(benches, smart_brush, live_wire, pull);
criterion_main!(benches);

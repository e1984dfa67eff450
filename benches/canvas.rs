//! Time for a canvas frame on the CPU, and for the update after a brush stroke on the CPU and on a
//! graphics card.
#![allow(clippy::unwrap_used)]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use eframe::{egui_wgpu::RendererOptions, wgpu};
use egui_kittest::wgpu::{create_render_state, default_wgpu_setup};
use labrum::{
    session::{job::SliceKey, live::Live, view::ViewPlacement},
    ui::{
        gpu::Gpu,
        look::{CanvasLook, GreyLevels, LabelLayers, Scene},
        raster::{Area, Raster},
    },
};
use labrum_core::{
    image::{Image, Pixels, Window},
    label::Label,
    mask::{Mask, Rule},
    region::{PixelRect, Region},
};
use std::{hint::black_box, sync::Arc};

const SIDE: usize = 2048;
const AREA: Area = Area {
    min: [0, 0],
    size: [1280, 800],
};
const FIT: f32 = 784.0 / SIDE as f32;

/// A 16-bit slice with two large labels.
fn slice() -> (Arc<Image>, Live) {
    let values = (0..SIDE * SIDE).map(|i| {
        ((i % SIDE) as f64 / 31.0)
            .sin()
            .mul_add(400.0, (i % 977) as f64) as i16
    });
    let image = Arc::new(Image::new(SIDE, SIDE, Pixels::I16(values.collect())).unwrap());
    let disc =
        |i: usize, x: f64, r: f64| ((i % SIDE) as f64 - x).hypot((i / SIDE) as f64 - 1000.0) < r;
    let label = |i: usize| {
        if disc(i, 800.0, 500.0) {
            1
        } else {
            2 * u8::from(disc(i, 1500.0, 300.0))
        }
    };
    let mask = Mask::from_labels(SIDE, SIDE, (0..SIDE * SIDE).map(label).collect()).unwrap();
    (image, Live::new(SliceKey { case: 0, slice: 0 }, mask))
}

fn look(image: &Image, scale: f32, center: f32) -> CanvasLook {
    let origin = [640.0 - center * scale, 400.0 - center * scale];
    let placement = ViewPlacement::upright([scale; 2], origin);
    let labels: Vec<Label> = (0..2).map(|i| Label::with_name("Label", i)).collect();
    let levels = GreyLevels::from_image(image, Window::new(300.0, 1500.0), false);
    CanvasLook::new(placement, 1.0, levels).with_labels(LabelLayers::Fill, &labels, &[], 0.35)
}

/// A brush of radius 40 at the edge of the first label; every second stroke erases the one before.
fn stroke(live: &mut Live, step: usize) {
    let (x, y) = (1290 + step / 2 % 20, 1000 + step / 2 % 50);
    let window = PixelRect {
        columns: x - 41..x + 42,
        rows: y - 41..y + 42,
    };
    let disc = Region::from_fn(&window, |c, r| {
        (c as f64 - x as f64).hypot(r as f64 - y as f64) < 40.0
    });
    let label = u8::from(step.is_multiple_of(2));
    live.edit_mask(|mask| mask.paint_region(&disc, label, &Rule::FREE));
}

fn scene<'a>(image: &'a Arc<Image>, live: &'a Live, look: &'a CanvasLook) -> Scene<'a> {
    Scene {
        image,
        labels: Some(live),
        reference: None,
        preview: None,
        look,
    }
}

fn on_cpu(c: &mut Criterion) {
    let (image, mut live) = slice();
    for (name, scale) in [
        ("fitted", FIT),
        ("1 to 1", 1.0),
        ("3 to 1", 3.0),
        ("8 to 1", 8.0),
    ] {
        let look = look(&image, scale, 1000.0);
        c.bench_function(&format!("frame of 1280x800 on the CPU, {name}"), |b| {
            let with_window =
                |mut raster: Raster| raster.repaint_changes(&scene(&image, &live, &look), AREA);
            b.iter_batched(
                Raster::default,
                |raster| black_box(with_window(raster)),
                BatchSize::LargeInput,
            );
        });
    }
    for (name, scale) in [("fitted", FIT), ("1 to 1", 1.0), ("3 to 1", 3.0)] {
        let look = look(&image, scale, 1290.0);
        let mut raster = Raster::default();
        raster.repaint_changes(&scene(&image, &live, &look), AREA);
        let mut step = 0;
        c.bench_function(&format!("brush of radius 40 on the CPU, {name}"), |b| {
            b.iter(|| {
                stroke(&mut live, step);
                step += 1;
                black_box(raster.repaint_changes(&scene(&image, &live, &look), AREA))
            });
        });
    }
}

fn on_card(c: &mut Criterion) {
    let instance = wgpu::Instance::default();
    if std::env::var_os("LABRUM_NO_ADAPTER").is_some() || has_no_adapter(&instance) {
        println!("there is no graphics adapter: its benchmarks are left out");
        return;
    }
    let state = create_render_state(default_wgpu_setup(), RendererOptions::default());
    println!("graphics adapter: {}", state.adapter.get_info().name);
    let (image, mut live) = slice();
    let look = look(&image, 1.0, 1290.0);
    let mut gpu = Gpu::new(&state);
    gpu.upload_scene(&scene(&image, &live, &look));
    let mut step = 0;
    c.bench_function("brush of radius 40 on the card: upload and submit", |b| {
        b.iter(|| {
            stroke(&mut live, step);
            step += 1;
            gpu.upload_scene(&scene(&image, &live, &look));
            state.queue.submit([]);
        });
    });
    c.bench_function("another image of 2048x2048 on the card: upload", |b| {
        b.iter_batched(
            || {
                // Finish the previous upload.
                state.queue.submit([]);
                state
                    .device
                    .poll(wgpu::PollType::wait_indefinitely())
                    .unwrap();
                Arc::new((*image).clone())
            },
            |other| {
                gpu.upload_scene(&scene(&other, &live, &look));
                other
            },
            BatchSize::PerIteration,
        );
    });
}

fn has_no_adapter(instance: &wgpu::Instance) -> bool {
    let looking = instance.enumerate_adapters(wgpu::Backends::all());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(looking).poll(&mut context) {
        std::task::Poll::Ready(adapters) => adapters.is_empty(),
        std::task::Poll::Pending => true,
    }
}

use std::future::Future as _;

criterion_group!(benches, on_cpu, on_card);
criterion_main!(benches);

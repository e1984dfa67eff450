//! The shader compared with the CPU renderer, on any graphics adapter.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    session::{live::Live, turn::Turn},
    ui::{
        look::{CanvasLook, GreyLevels, LabelLayers as Shown},
        raster::{Area, Raster, fixture::*},
    },
};
use egui_kittest::wgpu::{create_render_state, default_wgpu_setup};
use labrum_core::{
    color_map::ColorMap,
    image::{Contrast, Image, Pixels, VoiFunction, VoiLut, Window},
    mask::Rule,
    region::Region,
};
use std::sync::Arc;

const SIZE: [usize; 2] = [320, 240];

fn state() -> RenderState {
    create_render_state(
        default_wgpu_setup(),
        eframe::egui_wgpu::RendererOptions::default(),
    )
}

/// The upper left corner of the screen as painted by the GPU, RGBA.
fn draw(gpu: &Gpu, state: &RenderState) -> Vec<u8> {
    let size = wgpu::Extent3d {
        width: SIZE[0] as u32,
        height: SIZE[1] as u32,
        depth_or_array_layers: 1,
    };
    let target = state.device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: state.target_format,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let view = target.create_view(&wgpu::TextureViewDescriptor::default());
    let mut encoder = state
        .device
        .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    {
        let ops = wgpu::Operations {
            load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
            store: wgpu::StoreOp::Store,
        };
        let attachment = wgpu::RenderPassColorAttachment {
            view: &view,
            resolve_target: None,
            ops,
            depth_slice: None,
        };
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(attachment)],
            ..Default::default()
        });
        gpu.draw_into_pass(&mut pass);
    }
    // Rows of 320 pixels meet the alignment of copies.
    let bytes_per_row = SIZE[0] as u32 * 4;
    let buffer = state.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: u64::from(bytes_per_row) * SIZE[1] as u64,
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    let layout = wgpu::TexelCopyBufferLayout {
        offset: 0,
        bytes_per_row: Some(bytes_per_row),
        rows_per_image: None,
    };
    let into = wgpu::TexelCopyBufferInfo {
        buffer: &buffer,
        layout,
    };
    encoder.copy_texture_to_buffer(target.as_image_copy(), into, size);
    state.queue.submit([encoder.finish()]);
    buffer
        .slice(..)
        .map_async(wgpu::MapMode::Read, |mapped| mapped.unwrap());
    state
        .device
        .poll(wgpu::PollType::wait_indefinitely())
        .unwrap();
    let mut bytes = buffer.slice(..).get_mapped_range().unwrap().to_vec();
    if state.target_format == wgpu::TextureFormat::Bgra8Unorm {
        bytes.chunks_exact_mut(4).for_each(|pixel| pixel.swap(0, 2));
    }
    bytes
}

/// Fails unless the two images agree within 2 levels on 99.9 % of the pixels.
fn compare(gpu: &mut Gpu, state: &RenderState, scene: &Scene<'_>, what: &str) {
    gpu.upload_scene(scene);
    let drawn = draw(gpu, state);
    let (_, painted) = Raster::default()
        .repaint_changes(
            scene,
            Area {
                min: [0, 0],
                size: SIZE,
            },
        )
        .unwrap();
    let off = |(a, b): (&[u8], &egui::Color32)| (0..3).any(|c| a[c].abs_diff(b[c]) > 2);
    let different = drawn
        .chunks_exact(4)
        .zip(&painted)
        .filter(|pair| off(*pair))
        .count();
    assert!(
        different * 1000 <= painted.len(),
        "{what}: {different} of {} pixels differ",
        painted.len()
    );
    assert!(
        painted.iter().any(|p| *p != painted[0]),
        "{what}: nothing is painted"
    );
}

#[test]
#[ignore = "needs a graphics adapter"]
fn the_gpu_and_the_cpu_paint_the_same() {
    let (columns, rows) = (150, 120);
    let state = state();
    let mut gpu = Gpu::new(&state);
    let image = test_picture(columns, rows);
    let live = live_mask(columns, rows, test_labels(columns, rows));
    let (reference, brush) = (moved_labels(columns, rows), brush_region(columns, rows));
    for scale in [
        [0.07, 0.07],
        [0.4, 0.5],
        [0.9, 0.9],
        [1.0, 1.0],
        [1.3, 1.7],
        [2.4, 2.4],
        [5.0, 5.0],
        [7.0, 9.0],
        [30.0, 30.0],
    ] {
        for layers in [
            Shown::Nothing,
            Shown::Fill,
            Shown::Outline,
            Shown::Difference,
        ] {
            for preview in [None, Some(&brush)] {
                let all = usual_look(&image, scale, layers);
                let mut one_hidden = all.clone();
                one_hidden.labels[2][3] = -1.0;
                let faded = all.clone().with_faded_labels(0.5);
                for look in [&all, &one_hidden, &faded] {
                    let labels = (layers != Shown::Nothing).then_some(&live);
                    let reference = (layers == Shown::Difference).then_some(&reference);
                    let scene = Scene {
                        image: &image,
                        labels,
                        reference,
                        preview,
                        look,
                    };
                    let what = format!(
                        "{layers:?} at {scale:?}, preview {}, {}",
                        preview.is_some(),
                        look.labels[2][3]
                    );
                    compare(&mut gpu, &state, &scene, &what);
                }
            }
        }
    }
}

#[test]
#[ignore = "needs a graphics adapter"]
fn a_flipped_or_rotated_image_is_the_same_on_gpu_and_cpu() {
    let (columns, rows) = (90, 70);
    let state = state();
    let mut gpu = Gpu::new(&state);
    let image = test_picture(columns, rows);
    let live = live_mask(columns, rows, test_labels(columns, rows));
    let brush = brush_region(columns, rows);
    for turn in Turn::all() {
        for scale in [[0.4, 0.5], [1.0, 1.0], [1.3, 1.7], [7.0, 9.0]] {
            let look = turned_look(&image, scale, Shown::Fill, turn, [151.3, 117.7]);
            let scene = Scene {
                image: &image,
                labels: Some(&live),
                reference: None,
                preview: Some(&brush),
                look: &look,
            };
            compare(&mut gpu, &state, &scene, &format!("{turn:?} at {scale:?}"));
        }
    }
}

#[test]
#[ignore = "needs a graphics adapter"]
fn colour_maps_and_square_pixels_are_the_same_on_gpu_and_cpu() {
    let (columns, rows) = (90, 70);
    let state = state();
    let mut gpu = Gpu::new(&state);
    let image = test_picture(columns, rows);
    let live = live_mask(columns, rows, test_labels(columns, rows));
    for map in ColorMap::ALL {
        for (scale, interpolates) in [(0.5, true), (2.4, true), (2.4, false), (5.0, false)] {
            let look = usual_look(&image, [scale; 2], Shown::Outline);
            let look = look.with_picture_style(map, interpolates);
            let scene = Scene {
                labels: Some(&live),
                ..bare_scene(&image, &look)
            };
            let what = format!("{map:?} at {scale}, interpolation {interpolates}");
            compare(&mut gpu, &state, &scene, &what);
        }
    }
}

#[test]
#[ignore = "needs a graphics adapter"]
fn every_pixel_type_and_window_is_displayed_correctly() {
    let state = state();
    let mut gpu = Gpu::new(&state);
    let picture = test_picture(300, 200);
    let Pixels::I16(values) = picture.pixels.clone() else {
        unreachable!("not 16 bits")
    };
    let kinds = [
        Pixels::I16(values.iter().map(|v| v - 1200).collect()),
        Pixels::U16(values.iter().map(|v| *v as u16 + 40_000).collect()),
        Pixels::U8(values.iter().map(|v| (*v / 8) as u8).collect()),
        Pixels::F32(
            (0..)
                .zip(&values)
                .map(|(i, v)| {
                    if i % 97 == 0 {
                        f32::NAN
                    } else {
                        f32::from(*v) * 1.37
                    }
                })
                .collect(),
        ),
        Pixels::Rgb8(
            values
                .iter()
                .map(|v| [*v as u8, (*v / 3) as u8, (*v / 7) as u8])
                .collect(),
        ),
    ];
    for pixels in kinds {
        for (inverted, slope) in [(false, 1.0), (true, -0.5)] {
            let mut image = Image::new(300, 200, pixels.clone()).unwrap();
            (image.inverted, image.rescale.slope) = (inverted, slope);
            let auto = image.auto_window();
            for function in [
                VoiFunction::Linear,
                VoiFunction::LinearExact,
                VoiFunction::Sigmoid,
            ] {
                compare_levels(&mut gpu, &state, &image, Window { function, ..auto }, false);
            }
            compare_levels(
                &mut gpu,
                &state,
                &image,
                Window::new(auto.center, 1.0),
                false,
            );
            let levels = (0..700).map(|i| ((i * i) % 997) as f32 / 997.0).collect();
            image.voi_lut = Some(VoiLut {
                first: auto.center - 350.0,
                levels,
            });
            compare_levels(&mut gpu, &state, &image, auto, !image.is_color());
        }
    }
}

/// Fails unless the GPU displays the grey levels of `labrum_core`.
fn compare_levels(
    gpu: &mut Gpu,
    state: &RenderState,
    image: &Image,
    window: Window,
    is_default: bool,
) {
    let image = Arc::new(image.clone());
    let placement = crate::session::view::ViewPlacement::upright([1.0; 2], [0.0; 2]);
    let look = CanvasLook::new(
        placement,
        1.0,
        GreyLevels::from_image(&image, window, is_default),
    );
    let scene = bare_scene(&image, &look);
    gpu.upload_scene(&scene);
    let drawn = draw(gpu, state);
    let contrast = if is_default {
        image.first_contrast()
    } else {
        Contrast::Window(window)
    };
    let expected = image.to_rgba(contrast);
    let mut different = 0;
    for (i, expected) in expected.chunks_exact(4).enumerate() {
        let at = (i / 300 * SIZE[0] + i % 300) * 4;
        different += usize::from((0..3).any(|c| drawn[at + c].abs_diff(expected[c]) > 1));
    }
    // Values exactly on a step of the window or the table may be rounded differently.
    assert!(
        different * 1000 <= image.pixels.len(),
        "{different} pixels differ through {window:?}"
    );
}

#[test]
#[ignore = "needs a graphics adapter"]
fn changed_parts_of_the_mask_are_uploaded() {
    let (columns, rows) = (150, 120);
    let state = state();
    let mut gpu = Gpu::new(&state);
    let image = test_picture(columns, rows);
    let look = usual_look(&image, [2.0, 2.0], Shown::Fill);
    let mut live: Live = live_mask(columns, rows, test_labels(columns, rows));
    let mut brush = brush_region(columns, rows);
    for step in 0..6usize {
        let scene = Scene {
            image: &image,
            labels: Some(&live),
            reference: None,
            preview: Some(&brush),
            look: &look,
        };
        compare(&mut gpu, &state, &scene, &format!("step {step}"));
        live.edit_mask(|mask| mask.paint_region(&brush, (step % 4) as u8, &Rule::FREE));
        let shifted = brush.spans().iter().map(|s| labrum_core::region::Span {
            row: s.row + 3,
            start: s.start + 5,
            end: s.end + 7,
        });
        brush = Region::from_spans(shifted.collect());
    }
}

#[test]
#[ignore = "needs a graphics adapter"]
fn the_canvas_is_at_its_position_in_the_window() {
    use egui_kittest::{Harness, wgpu::WgpuTestRenderer};
    let (columns, rows) = (150, 120);
    let image = test_picture(columns, rows);
    let live = live_mask(columns, rows, test_labels(columns, rows));
    for per_point in [1.0, 1.5, 2.0] {
        let look = usual_look(&image, [3.0, 3.0], Shown::Outline);
        let scene = Scene {
            labels: Some(&live),
            ..bare_scene(&image, &look)
        };
        let state = state();
        let mut gpu = Gpu::new(&state);
        gpu.upload_scene(&scene);
        let rect = Rect::from_min_size(egui::pos2(20.0, 10.0), egui::vec2(160.0, 120.0));
        let mut harness = Harness::builder()
            .with_size([200.0, 150.0])
            .with_pixels_per_point(per_point)
            .renderer(WgpuTestRenderer::from_render_state(state.clone()))
            .build_ui(|ui| {
                ui.painter_at(rect)
                    .extend(gpu.paint_callback(rect).map(egui::Shape::Callback));
            });
        let window = harness.render().unwrap();
        let min = [20.0, 10.0].map(|v| (v * per_point) as i32);
        let size = [160.0, 120.0].map(|v| (v * per_point) as usize);
        let (_, painted) = Raster::default()
            .repaint_changes(&scene, Area { min, size })
            .unwrap();
        let different = painted.iter().enumerate().filter(|(i, pixel)| {
            let [x, y] = [i % size[0], i / size[0]];
            let drawn = window.get_pixel((x as i32 + min[0]) as u32, (y as i32 + min[1]) as u32);
            (0..3).any(|c| drawn[c].abs_diff(pixel[c]) > 2)
        });
        assert!(
            different.count() * 1000 <= painted.len(),
            "at {per_point} pixels per point"
        );
    }
}

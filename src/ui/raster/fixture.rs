//! Images and masks for the canvas tests, on the CPU and on the GPU.
#![allow(clippy::unwrap_used)]

use crate::{
    session::{job::SliceKey, live::Live, turn::Turn, view::ViewPlacement},
    ui::look::{CanvasLook, GreyLevels, LabelLayers, Scene},
};
use labrum_core::{
    image::{Image, Pixels, Window},
    label::Label,
    mask::Mask,
    region::{PixelRect, Region},
};
use std::sync::Arc;

pub(crate) const KEY: SliceKey = SliceKey { case: 1, slice: 0 };

/// A scene of an image alone.
pub(crate) fn bare_scene<'a>(image: &'a Arc<Image>, look: &'a CanvasLook) -> Scene<'a> {
    Scene {
        image,
        labels: None,
        reference: None,
        preview: None,
        look,
    }
}

/// A 16-bit image with fine and coarse structure.
pub(crate) fn test_picture(columns: usize, rows: usize) -> Arc<Image> {
    let values = (0..columns * rows).map(|i| test_value(i, columns));
    Arc::new(Image::new(columns, rows, Pixels::I16(values.collect())).unwrap())
}

/// Waves with reproducible noise.
fn test_value(index: usize, columns: usize) -> i16 {
    let x = (index % columns) as f64;
    let y = (index / columns) as f64;
    let noise = f64::from((index as u32).wrapping_mul(2654435761) >> 24);
    (1000.0 + 500.0 * (x / 9.0).sin() * (y / 13.0).cos() + noise) as i16
}

/// Two touching discs, a thin line, a single pixel, and a corner of the image.
pub(crate) fn test_labels(columns: usize, rows: usize) -> Vec<u8> {
    (0..columns * rows)
        .map(|i| test_label(i % columns, i / columns, [columns, rows]))
        .collect()
}

fn test_label(column: usize, row: usize, [columns, rows]: [usize; 2]) -> u8 {
    let size = [columns as f64, rows as f64];
    let at = [column as f64 + 0.5, row as f64 + 0.5];
    let is_on_line = row == rows * 4 / 5 && column > columns / 8 && column < columns / 2;
    let is_in_corner = column * 2 + row * 9 > columns + rows * 9;
    if is_in_disc(at, [0.35, 0.4], 0.22, size) {
        1
    } else if is_in_disc(at, [0.6, 0.45], 0.2, size) {
        2
    } else if is_on_line || is_in_corner {
        3
    } else if (column, row) == (columns * 3 / 4, rows / 8) {
        1
    } else {
        0
    }
}

/// Centre and radius are fractions of the image size.
fn is_in_disc(at: [f64; 2], center: [f64; 2], radius: f64, [width, height]: [f64; 2]) -> bool {
    let distance = (at[0] - center[0] * width).hypot(at[1] - center[1] * height);
    distance < radius * width.min(height)
}

pub(crate) fn live_mask(columns: usize, rows: usize, labels: Vec<u8>) -> Live {
    Live::new(KEY, Mask::from_labels(columns, rows, labels).unwrap())
}

/// The test labels shifted a little, with the lower half of label 2 relabelled as 1.
pub(crate) fn moved_labels(columns: usize, rows: usize) -> Live {
    let mut labels = test_labels(columns, rows);
    labels.rotate_right(4 * columns + 3);
    labels
        .iter_mut()
        .skip(columns * rows / 2)
        .filter(|l| **l == 2)
        .for_each(|l| *l = 1);
    live_mask(columns, rows, labels)
}

pub(crate) fn brush_region(columns: usize, rows: usize) -> Region {
    let x0 = columns as f64 * 0.45;
    let y0 = rows as f64 * 0.6;
    let radius = columns as f64 * 0.1;
    Region::from_fn(&PixelRect::full_frame(columns, rows), |x, y| {
        (x as f64 + 0.5 - x0).hypot(y as f64 + 0.5 - y0) < radius
    })
}

/// A typical look, at an origin that is not on whole screen pixels.
pub(crate) fn usual_look(image: &Image, scale: [f32; 2], layers: LabelLayers) -> CanvasLook {
    turned_look(image, scale, layers, Turn::UPRIGHT, [13.3, 7.7])
}

/// The same for an image that is flipped or rotated, with its first pixel at `origin`.
pub(crate) fn turned_look(
    image: &Image,
    scale: [f32; 2],
    layers: LabelLayers,
    turn: Turn,
    origin: [f32; 2],
) -> CanvasLook {
    let placement = ViewPlacement {
        scale,
        origin,
        turn,
    };
    let names: Vec<Label> = (0..3).map(|i| Label::with_name("Label", i)).collect();
    let levels = GreyLevels::from_image(image, Window::new(1200.0, 1500.0), false);
    CanvasLook::new(placement, 1.0, levels).with_labels(layers, &names, &[], 0.35)
}

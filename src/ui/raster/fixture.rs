//! Pictures and masks for the tests of the canvas, on the CPU and on the card.
#![allow(clippy::unwrap_used)]

use crate::{
    session::{job::SliceKey, live::Live, view::ViewPlacement},
    ui::look::{CanvasLook, GreyLevels, LabelLayers},
};
use labrum_core::{
    image::{Image, Pixels, Window},
    label::Label,
    mask::Mask,
    region::{PixelRect, Region},
};
use std::sync::Arc;

pub(crate) const KEY: SliceKey = SliceKey { case: 1, slice: 0 };

/// A picture with fine and coarse structure, 16 bits.
pub(crate) fn test_picture(columns: usize, rows: usize) -> Arc<Image> {
    let value = |i: usize| {
        let (x, y) = ((i % columns) as f64, (i / columns) as f64);
        (1000.0
            + 500.0 * (x / 9.0).sin() * (y / 13.0).cos()
            + f64::from((i as u32).wrapping_mul(2654435761) >> 24)) as i16
    };
    Arc::new(
        Image::new(
            columns,
            rows,
            Pixels::I16((0..columns * rows).map(value).collect()),
        )
        .unwrap(),
    )
}

/// Two discs side by side that touch, a thin line, single pixels, and a corner of the picture.
pub(crate) fn test_labels(columns: usize, rows: usize) -> Vec<u8> {
    let (w, h) = (columns as f64, rows as f64);
    let disc =
        |x: f64, y: f64, at: [f64; 2], r: f64| (x - at[0] * w).hypot(y - at[1] * h) < r * w.min(h);
    let label = |i: usize| {
        let (column, row) = (i % columns, i / columns);
        let (x, y) = (column as f64 + 0.5, row as f64 + 0.5);
        match () {
            () if disc(x, y, [0.35, 0.4], 0.22) => 1,
            () if disc(x, y, [0.6, 0.45], 0.2) => 2,
            () if row == rows * 4 / 5 && column > columns / 8 && column < columns / 2 => 3,
            () if column * 2 + row * 9 > columns + rows * 9 => 3,
            () if (column, row) == (columns * 3 / 4, rows / 8) => 1,
            () => 0,
        }
    };
    (0..columns * rows).map(label).collect()
}

pub(crate) fn live_mask(columns: usize, rows: usize, labels: Vec<u8>) -> Live {
    Live::new(KEY, Mask::from_labels(columns, rows, labels).unwrap())
}

/// The same labels, the first moved a little, the second gone in part, some relabelled.
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
    let (x0, y0, r) = (
        columns as f64 * 0.45,
        rows as f64 * 0.6,
        columns as f64 * 0.1,
    );
    let is_in = |x: usize, y: usize| (x as f64 + 0.5 - x0).hypot(y as f64 + 0.5 - y0) < r;
    Region::from_fn(&PixelRect::full_frame(columns, rows), is_in)
}

/// The picture through a usual window, at a place on the screen that is no whole pixel.
pub(crate) fn usual_look(image: &Image, scale: [f32; 2], layers: LabelLayers) -> CanvasLook {
    let placement = ViewPlacement {
        scale,
        origin: [13.3, 7.7],
    };
    let names: Vec<Label> = (0..3).map(|i| Label::with_name("Label", i)).collect();
    let levels = GreyLevels::from_image(image, Window::new(1200.0, 1500.0), false);
    CanvasLook::new(placement, 1.0, levels).with_labels(layers, &names, &[], 0.35)
}

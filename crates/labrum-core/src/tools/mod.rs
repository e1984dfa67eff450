//! Geometry of the editing tools: from the pointer's path, masks and grey values to a [`Region`]. Nothing is written.
//!
//! Points are in image pixels, x to the right and y down, with (0, 0) at the upper left corner of the first pixel; a
//! pixel belongs to a shape if its centre does. Radii are pairs along x, then along y, in pixels, as a length in mm
//! differs between the axes if pixels are not square. Every region lies within the image; the preview shows it and the
//! session paints it.

pub mod components;
mod edge_cost;
pub mod fill;
mod flood;
pub mod geodesic;
mod grey;
pub mod interpolate;
pub mod live_wire;
pub mod morphology;
#[cfg(test)]
mod phantom;
pub mod polygon;
pub mod pull;
pub mod random_walker;
pub mod smart_brush;
pub mod stroke;
pub mod superpixels;
pub mod threshold;

use super::region::{PixelRect, Region, Span};
use std::ops::Range;

/// The first pixel in `0..end` whose centre is at or after `x`; `end` if there is none.
fn first_at_or_after(x: f64, end: usize) -> usize {
    ((x - 0.5).ceil().max(0.0) as usize).min(end)
}

/// The first pixel in `0..end` whose centre is after `x`; `end` if there is none.
fn first_after(x: f64, end: usize) -> usize {
    ((x - 0.5).floor() + 1.0).clamp(0.0, end as f64) as usize
}

/// Centre of a pixel.
#[inline]
fn pixel_center((x, y): (usize, usize)) -> [f64; 2] {
    [x as f64 + 0.5, y as f64 + 0.5]
}

/// Expands a rectangle by `by` pixels (along x, along y) on each side, within the image.
fn expand_rect(window: &PixelRect, by: [usize; 2], columns: usize, rows: usize) -> PixelRect {
    PixelRect {
        columns: window.expand_within(by[0], columns, rows).columns,
        rows: window.expand_within(by[1], columns, rows).rows,
    }
}

/// The pixels of `window` that are not in `region`.
fn subtract_from_window(window: &PixelRect, region: &Region) -> Region {
    let Range { start, end } = window.columns.clone();
    let all = window.rows.clone().map(|row| Span { row, start, end });
    Region::from_spans(all.collect()).difference(region)
}

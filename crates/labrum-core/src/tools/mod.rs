//! What tools make of the pointer's path, of masks and of grey values: geometry in, a [`Region`] out, nothing written.
//!
//! Points are in image pixels, x to the right and y down, with (0, 0) the left upper corner of the first pixel; a pixel
//! is in a shape where its centre is. Pairs of radii are along x, then along y, in pixels: a length in mm has two where
//! pixels are not square. Every region lies within the picture, and is what the preview shows and the session paints.

pub mod components;
mod edge_cost;
pub mod fill;
mod flood;
mod grey;
pub mod interpolate;
pub mod live_wire;
pub mod morphology;
#[cfg(test)]
mod phantom;
pub mod polygon;
pub mod pull;
pub mod smart_brush;
pub mod stroke;
pub mod threshold;

use super::region::{PixelRect, Region, Span};
use std::ops::Range;

/// The first of `0..end` pixels whose centre is not before `x`; `end` where there is none.
fn first_at_or_after(x: f64, end: usize) -> usize {
    ((x - 0.5).ceil().max(0.0) as usize).min(end)
}

/// The first of `0..end` pixels whose centre is behind `x`; `end` where there is none.
fn first_after(x: f64, end: usize) -> usize {
    ((x - 0.5).floor() + 1.0).clamp(0.0, end as f64) as usize
}

/// The same rectangle with `by` pixels more on each side (along x, along y), within the picture.
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

//! The connected component of a label that the first prompt of an object corrects.

use super::{Place, middle_of};
use crate::session::clicked::ClickedObject;
use labrum_core::{mask::Mask, prompts::Prompt, tools::fill, vector::pixel_distance};
use std::ops::Range;

/// Maximum distance of a first positive click from a connected component of the label that it corrects, in screen points.
const NEAR: f64 = 12.0;

/// The same in pixels of the image: 1 % of its longer side, at least 8. Where an image is shown small, 12 points span many
/// pixels, and a click on another object would correct its neighbour.
const NEAR_SHARE: f64 = 0.01;
const NEAR_PIXELS: f64 = 8.0;

/// The connected component of the label that a first prompt corrects: a negative prompt the one under it, a positive
/// prompt one close to it. `None` for a box, which always begins a new object.
pub(super) fn corrected_piece(
    mask: &Mask,
    label: u8,
    prompt: &Prompt,
    scale: [f64; 2],
) -> Option<ClickedObject> {
    let seed = match prompt {
        Prompt::Box { .. } => None,
        Prompt::Click { at, adds: false } => pixel_on_label(mask, label, *at),
        Prompt::Scribble {
            points,
            adds: false,
        } => points
            .iter()
            .find_map(|at| pixel_on_label(mask, label, *at)),
        Prompt::Click { adds: true, .. } | Prompt::Scribble { adds: true, .. } => {
            pixel_beside_label(mask, label, middle_of(prompt), scale)
        }
    };
    let piece = fill::connected_label(mask, seed?);
    Some(ClickedObject::from_piece(
        &piece,
        mask.columns(),
        mask.rows(),
    ))
}

/// The pixel at a point, if it has the label.
fn pixel_on_label(mask: &Mask, label: u8, [x, y]: Place) -> Option<(usize, usize)> {
    let column = x.floor() as i64;
    let row = y.floor() as i64;
    let is_on = label > 0 && mask.label_at(column, row) == label;
    is_on.then_some((column as usize, row as usize))
}

/// The pixel of the label nearest to a point outside of the label, if it is close to it.
fn pixel_beside_label(
    mask: &Mask,
    label: u8,
    at: Place,
    scale: [f64; 2],
) -> Option<(usize, usize)> {
    if pixel_on_label(mask, label, at).is_some() {
        return None;
    }
    let near = near_in_points(mask, scale);
    let columns = pixels_near(at[0], near / scale[0], mask.columns());
    let rows = pixels_near(at[1], near / scale[1], mask.rows());
    rows.flat_map(|row| columns.clone().map(move |column| (column, row)))
        .filter(|(column, row)| mask.label_at(*column as i64, *row as i64) == label)
        .map(|pixel| (distance_to_pixel(at, pixel, scale), pixel))
        .filter(|(distance, _)| *distance <= near)
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, pixel)| pixel)
}

/// The distance that counts as close, in screen points. Of pixels that are not square, the shorter side counts.
fn near_in_points(mask: &Mask, scale: [f64; 2]) -> f64 {
    let longer = mask.columns().max(mask.rows()) as f64;
    let pixels = (NEAR_SHARE * longer).max(NEAR_PIXELS);
    NEAR.min(pixels * scale[0].min(scale[1]))
}

/// The pixels along an axis of `end` pixels that lie within `reach` pixels of a point.
fn pixels_near(at: f64, reach: f64, end: usize) -> Range<usize> {
    let first = (at - reach).floor().clamp(0.0, end as f64) as usize;
    let last = (at + reach).ceil().clamp(0.0, end as f64) as usize;
    first..last
}

/// Distance from a point to a pixel, in screen points.
fn distance_to_pixel(at: Place, (column, row): (usize, usize), scale: [f64; 2]) -> f64 {
    let x = at[0].clamp(column as f64, column as f64 + 1.0);
    let y = at[1].clamp(row as f64, row as f64 + 1.0);
    pixel_distance(at, [x, y], scale)
}

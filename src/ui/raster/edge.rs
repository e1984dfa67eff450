//! Finds the nearest label edge for each screen pixel: counterpart of the second half of `gpu/canvas.wgsl`.

use crate::ui::look::{CanvasLook, PIXELS_FROM};
use labrum_core::{mask::Mask, region::PixelRect};
use std::{array, ops::Range};

/// Stands for "no edge nearby", in screen pixels.
pub(super) const FAR: f32 = 1e9;

/// The label at a position, the label across the nearest edge, and its distance in screen pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct NearestEdge {
    pub(super) own: u8,
    pub(super) other: u8,
    pub(super) distance: f32,
}

/// Side of a block, in mask pixels.
const BLOCK: usize = 16;

/// Which blocks of a mask hold a single label: most of the screen is far from any edge and needs no search.
#[derive(Debug, Default)]
pub struct Calm {
    columns: usize,
    /// The single label of each block, or [`MIXED`].
    blocks: Vec<u16>,
}

const MIXED: u16 = 256;

impl Calm {
    /// Updates the blocks from a mask, or only where `dirty`.
    pub fn update_from_mask(&mut self, mask: &Mask, dirty: Option<&PixelRect>) {
        let columns = mask.columns().div_ceil(BLOCK);
        let rows = mask.rows().div_ceil(BLOCK);
        let is_new = self.columns != columns || self.blocks.len() != columns * rows;
        if is_new {
            self.columns = columns;
            self.blocks = vec![MIXED; columns * rows];
        }
        let whole = PixelRect::full_frame(mask.columns(), mask.rows());
        let part = dirty.filter(|_| !is_new).unwrap_or(&whole);
        if part.is_empty() {
            return;
        }
        for row in part.rows.start / BLOCK..part.rows.end.div_ceil(BLOCK).min(rows) {
            for column in part.columns.start / BLOCK..part.columns.end.div_ceil(BLOCK).min(columns)
            {
                self.blocks[row * columns + column] =
                    only_label(mask, column, row).map_or(MIXED, u16::from);
            }
        }
    }

    /// The only label within `margin` pixels of `at`; `None` if there may be several. Outside the mask is background.
    fn only_label_near(&self, mask: &Mask, at: [i64; 2], margin: i64) -> Option<u8> {
        let ends = [mask.columns() as i64, mask.rows() as i64];
        let low = at.map(|v| v - margin);
        let high = at.map(|v| v + margin);
        let is_out = (0..2).any(|i| high[i] < 0 || low[i] >= ends[i]);
        if is_out {
            return Some(0);
        }
        let crosses = (0..2).any(|i| low[i] < 0 || high[i] >= ends[i]);
        let [across, down] =
            [0, 1].map(|i| block_index(low[i], ends[i])..=block_index(high[i], ends[i]));
        let first = self.blocks[down.start() * self.columns + across.start()];
        let mut same = first != MIXED && !(crosses && first != 0);
        for row in down {
            let row = &self.blocks[row * self.columns..];
            same = same && row[across.clone()].iter().all(|b| *b == first);
        }
        same.then_some(first as u8)
    }
}

/// Index of the block that contains `pixel` along one axis of `end` pixels, clamped to the mask.
#[inline]
fn block_index(pixel: i64, end: i64) -> usize {
    pixel.clamp(0, end - 1) as usize / BLOCK
}

fn only_label(mask: &Mask, column: usize, row: usize) -> Option<u8> {
    let across = column * BLOCK..((column + 1) * BLOCK).min(mask.columns());
    let first = mask.pixel_labels()[row * BLOCK * mask.columns() + across.start];
    let rows = row * BLOCK..((row + 1) * BLOCK).min(mask.rows());
    let is_only = rows.into_iter().all(|y| {
        let labels = &mask.pixel_labels()[y * mask.columns()..][across.clone()];
        labels.iter().all(|l| *l == first)
    });
    is_only.then_some(first)
}

/// Columns of a row that share a result: a single label nearby, or `None` for possibly several.
#[derive(Debug, Default)]
pub(super) struct LabelRun {
    columns: Range<i64>,
    label: Option<u8>,
}

/// Finds the edges of the labels of a mask.
pub(super) struct EdgeFinder<'a> {
    pub(super) mask: &'a Mask,
    pub(super) calm: &'a Calm,
    pub(super) look: &'a CanvasLook,
    is_hidden: [bool; 256],
    is_smooth: bool,
    /// Search grid of `nearest_stepped`: pixels per step, and steps to each side.
    stride: [i64; 2],
    count: [i64; 2],
    margin: i64,
}

impl<'a> EdgeFinder<'a> {
    pub(super) fn new(mask: &'a Mask, calm: &'a Calm, look: &'a CanvasLook) -> Self {
        let scale = look.scale[0].min(look.scale[1]);
        let is_smooth = look.interpolates && (1.0..PIXELS_FROM).contains(&scale);
        let reach = look.scale.map(|s| (look.half_line + 0.5) / s);
        let stride = reach.map(|r| ((r / 4.0).ceil() as i64).max(1));
        let count = [0, 1].map(|i| ((reach[i] / stride[i] as f32).ceil() as i64).clamp(1, 4));
        let margin = if is_smooth {
            2
        } else {
            (count[0] * stride[0]).max(count[1] * stride[1])
        };
        let is_hidden = array::from_fn(|label| look.labels[label][3] < 0.0);
        Self {
            mask,
            calm,
            look,
            is_hidden,
            is_smooth,
            stride,
            count,
            margin,
        }
    }

    /// How far from a changed mask pixel the screen may change, in mask pixels.
    pub(super) fn change_margin(&self) -> usize {
        self.margin as usize + 1
    }

    /// The edge nearest to image position `p`. `run` caches the result of the previous position in the same row.
    pub(super) fn nearest_to(&self, p: [f32; 2], run: &mut LabelRun) -> NearestEdge {
        let middle = p.map(pixel_at);
        if !run.columns.contains(&middle[0]) {
            *run = self.run_at(middle);
        }
        match run.label {
            Some(label) => NearestEdge {
                own: label,
                other: label,
                distance: FAR,
            },
            None if self.is_smooth => self.nearest_smooth(p, middle),
            None => self.nearest_stepped(p, middle),
        }
    }

    fn run_at(&self, middle: [i64; 2]) -> LabelRun {
        let label = self.calm.only_label_near(self.mask, middle, self.margin);
        let label = label.map(|label| {
            if self.is_hidden[usize::from(label)] {
                0
            } else {
                label
            }
        });
        // The result holds to the right until the margin reaches the next block.
        let low = middle[0] - self.margin;
        let high = middle[0] + self.margin;
        let is_inside = low >= 0 && high < self.mask.columns() as i64;
        let block_end = (high / BLOCK as i64 + 1) * BLOCK as i64;
        let end = if is_inside && label.is_some() {
            block_end - self.margin
        } else {
            middle[0] + 1
        };
        LabelRun {
            columns: middle[0]..end,
            label,
        }
    }

    fn label_at(&self, [x, y]: [i64; 2]) -> u8 {
        let label = self.mask.label_at(x, y);
        if self.is_hidden[usize::from(label)] {
            0
        } else {
            label
        }
    }

    /// Edges along pixel sides. When the image is strongly reduced only some pixels are searched; the rim is the
    /// first to be lost then.
    fn nearest_stepped(&self, p: [f32; 2], middle: [i64; 2]) -> NearestEdge {
        let own = self.label_at(middle);
        let mut edge = NearestEdge {
            own,
            other: own,
            distance: FAR,
        };
        for y in -self.count[1]..=self.count[1] {
            for x in -self.count[0]..=self.count[0] {
                let at = [
                    middle[0] + x * self.stride[0],
                    middle[1] + y * self.stride[1],
                ];
                let label = self.label_at(at);
                if label == own {
                    continue;
                }
                let gap: [f32; 2] = array::from_fn(|i| {
                    let low = at[i] as f32;
                    (low - p[i]).max(p[i] - low - 1.0).max(0.0) * self.look.scale[i]
                });
                let distance = vector_length(gap);
                if distance < edge.distance {
                    edge = NearestEdge {
                        own,
                        other: label,
                        distance,
                    };
                }
            }
        }
        edge
    }

    /// Smooth edges: each pixel's label is spread by a spline, and the label with the largest sum wins. Details that
    /// the wide spline would remove (thin lines, single pixels) use a narrow one.
    fn nearest_smooth(&self, p: [f32; 2], middle: [i64; 2]) -> NearestEdge {
        // Knot distance of the wide spline in pixels: its support is five pixels.
        const WIDE: f32 = 5.0 / 3.0;
        // Maximum number of different labels within 5 × 5 pixels.
        const MOST: usize = 4;
        let own = self.label_at(middle);
        let mut near = [[0u8; 5]; 5];
        let mut found = [own, 0, 0, 0];
        let mut count = 1;
        let (mut kept, mut all) = (0.0, 0.0);
        let at_middle: [f32; 5] = array::from_fn(|k| quadratic_spline((k as f32 - 2.0) / WIDE));
        for (y, row) in near.iter_mut().enumerate() {
            for (x, label) in row.iter_mut().enumerate() {
                *label = self.label_at([middle[0] + x as i64 - 2, middle[1] + y as i64 - 2]);
                let weight = at_middle[x] * at_middle[y];
                all += weight;
                kept += if *label == own { weight } else { 0.0 };
                if !found[..count].contains(label) && count < MOST {
                    found[count] = *label;
                    count += 1;
                }
            }
        }
        if count == 1 {
            return NearestEdge {
                own,
                other: own,
                distance: FAR,
            };
        }
        let width = if kept >= 0.5 * all { WIDE } else { 1.0 };
        let across = spline_weights(p[0] - middle[0] as f32 - 0.5, width);
        let down = spline_weights(p[1] - middle[1] as f32 - 0.5, width);
        let mut sums = [[0.0f32; 3]; MOST];
        all = 0.0;
        for (y, row) in near.iter().enumerate() {
            for (x, label) in row.iter().enumerate() {
                let weight = across[x][0] * down[y][0];
                all += weight;
                if let Some(k) = found[..count].iter().position(|f| f == label) {
                    let more = [weight, across[x][1] * down[y][0], across[x][0] * down[y][1]];
                    (0..3).for_each(|i| sums[k][i] += more[i]);
                }
            }
        }
        let (first, second) = two_largest(&sums[..count]);
        let lead: [f32; 3] = array::from_fn(|i| (sums[first][i] - sums[second][i]) / all);
        let slope = vector_length([lead[1] / self.look.scale[0], lead[2] / self.look.scale[1]]);
        let longest = 1.5 * width * self.look.scale[0].min(self.look.scale[1]);
        NearestEdge {
            own: found[first],
            other: found[second],
            distance: edge_distance(lead[0], slope, longest),
        }
    }
}

/// The pixel at an image position. `f32::floor` would be a call of a function for each screen pixel.
pub(super) fn pixel_at(position: f32) -> i64 {
    let truncated = position as i64;
    truncated - i64::from(position < truncated as f32)
}

/// Indices of the largest and the second largest sum. Needs at least two sums.
fn two_largest(sums: &[[f32; 3]]) -> (usize, usize) {
    let mut first = 0;
    for k in 1..sums.len() {
        first = if sums[k][0] > sums[first][0] {
            k
        } else {
            first
        };
    }
    let mut second = usize::from(first == 0);
    for k in 0..sums.len() {
        second = if k != first && sums[k][0] > sums[second][0] {
            k
        } else {
            second
        };
    }
    (first, second)
}

/// Distance to an edge in screen pixels, for the lead of the winning label and its change per screen pixel. Across a
/// straight edge the lead is modelled as `1 - (1 - x / reach)^2`, and 1 far from all edges. The reach is limited to
/// `longest`: in the centre of a dot the slope is 0 although the edge is near.
fn edge_distance(lead: f32, slope: f32, longest: f32) -> f32 {
    let q = (1.0 - lead).max(0.0).sqrt();
    if q < 0.02 {
        FAR
    } else {
        2.0 * q * (1.0 - q) / slope.max(2.0 * q / longest)
    }
}

/// Spline value and slope of five neighbouring pixels, at `offset` from the middle one.
#[inline]
fn spline_weights(offset: f32, width: f32) -> [[f32; 2]; 5] {
    array::from_fn(|k| {
        let t = (offset - (k as f32 - 2.0)) / width;
        [quadratic_spline(t), spline_slope(t) / width]
    })
}

/// The quadratic B-spline.
fn quadratic_spline(t: f32) -> f32 {
    let a = t.abs();
    let tail = (1.5 - a).max(0.0);
    if a < 0.5 {
        0.75 - a * a
    } else {
        0.5 * tail * tail
    }
}

/// Slope of the quadratic B-spline.
fn spline_slope(t: f32) -> f32 {
    let a = t.abs();
    if a < 0.5 {
        -2.0 * t
    } else {
        -t.signum() * (1.5 - a).max(0.0)
    }
}

fn vector_length([x, y]: [f32; 2]) -> f32 {
    (x * x + y * y).sqrt()
}

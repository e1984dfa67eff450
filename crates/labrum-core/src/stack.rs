//! A series as a volume: parallel slices on one grid in the patient, and its three orthogonal views.
//!
//! The grid axes are orthogonal: the slices' columns, rows and normal. With gantry tilt, each slice is shifted on the
//! grid; with uneven spacing or missing slices, a layer of the grid shows the nearest slice, or none.

mod grid_layers;

use super::{geometry::Plane, study::Series};
use grid_layers::GridLayers;
use std::array;

/// Shifts below this, in pixels, are treated as rounding errors of the file.
const NO_SHIFT: f64 = 0.05;

/// Maximum angle in degrees at which a plane is named after an anatomical plane.
const SAME_PLANE: f64 = 5.0;

/// One of the three orthogonal views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ViewPlane {
    /// The acquired slices.
    Slice,
    /// The plane of one column through all slices.
    Column,
    /// The plane of one row through all slices.
    Row,
}

impl ViewPlane {
    /// All three, in display order.
    pub const ALL: [Self; 3] = [Self::Slice, Self::Column, Self::Row];

    /// The grid axis perpendicular to it: 0 across columns, 1 across rows, 2 across slices.
    pub fn normal_axis(self) -> usize {
        match self {
            Self::Slice => 2,
            Self::Column => 0,
            Self::Row => 1,
        }
    }
}

/// The slices of a series on a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// Number of columns, rows and layers.
    pub size: [usize; 3],
    /// Distance between columns, rows and layers, mm.
    pub spacing: [f64; 3],
    /// Unit vectors in patient coordinates (LPS) along a row, along a column, and across the slices.
    pub directions: [[f64; 3]; 3],
    /// Remarks for the user, clauses.
    pub notes: Vec<String>,
    /// Patient coordinates of the centre of the first cell, mm.
    origin: [f64; 3],
    /// Width and height of a slice in pixels.
    pixels: [usize; 2],
    /// For each slice the position of its upper left corner on the grid, in columns and rows.
    shifts: Vec<[f64; 2]>,
    /// For each layer the slice shown there.
    slices: Vec<Option<usize>>,
    /// For each slice its layer.
    layers: Vec<usize>,
}

impl Stack {
    /// Builds the grid of a series.
    ///
    /// # Errors
    /// If it is not a volume: the reason as a sentence.
    pub fn from_series(series: &Series) -> Result<Self, String> {
        let count = series.slices.len();
        if count < 2 {
            return Err("The series has only one slice.".into());
        }
        let planes: Option<Vec<_>> = series.slices.iter().map(|s| s.plane).collect();
        let planes = planes.ok_or("Not all slices have an image position and orientation.")?;
        let spacing = series
            .slices
            .first()
            .and_then(|s| s.spacing)
            .filter(|s| s.is_physical());
        let spacing = spacing.ok_or("The slices have no pixel spacing in mm.")?;
        let (Some(first), Some(last)) = (planes.first(), planes.last()) else {
            return Err("The series has no slices.".into());
        };
        if planes.iter().any(|plane| is_turned_from(plane, first)) {
            return Err("The slices are not parallel.".into());
        }
        let [a, b, c, d, e, f] = first.orientation;
        let directions = [[a, b, c], [d, e, f], first.unit_normal()];
        let mm = [spacing.column, spacing.row];
        let depths: Vec<f64> = planes
            .iter()
            .map(|plane| offset_along(directions[2], first, plane))
            .collect();
        let GridLayers {
            step,
            slices,
            layers,
            missing,
        } = GridLayers::from_depths(&depths)?;
        let mut shifts: Vec<[f64; 2]> = planes
            .iter()
            .map(|plane| [0, 1].map(|i| offset_along(directions[i], first, plane) / mm[i]))
            .collect();
        let mut low = [0.0f64; 2];
        let mut high = [0.0f64; 2];
        if shifts.iter().flatten().all(|s| s.abs() < NO_SHIFT) {
            shifts.fill([0.0; 2]);
        }
        for shift in &shifts {
            low = [0, 1].map(|i| low[i].min(shift[i].floor()));
            high = [0, 1].map(|i| high[i].max(shift[i].ceil()));
        }
        shifts
            .iter_mut()
            .for_each(|s| *s = [s[0] - low[0], s[1] - low[1]]);
        let pixels = [series.columns, series.rows];
        let size = [0, 1].map(|i| pixels[i] + (high[i] - low[i]) as usize);
        if size[0] > 4 * pixels[0] || size[1] > 4 * pixels[1] {
            return Err("The slices lie side by side, not one behind the other.".into());
        }
        let mut notes = Vec::new();
        let along_row = offset_along(directions[0], first, last);
        let down_column = offset_along(directions[1], first, last);
        let aside = along_row.hypot(down_column);
        let tilt = aside.atan2(*depths.last().unwrap_or(&1.0)).to_degrees();
        if tilt > 0.5 {
            notes.push(format!(
                "the gantry was tilted by {tilt:.0}°: slices are shown at their true position"
            ));
        }
        if missing > 0 {
            let slices = if missing == 1 {
                "1 slice is".to_owned()
            } else {
                format!("{missing} slices are")
            };
            notes.push(format!("{slices} missing: gaps are shown empty"));
        }
        let origin = array::from_fn(|i| {
            first.position[i]
                + (0..2)
                    .map(|k| low[k] * mm[k] * directions[k][i])
                    .sum::<f64>()
        });
        let size = [size[0], size[1], slices.len()];
        Ok(Self {
            size,
            spacing: [mm[0], mm[1], step],
            directions,
            notes,
            origin,
            pixels,
            shifts,
            slices,
            layers,
        })
    }

    /// Width and height of a slice in pixels.
    pub fn slice_size(&self) -> [usize; 2] {
        self.pixels
    }

    /// The slice shown at a layer; `None` in a gap and outside.
    pub fn slice_of_layer(&self, layer: usize) -> Option<usize> {
        self.slices.get(layer).copied().flatten()
    }

    /// The layer of a slice.
    pub fn layer_of_slice(&self, slice: usize) -> usize {
        self.layers.get(slice).copied().unwrap_or(0)
    }

    /// The slice with the nearest layer.
    pub fn slice_near(&self, layer: usize) -> usize {
        let at = self.layers.partition_point(|l| *l < layer);
        let before = at.checked_sub(1);
        match (before.and_then(|b| self.layers.get(b)), self.layers.get(at)) {
            (Some(low), Some(high)) if layer - low < high - layer => at - 1,
            (Some(_), None) => at - 1,
            _ => at,
        }
    }

    /// The pixel of a slice under the grid cell (`column`, `row`); `None` outside the slice.
    pub fn pixel_of(&self, slice: usize, column: usize, row: usize) -> Option<[usize; 2]> {
        let shift = self.shifts.get(slice)?;
        Some([
            pixel_under_cell(column, shift[0], self.pixels[0])?,
            pixel_under_cell(row, shift[1], self.pixels[1])?,
        ])
    }

    /// Converts a grid position to a position on a slice, in pixels from its upper left corner.
    pub fn slice_from_grid(&self, slice: usize, at: [f64; 3]) -> [f64; 2] {
        let shift = self.shifts.get(slice).copied().unwrap_or_default();
        [at[0] - shift[0], at[1] - shift[1]]
    }

    /// Converts a position on a slice to a grid position, in the middle of its layer.
    pub fn grid_from_slice(&self, slice: usize, at: [f64; 2]) -> [f64; 3] {
        let shift = self.shifts.get(slice).copied().unwrap_or_default();
        [
            at[0] + shift[0],
            at[1] + shift[1],
            self.layer_of_slice(slice) as f64 + 0.5,
        ]
    }

    /// Patient coordinates (LPS, mm) of a grid position.
    pub fn patient_from_grid(&self, at: [f64; 3]) -> [f64; 3] {
        array::from_fn(|i| {
            let along_axes =
                (0..3).map(|axis| self.directions[axis][i] * self.spacing[axis] * (at[axis] - 0.5));
            self.origin[i] + along_axes.sum::<f64>()
        })
    }

    /// Grid position of patient coordinates (LPS, mm); may lie outside of the grid.
    pub fn grid_from_patient(&self, place: [f64; 3]) -> [f64; 3] {
        array::from_fn(|axis| {
            let along: f64 = (0..3)
                .map(|i| (place[i] - self.origin[i]) * self.directions[axis][i])
                .sum();
            along / self.spacing[axis] + 0.5
        })
    }

    /// The nearest position within the grid.
    pub fn clamp_to_grid(&self, at: [f64; 3]) -> [f64; 3] {
        array::from_fn(|i| {
            let end = self.size[i] as f64 - 1e-6;
            if at[i].is_finite() {
                at[i].clamp(0.0, end)
            } else {
                end / 2.0
            }
        })
    }

    /// Layout of a view on the screen. Slices are shown as acquired; the other views with head or anterior up, and the
    /// patient's left on the right or anterior on the left.
    pub fn view_pane(&self, plane: ViewPlane) -> Pane {
        let (axes, flips) = match plane {
            ViewPlane::Slice => ([0, 1], [false; 2]),
            ViewPlane::Column => self.upright_axes(1, 2),
            ViewPlane::Row => self.upright_axes(0, 2),
        };
        Pane {
            plane,
            axes,
            flips,
            size: axes.map(|a| self.size[a]),
            spacing: axes.map(|a| self.spacing[a]),
            right: self.shown_direction(axes[0], flips[0]),
            down: self.shown_direction(axes[1], flips[1]),
            name: self.plane_name(plane),
        }
    }

    /// Patient direction of an axis on a view, reversed if `is_backwards`.
    fn shown_direction(&self, axis: usize, is_backwards: bool) -> [f64; 3] {
        self.directions[axis].map(|v| if is_backwards { -v } else { v })
    }

    /// Which of two axes runs across the screen and which down, and which of them are reversed.
    fn upright_axes(&self, a: usize, b: usize) -> ([usize; 2], [bool; 2]) {
        let (b_is_down, backwards) = upright_directions(self.directions[a], self.directions[b]);
        (if b_is_down { [a, b] } else { [b, a] }, backwards)
    }

    /// Name of a view: "Sagittal", or for oblique planes "Oblique, 23° off sagittal" or "Acquired, 23° off axial".
    fn plane_name(&self, plane: ViewPlane) -> String {
        const NAMES: [&str; 3] = ["sagittal", "coronal", "axial"];
        const ORDERS: [[usize; 3]; 6] = [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ];
        // Assign each grid axis to a different body axis, so that no two views have the same name.
        let best = ORDERS
            .iter()
            .max_by(|a, b| self.body_agreement(a).total_cmp(&self.body_agreement(b)))
            .unwrap_or(&ORDERS[0]);
        let axis = plane.normal_axis();
        let off = self.directions[axis][best[axis]]
            .abs()
            .min(1.0)
            .acos()
            .to_degrees();
        let body = NAMES[best[axis]];
        if off <= SAME_PLANE {
            return body[..1].to_uppercase() + &body[1..];
        }
        let kind = if plane == ViewPlane::Slice {
            "Acquired"
        } else {
            "Oblique"
        };
        format!("{kind}, {off:.0}° off {body}")
    }

    /// How well the grid axes align with the body axes given by `order`; 3 is perfect.
    fn body_agreement(&self, order: &[usize; 3]) -> f64 {
        (0..3)
            .map(|axis| self.directions[axis][order[axis]].abs())
            .sum()
    }
}

/// True if rows or columns run in another direction than in the first plane.
fn is_turned_from(plane: &Plane, first: &Plane) -> bool {
    (0..6).any(|i| (plane.orientation[i] - first.orientation[i]).abs() > 1e-3)
}

/// Distance between two plane positions along a direction, mm.
fn offset_along(direction: [f64; 3], from: &Plane, to: &Plane) -> f64 {
    (0..3)
        .map(|i| (to.position[i] - from.position[i]) * direction[i])
        .sum()
}

/// The column or row of a slice under a grid cell; the slice starts at `shift` and has `count` columns or rows.
#[inline]
fn pixel_under_cell(cell: usize, shift: f64, count: usize) -> Option<usize> {
    let at = (cell as f64 + 0.5 - shift).floor();
    (at >= 0.0 && (at as usize) < count).then_some(at as usize)
}

/// Layout of two patient directions (LPS) on the screen: whether `b` runs down rather than `a`, and whether the
/// directions across and down are then reversed.
pub fn upright_directions(a: [f64; 3], b: [f64; 3]) -> (bool, [bool; 2]) {
    // Head to feet runs down if there is such a direction, else anterior to posterior.
    let [height_a, height_b] = [a, b].map(|v| v[2].abs());
    let b_is_down = if height_a.max(height_b) > 0.5 {
        height_b >= height_a
    } else {
        b[1].abs() > a[1].abs()
    };
    let [right, down] = if b_is_down { [a, b] } else { [b, a] };
    let backwards_right = if right[0].abs() >= right[1].abs() {
        right[0] < 0.0
    } else {
        right[1] < 0.0
    };
    let backwards_down = if down[2].abs() >= down[1].abs() {
        down[2] > 0.0
    } else {
        down[1] < 0.0
    };
    (b_is_down, [backwards_right, backwards_down])
}

/// Layout of a view on the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Pane {
    /// The view.
    pub plane: ViewPlane,
    /// Number of columns and rows.
    pub size: [usize; 2],
    /// Distance between columns and between rows, mm.
    pub spacing: [f64; 2],
    /// Patient direction (LPS) towards the right of the screen.
    pub right: [f64; 3],
    /// Patient direction (LPS) towards the bottom of the screen.
    pub down: [f64; 3],
    /// Name for display: "Sagittal".
    pub name: String,
    /// Grid axes across and down.
    axes: [usize; 2],
    /// True for reversed axes.
    flips: [bool; 2],
}

impl Pane {
    /// The views that appear on this one as a vertical and as a horizontal line.
    pub fn crossing_planes(&self) -> [ViewPlane; 2] {
        self.axes.map(|axis| match axis {
            0 => ViewPlane::Column,
            1 => ViewPlane::Row,
            _ => ViewPlane::Slice,
        })
    }

    /// Converts a grid position to a position on the view.
    pub fn from_grid(&self, at: [f64; 3]) -> [f64; 2] {
        array::from_fn(|i| {
            let along = at[self.axes[i]];
            if self.flips[i] {
                self.size[i] as f64 - along
            } else {
                along
            }
        })
    }

    /// Converts a position on the view through `at` to a grid position.
    pub fn to_grid(&self, place: [f64; 2], at: [f64; 3]) -> [f64; 3] {
        let mut grid = at;
        for i in 0..2 {
            grid[self.axes[i]] = if self.flips[i] {
                self.size[i] as f64 - place[i]
            } else {
                place[i]
            };
        }
        grid
    }

    /// The grid cell under a pixel of the view through cell `index` of its normal axis.
    pub fn cell_at_pixel(&self, pixel: [usize; 2], index: usize) -> [usize; 3] {
        let mut cell = [index; 3];
        for i in 0..2 {
            cell[self.axes[i]] = if self.flips[i] {
                self.size[i] - 1 - pixel[i].min(self.size[i] - 1)
            } else {
                pixel[i]
            };
        }
        cell
    }

    /// Row-major index of a cell's pixel in the image of the view.
    pub(super) fn pixel_offset(&self, cell: [usize; 3]) -> usize {
        self.shown_place(1, cell) * self.size[0] + self.shown_place(0, cell)
    }

    /// The column (`side` 0) or row (`side` 1) of the view that shows a cell.
    #[inline]
    fn shown_place(&self, side: usize, cell: [usize; 3]) -> usize {
        let along = cell[self.axes[side]];
        if self.flips[side] {
            self.size[side] - 1 - along
        } else {
            along
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;

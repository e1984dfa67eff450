//! Voxel grids in the patient, and the mapping from the pixels of a slice to those of another grid, such as a frame of
//! a segmentation or a volume.

use super::{
    geometry::{PixelSpacing, Plane},
    quantile::lowest_and_highest,
    vector::{cross_product, dot_product, vector_length},
};
use serde::{Deserialize, Serialize};
use std::array;

/// Grids that differ by no more than this, in pixels, count as equal (rounding in files).
const SAME_PIXEL: f64 = 0.1;
/// Offset in pixels that makes the choice between two pixels on their border independent of rounding.
const NUDGE: f64 = 1e-3;
/// Cosine below which planes count as perpendicular, so no depth is defined.
const UPRIGHT: f64 = 0.1;

/// Maps indices (column, row, slice) to patient coordinates (LPS, mm) or to indices of another grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Affine {
    /// Step from one index to the next along each of the three axes.
    pub steps: [[f64; 3]; 3],
    /// Position of index 0, 0, 0: the centre of the first voxel.
    pub origin: [f64; 3],
}

impl Affine {
    /// Maps the pixels of a slice to the patient; the third axis is the unit normal, in mm.
    pub fn of_plane(plane: &Plane, spacing: PixelSpacing) -> Self {
        let [a, b, c, d, e, f] = plane.orientation;
        let steps = [
            [a, b, c].map(|v| v * spacing.column),
            [d, e, f].map(|v| v * spacing.row),
            plane.unit_normal(),
        ];
        Self {
            steps,
            origin: plane.position,
        }
    }

    /// Maps an index.
    pub fn map_point(&self, index: [f64; 3]) -> [f64; 3] {
        array::from_fn(|i| {
            self.origin[i]
                + (0..3)
                    .map(|axis| self.steps[axis][i] * index[axis])
                    .sum::<f64>()
        })
    }

    /// Lengths of the three steps.
    pub fn step_lengths(&self) -> [f64; 3] {
        self.steps.map(vector_length)
    }

    /// Inverse mapping; `None` if the axes are coplanar or not finite.
    pub fn inverse(&self) -> Option<Self> {
        let [a, b, c] = self.steps;
        let [bc, ca, ab] = [
            cross_product(b, c),
            cross_product(c, a),
            cross_product(a, b),
        ];
        let volume = dot_product(a, bc);
        if !volume.is_finite()
            || volume.abs() <= 1e-6 * vector_length(a) * vector_length(b) * vector_length(c)
            || volume == 0.0
        {
            return None;
        }
        // The rows of the inverse are the cross products divided by the volume; its columns are the steps.
        let rows = [bc, ca, ab].map(|row| row.map(|v| v / volume));
        let steps = array::from_fn(|i| array::from_fn(|axis| rows[axis][i]));
        let origin = array::from_fn(|axis| -dot_product(rows[axis], self.origin));
        Some(Self { steps, origin })
    }

    /// Composition: applies `first`, then this.
    pub fn compose_after(&self, first: &Self) -> Self {
        Self {
            steps: first.steps.map(|step| self.map_direction(step)),
            origin: self.map_point(first.origin),
        }
    }

    /// Maps a direction: like [`Self::map_point`], but without the origin.
    fn map_direction(&self, way: [f64; 3]) -> [f64; 3] {
        array::from_fn(|i| {
            (0..3)
                .map(|axis| self.steps[axis][i] * way[axis])
                .sum::<f64>()
        })
    }

    /// True if columns and rows of both grids coincide.
    fn keeps_columns_and_rows(&self) -> bool {
        let [across, down, _] = self.steps;
        across[..2] == [1.0, 0.0] && down[..2] == [0.0, 1.0] && self.origin[..2] == [0.0, 0.0]
    }
}

/// How the pixels of a slice match those of another grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GridFit {
    /// Identical rows and columns.
    Same,
    /// Pixels coincide, but the grid is mirrored, rotated by multiples of 90° or cropped.
    Rearranged,
    /// As `Same` or `Rearranged`, but shifted by at most this fraction of a pixel.
    Shifted(f64),
    /// Other pixel size, or other rotation.
    Other,
}

/// Mapping from the pixels of a slice to those of another grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GridMap {
    /// How the pixels match.
    pub fit: GridFit,
    /// Signed distance of a frame from the plane of the slice, along the slice's normal at the slice's centre, mm; 0
    /// for a volume.
    pub depth: f64,
    /// Variation of `depth` between the corners of the slice, mm; 0 if the planes are parallel.
    pub tilt: f64,
    /// Maps to columns, rows and layers of the grid; for a frame the last coordinate is the height above it, mm.
    grid_from_slice: Affine,
    /// Size of the grid in columns, rows and layers.
    size: [usize; 3],
    /// Number of axes along which pixels have to match: 2 for a frame, 3 for a volume.
    axes: usize,
}

impl GridMap {
    /// Mapping to a frame of `columns` and `rows` pixels. `None` if the frame's plane is invalid.
    pub fn onto_frame(
        (slice, slice_spacing): (Plane, PixelSpacing),
        slice_size: [usize; 2],
        (frame, frame_spacing): (Plane, PixelSpacing),
        [columns, rows]: [usize; 2],
    ) -> Option<Self> {
        let grid_from_slice = Affine::of_plane(&frame, frame_spacing)
            .inverse()?
            .compose_after(&Affine::of_plane(&slice, slice_spacing));
        let depths = corner_pixel_centers(slice_size)
            .map(|corner| frame_height_above(&grid_from_slice, corner));
        let (low, high) = lowest_and_highest(depths.into_iter());
        let middle = slice_size.map(|n| n.saturating_sub(1) as f64 / 2.0);
        let tilt = if high < f64::MAX {
            high - low
        } else {
            f64::MAX
        };
        let size = [columns, rows, 1];
        let map = Self {
            fit: GridFit::Other,
            depth: frame_height_above(&grid_from_slice, middle),
            tilt,
            grid_from_slice,
            size,
            axes: 2,
        };
        Some(map.snap_to_pixels(slice_size))
    }

    /// Mapping from a slice of `slice_size` columns and rows to a volume of `size` voxels. `None` if the volume's
    /// mapping cannot be inverted.
    pub fn onto_volume(
        slice: &Affine,
        slice_size: [usize; 2],
        volume: &Affine,
        size: [usize; 3],
    ) -> Option<Self> {
        let grid_from_slice = volume.inverse()?.compose_after(slice);
        let map = Self {
            fit: GridFit::Other,
            depth: 0.0,
            tilt: 0.0,
            grid_from_slice,
            size,
            axes: 3,
        };
        Some(map.snap_to_pixels(slice_size))
    }

    /// Rounds the mapping to whole numbers if pixels coincide.
    fn snap_to_pixels(self, slice_size: [usize; 2]) -> Self {
        let Affine {
            steps: [across, down, through],
            origin,
        } = self.grid_from_slice;
        let across = round_first_axes(across, self.axes);
        let down = round_first_axes(down, self.axes);
        let across_axis = axis_of_unit_step(across, self.axes);
        let down_axis = axis_of_unit_step(down, self.axes);
        if across_axis.is_none() || down_axis.is_none() || across_axis == down_axis {
            return self;
        }
        let steps = [across, down, through];
        let snapped = Affine {
            steps,
            origin: round_first_axes(origin, self.axes),
        };
        let snapped_distance = self.max_corner_distance(&snapped, slice_size);
        if snapped_distance <= SAME_PIXEL {
            let is_same = snapped.keeps_columns_and_rows() && self.size[..2] == slice_size;
            let fit = if is_same {
                GridFit::Same
            } else {
                GridFit::Rearranged
            };
            return Self {
                fit,
                grid_from_slice: snapped,
                ..self
            };
        }
        let shifted = Affine { steps, origin };
        if self.max_corner_distance(&shifted, slice_size) > SAME_PIXEL {
            return self;
        }
        Self {
            fit: GridFit::Shifted(snapped_distance.min(0.5)),
            grid_from_slice: shifted,
            ..self
        }
    }

    /// Maximum distance between the corners of the slice as mapped by this and by `other`, in pixels of the grid.
    fn max_corner_distance(&self, other: &Affine, slice_size: [usize; 2]) -> f64 {
        let mut farthest = 0.0;
        for [x, y] in corner_pixel_centers(slice_size) {
            let here = self.grid_from_slice.map_point([x, y, 0.0]);
            let there = other.map_point([x, y, 0.0]);
            for axis in 0..self.axes {
                farthest = f64::max(farthest, (here[axis] - there[axis]).abs());
            }
        }
        farthest
    }

    /// Maximum distance between the planes, mm.
    pub fn max_plane_distance(&self) -> f64 {
        self.depth.abs() + self.tilt / 2.0
    }

    /// Column, row and layer of the grid pixel that contains the centre of this pixel of the slice; `None` outside.
    pub fn grid_pixel_at(&self, column: usize, row: usize) -> Option<[usize; 3]> {
        let at = self
            .grid_from_slice
            .map_point([column as f64, row as f64, 0.0]);
        let mut pixel = [0; 3];
        for axis in 0..self.axes {
            let near = (at[axis] + 0.5 + NUDGE).floor();
            if !(near >= 0.0 && near < self.size[axis] as f64) {
                return None;
            }
            pixel[axis] = near as usize;
        }
        Some(pixel)
    }
}

/// Signed distance of the frame from a pixel of the slice, along the slice's normal, mm; [`f64::MAX`] if the frame is
/// perpendicular to the slice.
fn frame_height_above(frame_from_slice: &Affine, [x, y]: [f64; 2]) -> f64 {
    let slope = frame_from_slice.steps[2][2];
    if slope.abs() > UPRIGHT {
        -frame_from_slice.map_point([x, y, 0.0])[2] / slope
    } else {
        f64::MAX
    }
}

/// Rounds the first `axes` coordinates.
fn round_first_axes(v: [f64; 3], axes: usize) -> [f64; 3] {
    array::from_fn(|i| if i < axes { v[i].round() } else { v[i] })
}

/// The axis (of the first `axes`) that a whole-number step follows by exactly one pixel; `None` for any other step.
fn axis_of_unit_step(step: [f64; 3], axes: usize) -> Option<usize> {
    let length: f64 = (0..axes).map(|i| step[i].abs()).sum();
    if length == 1.0 {
        (0..axes).find(|i| step[*i] != 0.0)
    } else {
        None
    }
}

/// Centres of the corner pixels.
fn corner_pixel_centers(size: [usize; 2]) -> [[f64; 2]; 4] {
    let [x, y] = size.map(|n| n.saturating_sub(1) as f64);
    [[0.0, 0.0], [x, 0.0], [0.0, y], [x, y]]
}

#[cfg(test)]
mod tests;

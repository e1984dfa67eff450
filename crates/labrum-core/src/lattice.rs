//! Grids of voxels in the patient, and the way from the pixels of a slice to those of another grid: to the frame of a
//! segmentation, or to a volume.

use super::geometry::{PixelSpacing, Plane};
use serde::{Deserialize, Serialize};

/// Grids that are nowhere further apart than this, in pixels, are one: the rounding of files.
const SAME_PIXEL: f64 = 0.1;
/// On the border of two pixels always the same one is taken, whatever the rounding.
const NUDGE: f64 = 1e-3;
/// Planes that stand on each other (cosine) have no depth.
const UPRIGHT: f64 = 0.1;

/// From indices (column, row, slice) to other coordinates: to the patient (LPS, mm), or to the indices of another grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Affine {
    /// The way from one index to the next along each of the three axes.
    pub steps: [[f64; 3]; 3],
    /// Where index 0, 0, 0 lies: the middle of the first voxel.
    pub origin: [f64; 3],
}

impl Affine {
    /// Of the pixels of a slice; its third axis is the normal, in mm.
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

    /// Where an index lies.
    pub fn map_point(&self, index: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|i| {
            self.origin[i]
                + (0..3)
                    .map(|axis| self.steps[axis][i] * index[axis])
                    .sum::<f64>()
        })
    }

    /// The lengths of the three steps.
    pub fn step_lengths(&self) -> [f64; 3] {
        self.steps.map(vector_length)
    }

    /// The way back; `None` where the axes lie in one plane, or no numbers are.
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
        // Rows of the inverse are the cross products over the volume; its columns are the steps.
        let rows = [bc, ca, ab].map(|row| row.map(|v| v / volume));
        let steps = std::array::from_fn(|i| std::array::from_fn(|axis| rows[axis][i]));
        let origin = std::array::from_fn(|axis| -dot_product(rows[axis], self.origin));
        Some(Self { steps, origin })
    }

    /// First `first`, then this.
    pub fn compose_after(&self, first: &Self) -> Self {
        let turned = |v: [f64; 3]| {
            std::array::from_fn(|i| (0..3).map(|axis| self.steps[axis][i] * v[axis]).sum())
        };
        Self {
            steps: first.steps.map(turned),
            origin: self.map_point(first.origin),
        }
    }
}

/// How well the pixels of a slice meet those of another grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GridFit {
    /// Pixel by pixel, in the same rows and columns.
    Same,
    /// Pixel on pixel, but mirrored, turned by quarters or cut out.
    Rearranged,
    /// The same but for a shift, of so much of a pixel at most.
    Shifted(f64),
    /// Pixels of another size, or turned by another angle.
    Other,
}

/// From the pixels of a slice to those of another grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GridMap {
    /// How well pixels meet pixels.
    pub fit: GridFit,
    /// How far a frame lies above the plane of the slice (along the slice's normal) in the middle of the slice, mm; 0 for a
    /// volume.
    pub depth: f64,
    /// How much `depth` differs between the corners of the slice, mm: 0 where the planes are parallel.
    pub tilt: f64,
    /// In columns, rows and layers of the grid; for a frame the last is the height above it, mm.
    grid_from_slice: Affine,
    /// Columns, rows and layers of the grid.
    size: [usize; 3],
    /// Axes along which pixels have to meet: of a frame only those in its plane.
    axes: usize,
}

impl GridMap {
    /// To a frame in a plane that is parallel to the slice, both with the columns and rows that they have. `None` where
    /// the frame has no plane.
    pub fn onto_frame(
        (slice, slice_spacing): (Plane, PixelSpacing),
        slice_size: [usize; 2],
        (frame, frame_spacing): (Plane, PixelSpacing),
        [columns, rows]: [usize; 2],
    ) -> Option<Self> {
        let grid_from_slice = Affine::of_plane(&frame, frame_spacing)
            .inverse()?
            .compose_after(&Affine::of_plane(&slice, slice_spacing));
        // Along the slice's normal from its pixel to the plane of the frame.
        let slope = grid_from_slice.steps[2][2];
        let above = |[x, y]: [f64; 2]| match slope.abs() > UPRIGHT {
            true => -grid_from_slice.map_point([x, y, 0.0])[2] / slope,
            false => f64::MAX,
        };
        let depths = corner_pixel_centers(slice_size).map(above);
        let (low, high) = depths
            .iter()
            .fold((f64::MAX, f64::MIN), |(l, h), d| (l.min(*d), h.max(*d)));
        let middle = slice_size.map(|n| n.saturating_sub(1) as f64 / 2.0);
        let tilt = if high < f64::MAX {
            high - low
        } else {
            f64::MAX
        };
        let size = [columns, rows, 1];
        let map = Self {
            fit: GridFit::Other,
            depth: above(middle),
            tilt,
            grid_from_slice,
            size,
            axes: 2,
        };
        Some(map.snap_to_pixels(slice_size))
    }

    /// To a volume of `size` voxels, from a slice of `slice_size` columns and rows. `None` where the volume is none.
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

    /// With whole numbers where pixels meet pixels.
    fn snap_to_pixels(self, slice_size: [usize; 2]) -> Self {
        let axes = 0..self.axes;
        let whole =
            |v: [f64; 3]| std::array::from_fn(|i| if i < self.axes { v[i].round() } else { v[i] });
        let Affine {
            steps: [across, down, through],
            origin,
        } = self.grid_from_slice;
        let (across, down) = (whole(across), whole(down));
        let along = |v: [f64; 3]| {
            let length: f64 = axes.clone().map(|i| v[i].abs()).sum();
            if length == 1.0 {
                axes.clone().find(|i| v[*i] != 0.0)
            } else {
                None
            }
        };
        let is_alike = matches!((along(across), along(down)), (Some(a), Some(b)) if a != b);
        if !is_alike {
            return self;
        }
        let with = |origin| Affine {
            steps: [across, down, through],
            origin,
        };
        let off = |other: &Affine| {
            let at = |[x, y]: [f64; 2]| {
                let (p, q) = (
                    self.grid_from_slice.map_point([x, y, 0.0]),
                    other.map_point([x, y, 0.0]),
                );
                axes.clone()
                    .map(|i| (p[i] - q[i]).abs())
                    .fold(0.0, f64::max)
            };
            corner_pixel_centers(slice_size)
                .map(at)
                .into_iter()
                .fold(0.0, f64::max)
        };
        let (snapped, shifted) = (with(whole(origin)), with(origin));
        if off(&snapped) <= SAME_PIXEL {
            let first = |v: [f64; 3]| [v[0], v[1]];
            let is_in_order = first(across) == [1.0, 0.0] && first(down) == [0.0, 1.0];
            let is_same =
                is_in_order && first(snapped.origin) == [0.0; 2] && self.size[..2] == slice_size;
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
        match off(&shifted) <= SAME_PIXEL {
            true => Self {
                fit: GridFit::Shifted(off(&snapped).min(0.5)),
                grid_from_slice: shifted,
                ..self
            },
            false => self,
        }
    }

    /// How far the planes are apart at most, mm.
    pub fn max_plane_distance(&self) -> f64 {
        self.depth.abs() + self.tilt / 2.0
    }

    /// Column, row and layer of the grid's pixel in which the middle of this pixel of the slice lies; `None` beside it.
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

/// The middles of the pixels in the corners.
fn corner_pixel_centers(size: [usize; 2]) -> [[f64; 2]; 4] {
    let [x, y] = size.map(|n| n.saturating_sub(1) as f64);
    [[0.0, 0.0], [x, 0.0], [0.0, y], [x, y]]
}

fn dot_product(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|i| a[i] * b[i]).sum()
}

fn cross_product(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

fn vector_length(v: [f64; 3]) -> f64 {
    dot_product(v, v).sqrt()
}

#[cfg(test)]
mod tests;

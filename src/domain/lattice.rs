//! Grids of voxels in the patient, and the way from the pixels of a slice to the voxels of another grid.

use super::geometry::{PixelSpacing, Plane};
use serde::{Deserialize, Serialize};

/// Voxels that lie beside pixels by less than this part of a voxel lie on them: the rounding of files.
const ON_IT: f64 = 0.05;

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
        let steps = [[a, b, c].map(|v| v * spacing.column), [d, e, f].map(|v| v * spacing.row), plane.normal()];
        Self { steps, origin: plane.position }
    }

    /// Where an index lies.
    pub fn at(&self, index: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|i| self.origin[i] + (0..3).map(|axis| self.steps[axis][i] * index[axis]).sum::<f64>())
    }

    /// The lengths of the three steps.
    pub fn spacing(&self) -> [f64; 3] {
        self.steps.map(length)
    }

    /// The way back; `None` where the axes lie in one plane, or no numbers are.
    pub fn inverse(&self) -> Option<Self> {
        let [a, b, c] = self.steps;
        let [bc, ca, ab] = [cross(b, c), cross(c, a), cross(a, b)];
        let volume = dot(a, bc);
        if !volume.is_finite() || volume.abs() <= 1e-6 * length(a) * length(b) * length(c) || volume == 0.0 {
            return None;
        }
        // Rows of the inverse are the cross products over the volume; its columns are the steps.
        let rows = [bc, ca, ab].map(|row| row.map(|v| v / volume));
        let steps = std::array::from_fn(|i| std::array::from_fn(|axis| rows[axis][i]));
        let origin = std::array::from_fn(|axis| -dot(rows[axis], self.origin));
        Some(Self { steps, origin })
    }

    /// First `first`, then this.
    pub fn after(&self, first: &Self) -> Self {
        let turned = |v: [f64; 3]| std::array::from_fn(|i| (0..3).map(|axis| self.steps[axis][i] * v[axis]).sum());
        Self { steps: first.steps.map(turned), origin: self.at(first.origin) }
    }
}

/// How the pixels of a slice lie on the voxels of a grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fit {
    /// Each pixel on a voxel.
    Same,
    /// One beside the other, by so much of a voxel.
    Beside(f64),
    /// Voxels have another size or direction.
    Other,
}

/// From the pixels of a slice to the voxels of a grid.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    grid_from_slice: Affine,
    /// Voxels of the grid along its axes.
    size: [usize; 3],
}

impl Way {
    /// From a slice to a grid of `size` voxels. `None` where the grid is none.
    pub fn new(slice: &Affine, grid: &Affine, size: [usize; 3]) -> Option<Self> {
        Some(Self { grid_from_slice: grid.inverse()?.after(slice), size })
    }

    /// The voxel under a pixel, or the nearest one; `None` beside the grid.
    pub fn voxel(&self, column: usize, row: usize) -> Option<[usize; 3]> {
        let at = self.grid_from_slice.at([column as f64, row as f64, 0.0]);
        let mut voxel = [0; 3];
        for axis in 0..3 {
            // Half a voxel off goes to the same side on all slices, whatever the rounding of the file.
            let near = (at[axis] + 0.5 - 1e-3).floor();
            if !(near >= 0.0 && near < self.size[axis] as f64) {
                return None;
            }
            voxel[axis] = near as usize;
        }
        Some(voxel)
    }

    /// How a slice of `columns` x `rows` pixels lies on the grid.
    pub fn fit(&self, columns: usize, rows: usize) -> Fit {
        let off = |v: f64| (v - v.round()).abs();
        let Affine { steps: [across, down, _], origin } = self.grid_from_slice;
        let is_unit = |step: [f64; 3]| step.iter().map(|v| v.round().abs()).sum::<f64>() == 1.0;
        let axis = |step: [f64; 3]| step.iter().position(|v| v.round() != 0.0);
        let drift = |i: usize| columns as f64 * off(across[i]) + rows as f64 * off(down[i]);
        let is_alike = is_unit(across) && is_unit(down) && axis(across) != axis(down);
        if !is_alike || (0..3).any(|i| drift(i) > 0.5) {
            return Fit::Other;
        }
        let most = (0..3).map(|i| off(origin[i]) + drift(i)).fold(0.0, f64::max).min(0.5);
        if most < ON_IT { Fit::Same } else { Fit::Beside(most) }
    }
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|i| a[i] * b[i]).sum()
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn length(v: [f64; 3]) -> f64 {
    dot(v, v).sqrt()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::geometry::SpacingSource;

    const GRID: Affine =
        Affine { steps: [[2.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 5.0]], origin: [-10.0, -20.0, 30.0] };

    fn slice(position: [f64; 3], orientation: [f64; 6], [row, column]: [f64; 2]) -> Affine {
        let spacing = PixelSpacing { row, column, source: SpacingSource::PixelSpacing };
        Affine::of_plane(&Plane { position, orientation }, spacing)
    }

    #[test]
    fn the_way_back_leads_to_the_index() {
        let tilted = Affine { steps: [[2.0, 0.1, 0.0], [0.0, 3.0, -0.5], [0.3, 0.0, 5.0]], origin: [1.0, 2.0, 3.0] };
        let back = tilted.inverse().unwrap().at(tilted.at([4.0, 5.0, 6.0]));
        assert!(back.iter().zip([4.0, 5.0, 6.0]).all(|(a, b)| (a - b).abs() < 1e-9), "{back:?}");
        let flat = Affine { steps: [[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 1.0]], origin: [0.0; 3] };
        assert_eq!(flat.inverse(), None);
        assert_eq!(Affine { steps: [[f64::NAN; 3]; 3], ..flat }.inverse(), None);
    }

    #[test]
    fn mirrored_and_exchanged_axes_are_the_same_voxels() {
        // Rows run down the first axis of the grid, columns backwards along the second.
        let turned = slice([-10.0, -11.0, 35.0], [0.0, -1.0, 0.0, 1.0, 0.0, 0.0], [2.0, 3.0]);
        let way = Way::new(&turned, &GRID, [5, 4, 2]).unwrap();
        assert_eq!(way.fit(4, 5), Fit::Same);
        assert_eq!(way.voxel(0, 0), Some([0, 3, 1]));
        assert_eq!(way.voxel(3, 4), Some([4, 0, 1]));
        assert_eq!(way.voxel(4, 0), None);
    }

    #[test]
    fn voxels_beside_pixels_and_other_voxels_are_told() {
        let straight = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        let fit =
            |position, spacing| Way::new(&slice(position, straight, spacing), &GRID, [5, 4, 2]).unwrap().fit(5, 4);
        assert_eq!(fit([-10.0, -20.0, 30.0], [3.0, 2.0]), Fit::Same);
        assert!(matches!(fit([-9.5, -20.0, 30.0], [3.0, 2.0]), Fit::Beside(off) if (off - 0.25).abs() < 1e-9));
        assert!(matches!(fit([-10.0, -20.0, 32.0], [3.0, 2.0]), Fit::Beside(off) if (off - 0.4).abs() < 1e-9));
        // Twice as fine and twice as coarse.
        assert_eq!(fit([-10.0, -20.0, 30.0], [1.5, 1.0]), Fit::Other);
        assert_eq!(fit([-10.0, -20.0, 30.0], [6.0, 4.0]), Fit::Other);
    }

    #[test]
    fn a_slice_far_away_meets_no_voxel() {
        let far = slice([-10.0, -20.0, 300.0], [1.0, 0.0, 0.0, 0.0, 1.0, 0.0], [3.0, 2.0]);
        assert_eq!(Way::new(&far, &GRID, [5, 4, 2]).unwrap().voxel(0, 0), None);
    }
}

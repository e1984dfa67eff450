//! Where the pixels of one plane lie on the grid of pixels of another, parallel one.

use super::geometry::{PixelSpacing, Plane};

/// Grids that are nowhere further apart than this, in pixels, are one: the rounding of decimal strings.
const SAME_PIXEL: f64 = 0.1;

/// How one grid lies on another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fit {
    /// Pixel by pixel, in the same rows and columns.
    Same,
    /// Pixel on pixel, but mirrored, turned by quarters or cut out.
    Rearranged,
    /// The same but for a shift, of so much of a pixel at most.
    Shifted(f64),
    /// Pixels of another size, or turned by another angle.
    Other,
}

/// From the pixels of a target to those of a source in a plane that is parallel to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GridMap {
    /// How well pixels meet pixels.
    pub fit: Fit,
    /// How far the source lies above the plane of the target (along its normal) at the middle of the target, mm.
    pub depth: f64,
    /// How much `depth` differs between the corners of the target, mm: 0 where the planes are parallel.
    pub tilt: f64,
    /// The source's column and row under the first pixel of the target.
    origin: [f64; 2],
    /// What they grow by from column to column of the target.
    across: [f64; 2],
    /// And from row to row.
    down: [f64; 2],
}

impl GridMap {
    /// From a target of `size` columns and rows to a source of `source_size`.
    pub fn between(
        (target, target_spacing): (Plane, PixelSpacing),
        size: [usize; 2],
        (source, source_spacing): (Plane, PixelSpacing),
        source_size: [usize; 2],
    ) -> Self {
        let [a, b, c, d, e, f] = source.orientation;
        let (row, column, normal) = ([a, b, c], [d, e, f], target.normal());
        let dot = |v: [f64; 3], axis: [f64; 3]| (0..3).map(|i| v[i] * axis[i]).sum::<f64>();
        let place = |x: f64, y: f64| {
            let at = target.patient_from_pixel(target_spacing, x, y);
            let from: [f64; 3] = std::array::from_fn(|i| at[i] - source.position[i]);
            ([dot(from, row) / source_spacing.column, dot(from, column) / source_spacing.row], from)
        };
        let (origin, _) = place(0.0, 0.0);
        let step = |x: f64, y: f64| {
            let (at, _) = place(x, y);
            [at[0] - origin[0], at[1] - origin[1]]
        };
        let far = size.map(|n| n.saturating_sub(1) as f64);
        let corners = [[0.0, 0.0], [far[0], 0.0], [0.0, far[1]], far];
        // Along the target's normal from the pixel of the target to the plane of the source.
        let source_normal = source.normal();
        let slope = dot(source_normal, normal);
        let above = |[x, y]: [f64; 2]| {
            let (_, from) = place(x, y);
            if slope.abs() > 0.1 { -dot(from, source_normal) / slope } else { f64::MAX }
        };
        let depths = corners.map(above);
        let (low, high) = depths.iter().fold((f64::MAX, f64::MIN), |(l, h), d| (l.min(*d), h.max(*d)));
        let map = Self {
            fit: Fit::Other,
            depth: above([far[0] / 2.0, far[1] / 2.0]),
            tilt: if high < f64::MAX { high - low } else { f64::MAX },
            origin,
            across: step(1.0, 0.0),
            down: step(0.0, 1.0),
        };
        map.fitted(corners, size == source_size)
    }

    /// With whole numbers where pixels meet pixels.
    fn fitted(self, corners: [[f64; 2]; 4], same_size: bool) -> Self {
        let round = |v: [f64; 2]| v.map(f64::round);
        let (across, down) = (round(self.across), round(self.down));
        let is_step = |v: [f64; 2]| v[0].abs() + v[1].abs() == 1.0;
        if !is_step(across) || !is_step(down) || across[0] * down[0] + across[1] * down[1] != 0.0 {
            return self;
        }
        let whole = Self { origin: round(self.origin), across, down, ..self };
        let off = |other: &Self| {
            let at = |[x, y]: [f64; 2]| {
                let (p, q) = (self.at(x, y), other.at(x, y));
                (p[0] - q[0]).abs().max((p[1] - q[1]).abs())
            };
            corners.map(at).into_iter().fold(0.0, f64::max)
        };
        if off(&whole) <= SAME_PIXEL {
            let in_order = whole.across == [1.0, 0.0] && whole.down == [0.0, 1.0] && whole.origin == [0.0, 0.0];
            return Self { fit: if in_order && same_size { Fit::Same } else { Fit::Rearranged }, ..whole };
        }
        let shifted = Self { across, down, ..self };
        match off(&shifted) <= SAME_PIXEL {
            true => Self { fit: Fit::Shifted(off(&whole)), ..shifted },
            false => self,
        }
    }

    /// How far the planes are apart at most, mm.
    pub fn distance(&self) -> f64 {
        self.depth.abs() + self.tilt / 2.0
    }

    /// The place on the source, in columns and rows, of a place on the target; whole numbers are middles of pixels.
    fn at(&self, x: f64, y: f64) -> [f64; 2] {
        std::array::from_fn(|i| self.origin[i] + self.across[i] * x + self.down[i] * y)
    }

    /// The pixel of a source of `size` in which the middle of this pixel of the target lies; `None` beside it.
    pub fn source_pixel(&self, column: usize, row: usize, size: [usize; 2]) -> Option<[usize; 2]> {
        // On the border of two pixels always the same one, whatever the rounding.
        const NUDGE: f64 = 1e-6;
        let at = self.at(column as f64, row as f64).map(|v| (v + 0.5 + NUDGE).floor());
        let inside = (0..2).all(|i| at[i] >= 0.0 && at[i] < size[i] as f64);
        inside.then(|| at.map(|v| v as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::geometry::SpacingSource;

    const SIZE: [usize; 2] = [4, 3];

    fn spacing(row: f64, column: f64) -> PixelSpacing {
        PixelSpacing { row, column, source: SpacingSource::PixelSpacing }
    }

    fn plane(position: [f64; 3], orientation: [f64; 6]) -> Plane {
        Plane { position, orientation }
    }

    /// 4 x 3 pixels of 2 mm (along rows) by 3 mm, the first at 10, 20, 5.
    fn target() -> (Plane, PixelSpacing) {
        (plane([10.0, 20.0, 5.0], [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]), spacing(3.0, 2.0))
    }

    /// The source's pixel under each of the target's, row by row.
    fn pixels(map: &GridMap, size: [usize; 2]) -> Vec<Option<[usize; 2]>> {
        (0..3).flat_map(|y| (0..4).map(move |x| (x, y))).map(|(x, y)| map.source_pixel(x, y, size)).collect()
    }

    fn expected(of: impl Fn(usize, usize) -> [usize; 2]) -> Vec<Option<[usize; 2]>> {
        (0..3).flat_map(|y| (0..4).map(move |x| (x, y))).map(|(x, y)| Some(of(x, y))).collect()
    }

    #[test]
    fn one_grid_is_itself_and_rounding_does_not_matter() {
        let rounded = (plane([10.01, 20.01, 5.0], [0.999999, 0.0, 0.0, 0.0, 1.0, 0.0]), spacing(3.001, 2.0));
        for source in [target(), rounded] {
            let map = GridMap::between(target(), SIZE, source, SIZE);
            assert_eq!(map.fit, Fit::Same);
            assert_eq!(pixels(&map, SIZE), expected(|x, y| [x, y]));
        }
    }

    #[test]
    fn mirrored_and_turned_grids_meet_pixel_by_pixel() {
        let mirrored = (plane([16.0, 20.0, 5.0], [-1.0, 0.0, 0.0, 0.0, 1.0, 0.0]), spacing(3.0, 2.0));
        let map = GridMap::between(target(), SIZE, mirrored, SIZE);
        assert_eq!((map.fit, map.depth), (Fit::Rearranged, 0.0));
        assert_eq!(pixels(&map, SIZE), expected(|x, y| [3 - x, y]));
        let half_turn = (plane([16.0, 26.0, 5.0], [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0]), spacing(3.0, 2.0));
        let map = GridMap::between(target(), SIZE, half_turn, SIZE);
        assert_eq!(pixels(&map, SIZE), expected(|x, y| [3 - x, 2 - y]));
        // Rows of the source run down the target: 3 columns of 3 mm, 4 rows of 2 mm.
        let quarter = (plane([16.0, 20.0, 5.0], [0.0, 1.0, 0.0, -1.0, 0.0, 0.0]), spacing(2.0, 3.0));
        let map = GridMap::between(target(), SIZE, quarter, [3, 4]);
        assert_eq!(map.fit, Fit::Rearranged);
        assert_eq!(pixels(&map, [3, 4]), expected(|x, y| [y, 3 - x]));
    }

    #[test]
    fn shifts_other_sizes_of_pixels_and_other_planes_are_told() {
        let shifted = (plane([10.8, 20.0, 5.0], target().0.orientation), spacing(3.0, 2.0));
        let map = GridMap::between(target(), SIZE, shifted, SIZE);
        assert!(matches!(map.fit, Fit::Shifted(by) if (by - 0.4).abs() < 1e-9), "{:?}", map.fit);
        assert_eq!(map.source_pixel(0, 0, SIZE), Some([0, 0]));
        let coarse = (plane([11.0, 20.0, 7.5], target().0.orientation), spacing(3.0, 4.0));
        let map = GridMap::between(target(), SIZE, coarse, [2, 3]);
        assert_eq!((map.fit, map.depth, map.tilt), (Fit::Other, 2.5, 0.0));
        assert_eq!(pixels(&map, [2, 3]), expected(|x, y| [x / 2, y]));
        let (sin, cos) = 0.2f64.sin_cos();
        let tilted = (plane([10.0, 20.0, 5.0], [cos, 0.0, sin, 0.0, 1.0, 0.0]), spacing(3.0, 2.0));
        let map = GridMap::between(target(), SIZE, tilted, SIZE);
        assert!(map.tilt > 1.0 && map.distance() > 1.0, "{map:?}");
    }
}

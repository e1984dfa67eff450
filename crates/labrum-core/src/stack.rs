//! A series as a volume: parallel planes on one grid in the patient, and the three views across it.
//!
//! The grid has square corners: its axes are those of the slices' columns and rows, and their normal. Where a gantry was
//! tilted each slice lies shifted on it; where spacing is uneven or slices are missing, layers of the grid are shown by
//! the slice that is near, or by none.

use super::study::Series;

/// Layers of a grid at most: a gap of a mile is no reason to fill the memory.
const MOST_LAYERS: usize = 4096;

/// Shifts below this, in pixels, are the rounding of the file.
const NO_SHIFT: f64 = 0.05;

/// Planes that are off a main plane of the body by no more than this, in degrees, have its name.
const SAME_PLANE: f64 = 5.0;

/// Which of the three views: the plane of one slice, of one column of all slices, or of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ViewPlane {
    /// The slices as they were acquired.
    Slice,
    /// One column of all slices: across the columns.
    Column,
    /// One row of all slices: across the rows.
    Row,
}

impl ViewPlane {
    /// All three, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Slice, Self::Column, Self::Row];

    /// The axis of the grid that stands on it: 0 across columns, 1 across rows, 2 across slices.
    pub fn normal_axis(self) -> usize {
        match self {
            Self::Slice => 2,
            Self::Column => 0,
            Self::Row => 1,
        }
    }
}

/// Where the slices of a series lie on a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// Columns, rows and layers.
    pub size: [usize; 3],
    /// Millimetres from one column, row and layer to the next.
    pub spacing: [f64; 3],
    /// Unit vectors in the patient (LPS) along a row, down a column, and across the slices.
    pub directions: [[f64; 3]; 3],
    /// What a user should know of it.
    pub notes: Vec<String>,
    /// The place in the patient of the middle of the first cell, mm.
    origin: [f64; 3],
    /// Width and height of a slice.
    pixels: [usize; 2],
    /// For each slice the place of its left upper corner on the grid, in columns and rows.
    shifts: Vec<[f64; 2]>,
    /// For each layer the slice that shows it.
    slices: Vec<Option<usize>>,
    /// For each slice its layer.
    layers: Vec<usize>,
}

impl Stack {
    /// The grid of a series.
    ///
    /// # Errors
    /// Why it is no volume, as a sentence.
    pub fn from_series(series: &Series) -> Result<Self, String> {
        let count = series.slices.len();
        if count < 2 {
            return Err("It has one slice.".into());
        }
        let planes: Option<Vec<_>> = series.slices.iter().map(|s| s.plane).collect();
        let planes = planes.ok_or("Its slices do not say where they lie in the patient.")?;
        let spacing = series
            .slices
            .first()
            .and_then(|s| s.spacing)
            .filter(|s| s.is_physical());
        let spacing = spacing.ok_or("Its slices do not say how large their pixels are.")?;
        let (Some(first), Some(last)) = (planes.first(), planes.last()) else {
            return Err("It has no slice.".into());
        };
        let turned = |p: &super::geometry::Plane| {
            (0..6).any(|i| (p.orientation[i] - first.orientation[i]).abs() > 1e-3)
        };
        if planes.iter().any(turned) {
            return Err("Its slices are not parallel.".into());
        }
        let [a, b, c, d, e, f] = first.orientation;
        let directions = [[a, b, c], [d, e, f], first.unit_normal()];
        let mm = [spacing.column, spacing.row];
        let from_first = |p: &super::geometry::Plane, axis: usize| {
            (0..3)
                .map(|i| (p.position[i] - first.position[i]) * directions[axis][i])
                .sum::<f64>()
        };
        let depths: Vec<f64> = planes.iter().map(|p| from_first(p, 2)).collect();
        let GridLayers {
            step,
            slices,
            layers,
            missing,
        } = GridLayers::from_depths(&depths)?;
        let mut shifts: Vec<[f64; 2]> = planes
            .iter()
            .map(|p| [0, 1].map(|axis| from_first(p, axis) / mm[axis]))
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
            return Err("Its slices lie beside each other, not one behind the other.".into());
        }
        let mut notes = Vec::new();
        let aside = from_first(last, 0).hypot(from_first(last, 1));
        let tilt = aside.atan2(*depths.last().unwrap_or(&1.0)).to_degrees();
        if tilt > 0.5 {
            notes.push(format!(
                "the gantry was tilted by {tilt:.0}°: slices are shown where they lie"
            ));
        }
        if missing > 0 {
            let slices = if missing == 1 {
                "1 slice is".to_owned()
            } else {
                format!("{missing} slices are")
            };
            notes.push(format!("{slices} missing: gaps stay empty"));
        }
        let origin = std::array::from_fn(|i| {
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

    /// Width and height of a slice.
    pub fn slice_size(&self) -> [usize; 2] {
        self.pixels
    }

    /// The slice that shows a layer; `None` in a gap and outside.
    pub fn slice_of_layer(&self, layer: usize) -> Option<usize> {
        self.slices.get(layer).copied().flatten()
    }

    /// The layer that a slice lies in.
    pub fn layer_of_slice(&self, slice: usize) -> usize {
        self.layers.get(slice).copied().unwrap_or(0)
    }

    /// The slice whose layer is nearest.
    pub fn slice_near(&self, layer: usize) -> usize {
        let at = self.layers.partition_point(|l| *l < layer);
        let before = at.checked_sub(1);
        match (before.and_then(|b| self.layers.get(b)), self.layers.get(at)) {
            (Some(low), Some(high)) if layer - low < high - layer => at - 1,
            (Some(_), None) => at - 1,
            _ => at,
        }
    }

    /// The pixel of a slice under the cell (`column`, `row`) of the grid; `None` beside the slice.
    pub fn pixel_of(&self, slice: usize, column: usize, row: usize) -> Option<[usize; 2]> {
        let shift = self.shifts.get(slice)?;
        let one = |cell: usize, shift: f64, count: usize| {
            let at = (cell as f64 + 0.5 - shift).floor();
            (at >= 0.0 && (at as usize) < count).then_some(at as usize)
        };
        Some([
            one(column, shift[0], self.pixels[0])?,
            one(row, shift[1], self.pixels[1])?,
        ])
    }

    /// The place on a slice (pixels from its left upper corner) of a place on the grid.
    pub fn slice_from_grid(&self, slice: usize, at: [f64; 3]) -> [f64; 2] {
        let shift = self.shifts.get(slice).copied().unwrap_or_default();
        [at[0] - shift[0], at[1] - shift[1]]
    }

    /// The place on the grid of a place on a slice: in the middle of its layer.
    pub fn grid_from_slice(&self, slice: usize, at: [f64; 2]) -> [f64; 3] {
        let shift = self.shifts.get(slice).copied().unwrap_or_default();
        [
            at[0] + shift[0],
            at[1] + shift[1],
            self.layer_of_slice(slice) as f64 + 0.5,
        ]
    }

    /// Patient coordinates (LPS, mm) of a place on the grid.
    pub fn patient_from_grid(&self, at: [f64; 3]) -> [f64; 3] {
        let along = |axis: usize, i: usize| {
            self.directions[axis][i] * self.spacing[axis] * (at[axis] - 0.5)
        };
        std::array::from_fn(|i| self.origin[i] + (0..3).map(|axis| along(axis, i)).sum::<f64>())
    }

    /// The nearest place within the grid.
    pub fn clamp_to_grid(&self, at: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|i| {
            let end = self.size[i] as f64 - 1e-6;
            if at[i].is_finite() {
                at[i].clamp(0.0, end)
            } else {
                end / 2.0
            }
        })
    }

    /// How a view lies on the screen. The plane of the slices is shown as it was acquired; the others with head or front
    /// up and the patient's left on the right, or front on the left.
    pub fn view_pane(&self, plane: ViewPlane) -> Pane {
        let (axes, flips) = match plane {
            ViewPlane::Slice => ([0, 1], [false; 2]),
            ViewPlane::Column => self.upright_axes(1, 2),
            ViewPlane::Row => self.upright_axes(0, 2),
        };
        let toward = |i: usize| self.directions[axes[i]].map(|v| if flips[i] { -v } else { v });
        Pane {
            plane,
            axes,
            flips,
            size: axes.map(|a| self.size[a]),
            spacing: axes.map(|a| self.spacing[a]),
            right: toward(0),
            down: toward(1),
            name: self.plane_name(plane),
        }
    }

    /// Which of two axes goes across and which down the screen, and which of both run backwards.
    fn upright_axes(&self, a: usize, b: usize) -> ([usize; 2], [bool; 2]) {
        let (b_is_down, backwards) = upright_directions(self.directions[a], self.directions[b]);
        (if b_is_down { [a, b] } else { [b, a] }, backwards)
    }

    /// "Sagittal" where it is one; else what it is: "Acquired, 23° off axial".
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
        // Each axis of the grid stands for another axis of the body, so that no two views have one name.
        let agreement = |order: &[usize; 3]| {
            (0..3)
                .map(|axis| self.directions[axis][order[axis]].abs())
                .sum::<f64>()
        };
        let best = ORDERS
            .iter()
            .max_by(|a, b| agreement(a).total_cmp(&agreement(b)))
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
            "Reformatted"
        };
        format!("{kind}, {off:.0}° off {body}")
    }
}

/// How two directions in the patient (LPS) lie on the screen: whether `b` goes down it rather than `a`, and whether what goes
/// across and what goes down then run backwards.
pub fn upright_directions(a: [f64; 3], b: [f64; 3]) -> (bool, [bool; 2]) {
    // Head to feet goes down where there is one, else front to back.
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

/// How a view lies on the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Pane {
    /// Which view.
    pub plane: ViewPlane,
    /// Columns and rows.
    pub size: [usize; 2],
    /// Millimetres from one column and row to the next.
    pub spacing: [f64; 2],
    /// The direction in the patient (LPS) towards the right of the screen.
    pub right: [f64; 3],
    /// And downwards.
    pub down: [f64; 3],
    /// "Sagittal"; for planes that are none of the body's what they are.
    pub name: String,
    /// The axes of the grid across and down.
    axes: [usize; 2],
    /// Those run backwards.
    flips: [bool; 2],
}

impl Pane {
    /// The views that are seen as a line down this one, and as a line across it.
    pub fn crossing_planes(&self) -> [ViewPlane; 2] {
        self.axes.map(|axis| match axis {
            0 => ViewPlane::Column,
            1 => ViewPlane::Row,
            _ => ViewPlane::Slice,
        })
    }

    /// The place on the view of a place on the grid.
    pub fn from_grid(&self, at: [f64; 3]) -> [f64; 2] {
        std::array::from_fn(|i| {
            let along = at[self.axes[i]];
            if self.flips[i] {
                self.size[i] as f64 - along
            } else {
                along
            }
        })
    }

    /// The place on the grid of a place on the view through `at`.
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

    /// The cell of the grid under a pixel of the view through cell `index` of the axis that stands on it.
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

    /// For the pixel of `cell`: where it is in the picture, row after row.
    pub(super) fn pixel_offset(&self, cell: [usize; 3]) -> usize {
        let at = |i: usize| {
            if self.flips[i] {
                self.size[i] - 1 - cell[self.axes[i]]
            } else {
                cell[self.axes[i]]
            }
        };
        at(1) * self.size[0] + at(0)
    }
}

/// The layers of a grid.
struct GridLayers {
    step: f64,
    slices: Vec<Option<usize>>,
    layers: Vec<usize>,
    missing: usize,
}

impl GridLayers {
    /// For slices at these depths, in order, mm.
    fn from_depths(depths: &[f64]) -> Result<Self, String> {
        let gaps: Vec<f64> = depths.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let (low, high) = gaps
            .iter()
            .fold((f64::MAX, 0f64), |(l, h), g| (l.min(*g), h.max(*g)));
        if low < 0.01 {
            return Err("Several of its slices lie at one place.".into());
        }
        let mut sorted = gaps.clone();
        sorted.sort_by(f64::total_cmp);
        let usual = sorted.get((sorted.len() - 1) / 2).copied().unwrap_or(low);
        let total = depths.last().copied().unwrap_or(0.0);
        let count = depths.len();
        if high - low <= (0.02 * low).max(0.02) {
            let (slices, layers) = ((0..count).map(Some).collect(), (0..count).collect());
            return Ok(Self {
                step: total / (count - 1) as f64,
                slices,
                layers,
                missing: 0,
            });
        }
        let step = low.max(usual / 4.0).max(total / (MOST_LAYERS - 1) as f64);
        let layers: Vec<usize> = depths.iter().map(|d| (d / step).round() as usize).collect();
        let end = layers.last().copied().unwrap_or(0);
        let mut slices: Vec<Option<usize>> = (0..=end)
            .map(|layer| {
                let depth = layer as f64 * step;
                let nearest = (0..count).min_by(|a, b| {
                    (depths[*a] - depth)
                        .abs()
                        .total_cmp(&(depths[*b] - depth).abs())
                })?;
                ((depths[nearest] - depth).abs() <= 0.75 * usual).then_some(nearest)
            })
            .collect();
        for (slice, layer) in layers.iter().enumerate() {
            slices[*layer] = Some(slice);
        }
        let missing = gaps
            .iter()
            .map(|gap| ((gap / usual).round() as usize).saturating_sub(1))
            .sum();
        Ok(Self {
            step,
            slices,
            layers,
            missing,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;

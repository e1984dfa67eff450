//! Measurements with their place in a series, and what a step changed of them.

use super::{Point, Shape};
use crate::{
    geometry::{PixelSpacing, SpacingSource},
    label::{Code, new_id},
    scale::Scale,
    stack::{Pane, Stack},
    vector::{dot_product, point_along, vector_between, vector_length},
};
use serde::{Deserialize, Serialize};

/// The plane of a view across a series, in patient coordinates (LPS, mm). Points on it are in steps to the right and
/// down, from the corner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewFrame {
    /// Patient coordinates of point (0, 0).
    pub corner: [f64; 3],
    /// Step to the right, mm.
    pub right: [f64; 3],
    /// Step down, mm.
    pub down: [f64; 3],
}

/// Steps that differ by no more than this, in mm, are the same.
const SAME_STEP: f64 = 1e-4;

impl ViewFrame {
    /// The plane of a view through the grid position `at`; points are the pixels of the view.
    pub fn of_view(stack: &Stack, pane: &Pane, at: [f64; 3]) -> Self {
        let [corner, right, down] = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
            .map(|place| stack.patient_from_grid(pane.to_grid(place, at)));
        Self {
            corner,
            right: vector_between(corner, right),
            down: vector_between(corner, down),
        }
    }

    /// Where the corner of this frame lies on another one, in points of that one. `None` if their steps differ, or if
    /// their planes are farther apart than `reach`, in mm.
    pub fn corner_on(&self, other: &Self, reach: f64) -> Option<Point> {
        let are_same = (0..3).all(|i| {
            (self.right[i] - other.right[i]).abs() <= SAME_STEP
                && (self.down[i] - other.down[i]).abs() <= SAME_STEP
        });
        if !are_same {
            return None;
        }
        let apart = vector_between(other.corner, self.corner);
        let steps = [other.right, other.down];
        let place = steps.map(|step| dot_product(apart, step) / dot_product(step, step));
        let below = point_along(apart, other.right, -place[0]);
        let beside = point_along(below, other.down, -place[1]);
        (vector_length(beside) <= reach).then_some(place)
    }

    /// Patient coordinates of a point.
    pub fn patient_from_point(&self, [x, y]: Point) -> [f64; 3] {
        point_along(point_along(self.corner, self.right, x), self.down, y)
    }

    /// Length scale of points on it.
    pub fn length_scale(&self) -> Scale {
        let [column, row] = self.step_lengths();
        Scale::from(Some(PixelSpacing {
            row,
            column,
            source: SpacingSource::PixelSpacing,
        }))
    }

    /// Lengths of the steps, mm.
    pub fn step_lengths(&self) -> [f64; 2] {
        [self.right, self.down].map(vector_length)
    }
}

/// Where a measurement lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MeasurementPlace {
    /// On a slice: its 0-based index in the series.
    Slice(u32),
    /// On a plane across the slices.
    View(ViewFrame),
}

/// A measurement that a person drew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawnMeasurement {
    /// Unique ID: 32 hexadecimal digits.
    pub id: String,
    /// Display name: "Length 1".
    pub name: String,
    /// What it was found on, as a coded concept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Code>,
    /// Who drew it; empty if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// Where it lies.
    pub place: MeasurementPlace,
    /// What was drawn.
    pub shape: Shape,
}

impl DrawnMeasurement {
    /// A new measurement with an ID of its own.
    pub fn new(name: String, author: String, place: MeasurementPlace, shape: Shape) -> Self {
        Self {
            id: new_id(),
            name,
            finding: None,
            author,
            place,
            shape,
        }
    }

    /// The slice that it lies on; `None` for one across the slices.
    pub fn slice(&self) -> Option<usize> {
        match self.place {
            MeasurementPlace::Slice(slice) => Some(slice as usize),
            MeasurementPlace::View(_) => None,
        }
    }

    /// A DICOM UID that follows from the ID, for tracking it from one report to the next: the decimal form of the ID
    /// below 2.25 (PS3.5 B.2). An ID that is not hexadecimal gets one from a hash of it.
    pub fn tracking_uid(&self) -> String {
        use sha2::{Digest, Sha256};
        let number = u128::from_str_radix(&self.id, 16).unwrap_or_else(|_| {
            let hash = Sha256::digest(self.id.as_bytes());
            let first = hash.iter().take(16);
            first.fold(0, |number, byte| (number << 8) | u128::from(*byte))
        });
        format!("2.25.{number}")
    }
}

/// A measurement before and after a step; at least one of the two is there.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasurementChange {
    /// Before; `None` if the step made it.
    pub before: Option<DrawnMeasurement>,
    /// After; `None` if the step deleted it.
    pub after: Option<DrawnMeasurement>,
}

impl MeasurementChange {
    /// The change in the opposite direction.
    pub fn inverse(&self) -> Self {
        Self {
            before: self.after.clone(),
            after: self.before.clone(),
        }
    }

    /// The measurement that it is about, in its newest form.
    pub fn measurement(&self) -> Option<&DrawnMeasurement> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

/// Applies a change to a list of measurements. One that is already there keeps its place in the list.
pub fn apply_change(list: &mut Vec<DrawnMeasurement>, change: &MeasurementChange) {
    let Some(id) = change.measurement().map(|m| m.id.as_str()) else {
        return;
    };
    let at = list.iter().position(|m| m.id == id);
    match (at, &change.after) {
        (Some(at), Some(after)) => list[at] = after.clone(),
        (Some(at), None) => drop(list.remove(at)),
        (None, Some(after)) => list.push(after.clone()),
        (None, None) => {}
    }
}

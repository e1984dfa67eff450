//! What a view shows of drawn measurements: lines, handles and values.

use super::{Doing, MeasureGesture};
use crate::session::{
    Session, case::Case, measurements::ShownMeasurement, tool_options::ToolKind, tools::ToolGesture,
};
use labrum_core::{
    measurement::{Measured, MeasurementPlace, Shape, ShapeKind},
    stack::ViewPlane,
};

impl Session {
    /// The measurements that a view shows, with the one that is being drawn. `slice` is the slice in the slice view.
    pub fn shown_measurements(&self, plane: ViewPlane, slice: usize) -> Vec<ShownMeasurement> {
        let Some(case) = self.cases.current_case() else {
            return Vec::new();
        };
        let gesture = match &self.tools.gesture {
            ToolGesture::Measure(gesture) if gesture.is_on(plane, slice) => Some(&**gesture),
            _ => None,
        };
        let changed = gesture.and_then(MeasureGesture::changed_id);
        let is_tool = self.tools.kind == ToolKind::Measure;
        let of_case = self.measurements_on(case, plane, slice);
        let mut shown: Vec<ShownMeasurement> = of_case
            .iter()
            .filter(|(drawn, _)| Some(drawn.id.as_str()) != changed)
            .map(|(drawn, shape)| {
                let id = Some(drawn.id.as_str());
                let is_selected = id == self.measuring.selected_id();
                let is_hovered = id == self.measuring.hovered.as_deref();
                let has_handles = is_tool && (is_selected || is_hovered);
                let values = case.measurements.values_of(&drawn.id);
                ShownMeasurement {
                    is_selected,
                    ..shown_shape(shape, values.map(|m| &**m), &drawn.name, has_handles)
                }
            })
            .collect();
        shown.extend(gesture.and_then(MeasureGesture::to_shown));
        shown
    }

    /// The measurements on a slice in a view that is not active: none is selected or has handles.
    pub fn measurements_beside(&self, case: &Case, slice: usize) -> Vec<ShownMeasurement> {
        let of_slice = self.measurements_on(case, ViewPlane::Slice, slice);
        of_slice
            .iter()
            .map(|(drawn, shape)| {
                let values = case.measurements.values_of(&drawn.id);
                shown_shape(shape, values.map(|m| &**m), &drawn.name, false)
            })
            .collect()
    }
}

impl MeasureGesture {
    /// True if it is drawn on this view.
    fn is_on(&self, plane: ViewPlane, slice: usize) -> bool {
        let is_slice = match self.ground.place {
            MeasurementPlace::Slice(of) => of as usize == slice,
            MeasurementPlace::View(_) => true,
        };
        self.ground.plane == plane && is_slice
    }

    /// The ID of the measurement that it changes.
    fn changed_id(&self) -> Option<&str> {
        match &self.what {
            Doing::New(_) => None,
            Doing::Change(change) => Some(&change.before.id),
        }
    }

    fn to_shown(&self) -> Option<ShownMeasurement> {
        let (name, start) = match &self.what {
            Doing::Change(change) => (change.before.name.as_str(), Some(&change.start)),
            Doing::New(_) => ("", None),
        };
        if let Some(shape) = self.shape.as_ref().or(start) {
            return Some(ShownMeasurement {
                is_selected: true,
                ..shown_shape(shape, self.measured.as_ref(), name, true)
            });
        }
        let Doing::New(new) = &self.what else {
            return None;
        };
        let places = new.all_places();
        let lines = match (new.kind, places.as_slice()) {
            (ShapeKind::CobbAngle, [a, b, more @ ..]) => vec![vec![*a, *b], more.to_vec()],
            _ => vec![places.clone()],
        };
        Some(ShownMeasurement {
            lines,
            point: None,
            handles: new.places.clone(),
            texts: Vec::new(),
            is_selected: true,
        })
    }
}

/// A shape with its name and values, as a view shows it; not selected.
fn shown_shape(
    shape: &Shape,
    measured: Option<&Measured>,
    name: &str,
    has_handles: bool,
) -> ShownMeasurement {
    let is_point = shape.kind() == ShapeKind::Point;
    let mut texts = Vec::new();
    texts.extend((!name.is_empty()).then(|| name.to_owned()));
    texts.extend(measured.into_iter().flat_map(Measured::short_lines));
    ShownMeasurement {
        lines: shape.outlines(),
        point: shape.points().first().copied().filter(|_| is_point),
        handles: if has_handles {
            shape.handles()
        } else {
            Vec::new()
        },
        texts,
        is_selected: false,
    }
}

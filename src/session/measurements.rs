//! Plain data of drawn measurements: those of a case with their values, what is selected, and what a view shows.

use labrum_core::{
    label::Code,
    measurement::{
        DrawnMeasurement, Measured, MeasurementChange, Outline, ShapeKind, apply_change,
    },
};
use std::{collections::HashMap, path::PathBuf, sync::Arc};

/// A request about drawn measurements.
#[derive(Clone, Debug, PartialEq)]
pub enum MeasureAction {
    /// Draw measurements of this kind.
    Draw(ShapeKind),
    /// Select a measurement and go to its slice.
    GoTo(String),
    /// Change the name and the finding of a measurement.
    Describe {
        /// Its ID.
        id: String,
        /// Its new name.
        name: String,
        /// What it was found on; `None` if not stated.
        finding: Option<Code>,
    },
    /// Delete a measurement.
    Delete(String),
    /// Read measurements for the case that is shown from DICOM SR files or folders.
    Import(Vec<PathBuf>),
}

/// The measurements on a case, with their values.
#[derive(Clone, Debug, Default)]
pub struct CaseMeasurements {
    list: Vec<DrawnMeasurement>,
    values: HashMap<String, Arc<Measured>>,
}

impl CaseMeasurements {
    /// All measurements, in the order in which they were drawn.
    pub fn all(&self) -> &[DrawnMeasurement] {
        &self.list
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The measurement with an ID.
    pub fn by_id(&self, id: &str) -> Option<&DrawnMeasurement> {
        self.list.iter().find(|drawn| drawn.id == id)
    }

    /// Its values; `None` until they are computed.
    pub fn values_of(&self, id: &str) -> Option<&Arc<Measured>> {
        self.values.get(id)
    }

    /// Replaces everything by what a workspace stores.
    pub(super) fn restore(&mut self, list: Vec<DrawnMeasurement>) {
        self.list = list;
        self.values = HashMap::new();
    }

    /// Changes the list; the values of the measurement are no longer known.
    pub(super) fn change(&mut self, change: &MeasurementChange) {
        if let Some(measurement) = change.measurement() {
            self.values.remove(&measurement.id);
        }
        apply_change(&mut self.list, change);
    }

    pub(super) fn set_values(&mut self, values: Vec<(String, Arc<Measured>)>) {
        self.values.extend(values);
    }

    /// A name that no measurement has: "Length 2".
    pub(super) fn free_name(&self, kind: ShapeKind) -> String {
        let numbers = 1..=self.list.len() + 1;
        let mut names = numbers.map(|number| format!("{} {number}", kind.display_name()));
        let free = names.find(|name| self.list.iter().all(|drawn| drawn.name != *name));
        free.unwrap_or_else(|| kind.display_name().to_owned())
    }
}

/// Which measurement is selected, and which one the pointer is on.
#[derive(Clone, Debug, Default)]
pub struct Measuring {
    pub(super) selected: Option<String>,
    pub(super) hovered: Option<String>,
}

impl Measuring {
    /// ID of the selected measurement; it may have been deleted since.
    pub fn selected_id(&self) -> Option<&str> {
        self.selected.as_deref()
    }
}

/// A measurement as a view shows it, also one that is being drawn. Places are in pixels of the view.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownMeasurement {
    /// Its lines; none for a point.
    pub lines: Vec<Outline>,
    /// Its place, for a point.
    pub point: Option<[f64; 2]>,
    /// Handles that can be dragged; empty unless it is selected or under the pointer.
    pub handles: Vec<[f64; 2]>,
    /// Its name and values, line by line.
    pub texts: Vec<String>,
    /// True if it is selected or being drawn.
    pub is_selected: bool,
}

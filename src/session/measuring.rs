//! Drawn measurements in the session: made, changed, deleted and measured. Every change is a step.

use super::{
    Session,
    case::Case,
    job::{CaseId, Job, MaskFileJob, SliceKey},
    measurements::MeasureAction,
    notice::{Severity, Topic},
    tool_options::ToolKind,
};
use crate::Result;
use labrum_core::{
    counts::{count_with_noun, with_verb},
    import::ImportedMeasurements,
    journal::Also,
    label::Code,
    measurement::{
        DrawnMeasurement, Measured, MeasurementChange, MeasurementPlace, Shape, ShapeKind, Surface,
        ViewFrame, measure_on_view, measure_shape,
    },
    stack::ViewPlane,
};
use std::{path::PathBuf, sync::Arc};

/// Values of larger regions, in pixels, are not computed with every move of the pointer.
const MOST_WHILE_DRAWN: f64 = 250_000.0;

impl Session {
    pub(super) fn measure_action(&mut self, action: MeasureAction) {
        match action {
            MeasureAction::Draw(kind) => self.choose_measurement(kind),
            MeasureAction::GoTo(id) => self.go_to_measurement(&id),
            MeasureAction::Describe { id, name, finding } => {
                self.describe_measurement(&id, name, finding)
            }
            MeasureAction::Delete(id) => self.delete_measurement(&id),
            MeasureAction::Import(paths) => self.import_measurements(paths),
        }
    }

    /// Takes the Measure tool, for measurements of this kind.
    pub(super) fn choose_measurement(&mut self, kind: ShapeKind) {
        self.finish_gesture();
        self.change_settings(|s| s.tools.measure = kind);
        self.choose_tool(ToolKind::Measure);
    }

    /// The selected measurement of the case on the screen.
    pub fn selected_measurement(&self) -> Option<&DrawnMeasurement> {
        let case = self.cases.current_case()?;
        case.measurements.by_id(self.measuring.selected_id()?)
    }

    /// Deselects the measurement; false if none was selected.
    pub(super) fn deselect_measurement(&mut self) -> bool {
        let was_selected = self.selected_measurement().is_some();
        self.measuring.selected = None;
        was_selected
    }

    /// Selects a measurement and goes to its slice, or to its plane across the slices.
    fn go_to_measurement(&mut self, id: &str) {
        let found = self
            .cases
            .current_case()
            .and_then(|case| case.measurements.by_id(id));
        let Some(place) = found.map(|drawn| drawn.place) else {
            return;
        };
        self.finish_gesture();
        match place {
            MeasurementPlace::Slice(slice) => self.go_to_slice(slice as usize),
            MeasurementPlace::View(frame) => self.go_to_frame(&frame),
        }
        self.measuring.selected = Some(id.to_owned());
    }

    /// Shows the orthogonal views through a plane across the slices.
    fn go_to_frame(&mut self, frame: &ViewFrame) {
        if !self.settings.orthogonal {
            self.change_settings(|s| s.orthogonal = true);
        }
        self.refresh_ortho();
        let Some(ortho) = self.viewports.ortho_views() else {
            let text =
                "This measurement lies across the slices, and there are no orthogonal views.";
            return self.notices.add(Severity::Hint, text);
        };
        let corner = ortho.stack.grid_from_patient(frame.corner);
        let plane = [ViewPlane::Column, ViewPlane::Row]
            .into_iter()
            .find(|plane| self.place_on_view(*plane, frame, f64::INFINITY).is_some());
        let Some(plane) = plane else {
            let text = "This measurement lies on a plane that the orthogonal views do not show.";
            return self.notices.add(Severity::Hint, text);
        };
        let mut at = ortho.cross;
        at[plane.normal_axis()] = corner[plane.normal_axis()];
        self.go_through(at);
    }

    /// Selects the next measurement of the case, and goes there.
    pub(super) fn next_measurement(&mut self) {
        let Some(case) = self.cases.current_case() else {
            return;
        };
        let all = case.measurements.all();
        let selected = self.measuring.selected_id();
        let now = all
            .iter()
            .position(|drawn| Some(drawn.id.as_str()) == selected);
        let next = all.get(now.map_or(0, |now| (now + 1) % all.len()));
        if let Some(id) = next.map(|drawn| drawn.id.clone()) {
            self.go_to_measurement(&id);
        }
    }

    fn describe_measurement(&mut self, id: &str, name: String, finding: Option<Code>) {
        let name = name.trim().to_owned();
        self.change_measurement("Rename", id, |drawn| DrawnMeasurement {
            name: if name.is_empty() {
                drawn.name.clone()
            } else {
                name
            },
            finding,
            ..drawn.clone()
        });
    }

    /// Deletes the selected measurement, or says that none is selected.
    pub(super) fn delete_selected_measurement(&mut self) {
        match self.selected_measurement().map(|drawn| drawn.id.clone()) {
            Some(id) => self.delete_measurement(&id),
            None => self
                .notices
                .add(Severity::Hint, "No measurement is selected."),
        }
    }

    fn delete_measurement(&mut self, id: &str) {
        self.finish_gesture();
        let Some(case) = self.cases.current_case().filter(|case| case.is_restored) else {
            return;
        };
        let Some(drawn) = case.measurements.by_id(id).cloned() else {
            return;
        };
        let case = case.id;
        let tool = step_name("Delete", drawn.shape.kind());
        let change = MeasurementChange {
            before: Some(drawn),
            after: None,
        };
        self.commit_measurements(&tool, case, vec![change]);
    }

    /// Changes a measurement of the case on the screen; `verb` names the step: "Rename".
    pub(super) fn change_measurement(
        &mut self,
        verb: &str,
        id: &str,
        change: impl FnOnce(&DrawnMeasurement) -> DrawnMeasurement,
    ) {
        let Some(case) = self.cases.current_case().filter(|case| case.is_restored) else {
            return;
        };
        let Some(before) = case.measurements.by_id(id) else {
            return;
        };
        let after = change(before);
        if after == *before {
            return;
        }
        let case = case.id;
        let tool = step_name(verb, before.shape.kind());
        let change = MeasurementChange {
            before: Some(before.clone()),
            after: Some(after),
        };
        self.commit_measurements(&tool, case, vec![change]);
    }

    /// Adds a new measurement to a case, and selects it.
    pub(super) fn add_measurement(&mut self, case: CaseId, place: MeasurementPlace, shape: Shape) {
        let Some(of) = self.cases.case_by_id(case) else {
            return;
        };
        let kind = shape.kind();
        let name = of.measurements.free_name(kind);
        let drawn = DrawnMeasurement::new(name, self.settings.person.clone(), place, shape);
        self.measuring.selected = Some(drawn.id.clone());
        let change = MeasurementChange {
            before: None,
            after: Some(drawn),
        };
        self.commit_measurements(kind.display_name(), case, vec![change]);
    }

    /// Reads measurements for the case on the screen.
    pub(super) fn import_measurements(&mut self, paths: Vec<PathBuf>) {
        self.finish_gesture();
        let Some(case) = self.cases.current_case() else {
            return self.notices.add(Severity::Hint, "Nothing is open.");
        };
        if !case.is_restored {
            let text = "The workspace is still opening.";
            return self.notices.add(Severity::Hint, text);
        }
        let job = MaskFileJob::ImportMeasurements {
            case: case.id,
            series: case.series.clone(),
            paths,
        };
        self.jobs.push(Job::MaskFiles(job));
    }

    /// Adds imported measurements as one step; those that the case already has stay as they are.
    pub(super) fn on_imported_measurements(
        &mut self,
        id: CaseId,
        result: Result<ImportedMeasurements>,
    ) {
        let ImportedMeasurements {
            measurements,
            notes,
        } = match result {
            Ok(imported) => imported,
            Err(error) => return self.show_error(&error),
        };
        let Some(case) = self.cases.case_by_id(id) else {
            return;
        };
        let known = &case.measurements;
        let is_new = |drawn: &DrawnMeasurement| known.by_id(&drawn.id).is_none();
        let count = measurements.len();
        let changes: Vec<MeasurementChange> = measurements
            .into_iter()
            .filter(is_new)
            .map(|drawn| MeasurementChange {
                before: None,
                after: Some(drawn),
            })
            .collect();
        let mut text = match changes.len() {
            0 => "No new measurements.".to_owned(),
            new => format!("Imported {}.", count_with_noun(new, "measurement")),
        };
        match count - changes.len() {
            0 => {}
            there => {
                let there = with_verb(there, "measurement", ["is", "are"]);
                text += &format!(" {there} already in this case.");
            }
        }
        if !changes.is_empty() {
            self.commit_measurements("Import measurements", id, changes);
        }
        self.notices
            .add_about(Topic::Case(id), Severity::Info, text);
        for note in notes {
            let text = super::to_sentence(&note);
            self.notices.add(Severity::Warning, text);
        }
    }

    /// Applies changes of measurements, and records them as one step.
    pub(super) fn commit_measurements(
        &mut self,
        tool: &str,
        case: CaseId,
        changes: Vec<MeasurementChange>,
    ) {
        for change in &changes {
            self.apply_measurement_change(case, change);
        }
        let also = Also {
            measurements: changes,
            ..Also::default()
        };
        self.take_step(tool, case, Vec::new(), also, None);
    }

    /// Applies a change of a measurement without recording it, and measures again.
    pub(super) fn apply_measurement_change(&mut self, case: CaseId, change: &MeasurementChange) {
        if let Some(of) = self.cases.case_by_id_mut(case) {
            of.measurements.change(change);
        }
        if let Some(id) = change.measurement().map(|drawn| drawn.id.as_str()) {
            self.measure_again(case, |drawn| drawn.id == id);
        }
    }

    /// Measures what has no values of pixels yet on a slice that was loaded.
    pub(super) fn measure_loaded(&mut self, key: SliceKey) {
        let Some(case) = self.cases.case_by_id(key.case) else {
            return;
        };
        let known = &case.measurements;
        let wanted: Vec<String> = known
            .all()
            .iter()
            .filter(|drawn| drawn.slice() == Some(key.slice))
            .filter(|drawn| known.values_of(&drawn.id).is_none_or(|m| !m.has_values))
            .map(|drawn| drawn.id.clone())
            .collect();
        if !wanted.is_empty() {
            self.measure_again(key.case, |drawn| wanted.contains(&drawn.id));
        }
    }

    /// Measures the measurements of a case that `is_wanted`.
    pub(super) fn measure_again(
        &mut self,
        case: CaseId,
        is_wanted: impl Fn(&DrawnMeasurement) -> bool,
    ) {
        let Some(of) = self.cases.case_by_id(case) else {
            return;
        };
        let wanted = of
            .measurements
            .all()
            .iter()
            .filter(|drawn| is_wanted(drawn));
        let values: Vec<(String, Arc<Measured>)> = wanted
            .map(|drawn| {
                let measured = self.measured(of, &drawn.place, &drawn.shape);
                (drawn.id.clone(), Arc::new(measured))
            })
            .collect();
        if let Some(of) = self.cases.case_by_id_mut(case) {
            of.measurements.set_values(values);
        }
    }

    /// The values of a shape at a place in a case; without values of pixels while its slice is not loaded.
    fn measured(&self, case: &Case, place: &MeasurementPlace, shape: &Shape) -> Measured {
        self.measured_with(case, place, shape, true)
    }

    /// As [`Self::measured`], for a shape that is being drawn: values of the pixels of a large region follow at its end.
    pub(super) fn measured_while_drawn(
        &self,
        case: &Case,
        place: &MeasurementPlace,
        shape: &Shape,
    ) -> Measured {
        let pixels = shape.area([1.0; 2]).unwrap_or_default();
        self.measured_with(case, place, shape, pixels <= MOST_WHILE_DRAWN)
    }

    fn measured_with(
        &self,
        case: &Case,
        place: &MeasurementPlace,
        shape: &Shape,
        has_pixels: bool,
    ) -> Measured {
        let slice = match place {
            MeasurementPlace::Slice(slice) => *slice as usize,
            MeasurementPlace::View(frame) => return measure_on_view(shape, frame),
        };
        let key = SliceKey {
            case: case.id,
            slice,
        };
        let scale = self.length_scale(case, key.slice);
        let loaded = self.loaded_slice(key).filter(|_| has_pixels);
        let surface = Surface {
            columns: case.series.columns,
            rows: case.series.rows,
            scale: &scale,
            image: loaded.map(|loaded| &*loaded.image),
        };
        measure_shape(shape, &surface)
    }

    /// Where the corner of a frame lies on the view that is shown, in pixels of the view. `None` if the view has other
    /// steps, or is farther away than `reach`, in mm.
    pub(super) fn place_on_view(
        &self,
        plane: ViewPlane,
        frame: &ViewFrame,
        reach: f64,
    ) -> Option<[f64; 2]> {
        frame.corner_on(&self.shown_frame(plane)?, reach)
    }

    /// The plane of the reformatted view that is shown.
    pub(super) fn shown_frame(&self, plane: ViewPlane) -> Option<ViewFrame> {
        let ortho = self.viewports.ortho_views()?;
        let view = ortho.across(plane)?;
        let mut at = ortho.cross;
        // The middle of the cell whose image is shown.
        at[plane.normal_axis()] = ortho.cell_index(plane) as f64 + 0.5;
        Some(ViewFrame::of_view(&ortho.stack, &view.pane, at))
    }
}

/// The name of a step: "Delete length".
fn step_name(verb: &str, kind: ShapeKind) -> String {
    format!("{verb} {}", kind.display_name().to_lowercase())
}

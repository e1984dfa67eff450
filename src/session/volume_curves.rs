//! Volumes of labels over the times of a series, and the times that the user marked as end diastole and end systole.

use super::{
    Session,
    case::Case,
    command::UserCommand,
    history::{HistoryStep, StepId},
    notice::Severity,
};
use labrum_core::{
    journal::Also,
    measurement::{
        CardiacPhase, MarkedPhases, PhaseChange, SeriesMeasurement, TimedVolume, ValueStatistics,
        VolumeCurve, measure_series,
    },
};
use std::collections::BTreeMap;

/// mm³ in a millilitre.
const MM3_PER_ML: f64 = 1000.0;

impl Session {
    /// Marks the time on the screen as the phase that a command names, or removes that mark, as one step.
    pub(super) fn mark_phase(&mut self, command: UserCommand) {
        let phase = match command {
            UserCommand::MarkEndDiastole => CardiacPhase::EndDiastole,
            _ => CardiacPhase::EndSystole,
        };
        self.pause_cine();
        self.finish_gesture();
        let Some(case) = self.cases.current_case() else {
            return;
        };
        let Some(time) = &case.series.time_point else {
            return;
        };
        if !case.is_restored {
            let text = "The workspace is still opening.";
            return self.notices.add(Severity::Hint, text);
        }
        let change = self.marked_phases(&time.group).toggle_at(phase, time.index);
        let also = Also {
            phase: Some(change),
            ..Also::default()
        };
        let case = case.id;
        self.take_step(step_name(change), case, Vec::new(), also, None);
    }

    /// Adds what a step marked, or takes it back. Nothing is recorded.
    pub(super) fn apply_phase(&mut self, step: &HistoryStep, is_done: bool) {
        let case = self.cases.case_by_id_mut(step.case);
        let Some((case, change)) = case.zip(step.also.phase) else {
            return;
        };
        if is_done {
            case.phase_marks.add(step.id, change);
        } else {
            case.phase_marks.take_back(change);
        }
    }

    /// The marked times of a series, by the group of its times.
    fn marked_phases(&self, group: &str) -> MarkedPhases {
        let mut changes: Vec<(StepId, usize, PhaseChange)> = Vec::new();
        for case in &self.cases {
            let time = case.series.time_point.as_ref();
            if let Some(time) = time.filter(|time| time.group == group) {
                let own = case.phase_marks.all();
                changes.extend(own.map(|(step, change)| (step, time.index, change)));
            }
        }
        changes.sort_by_key(|(step, ..)| step.age_rank());
        MarkedPhases::from_changes(changes.into_iter().map(|(_, time, change)| (time, change)))
    }

    /// True if the user marked the time of a case as a phase.
    pub fn is_marked_phase(&self, case: &Case, phase: CardiacPhase) -> bool {
        let time = case.series.time_point.as_ref();
        time.is_some_and(|time| self.marked_phases(&time.group).time_of(phase) == Some(time.index))
    }

    /// For each label in the masks of any time of the series of `case`: its value, and its volumes over the times. Empty if
    /// the case is no such time, or if volumes are not known in ml.
    pub fn volume_curves(&self, case: &Case) -> Vec<(u8, VolumeCurve)> {
        let Some(time) = &case.series.time_point else {
            return Vec::new();
        };
        let marks = self.marked_phases(&time.group);
        let mut volumes: BTreeMap<u8, Vec<TimedVolume>> = BTreeMap::new();
        let times = self.times_of(case);
        for other in times.iter().filter_map(|at| self.cases.get(*at)) {
            for (label, volume) in volumes_at_time(other) {
                volumes.entry(label).or_default().push(volume);
            }
        }
        volumes
            .into_iter()
            .filter_map(|(label, points)| Some((label, VolumeCurve::new(points, marks)?)))
            .collect()
    }
}

/// The name of the step that makes or removes a mark.
fn step_name(change: PhaseChange) -> &'static str {
    match (change.phase, change.is_marked) {
        (CardiacPhase::EndDiastole, true) => "Mark end diastole",
        (CardiacPhase::EndDiastole, false) => "Unmark end diastole",
        (CardiacPhase::EndSystole, true) => "Mark end systole",
        (CardiacPhase::EndSystole, false) => "Unmark end systole",
    }
}

/// The volume of each label of a case, which is one time of its series.
fn volumes_at_time(case: &Case) -> Vec<(u8, TimedVolume)> {
    let Some(time) = &case.series.time_point else {
        return Vec::new();
    };
    let no_values: &[ValueStatistics] = &[];
    let found = case.slices.iter().enumerate().flat_map(|(slice, state)| {
        let measured = state.finding.iter().flat_map(|f| &f.measurements);
        measured.map(move |m| (slice, m, no_values))
    });
    let spacing = case.series.slice_spacing();
    let volume = |label: &SeriesMeasurement| {
        let volume = TimedVolume {
            time: time.index,
            ml: label.volume(spacing)? / MM3_PER_ML,
            slices: label.slices,
        };
        Some((label.label, volume))
    };
    measure_series(found).iter().filter_map(volume).collect()
}

#[cfg(test)]
mod tests;

//! Volumes of labels over the times of a series, and the times that the user marked as end diastole and end systole.

use super::{Session, case::Case, command::UserCommand};
use labrum_core::measurement::{
    CardiacPhase, MarkedPhases, SeriesMeasurement, TimedVolume, ValueStatistics, VolumeCurve,
    measure_series,
};
use std::collections::{BTreeMap, HashMap};

/// mm³ in a millilitre.
const MM3_PER_ML: f64 = 1000.0;

/// The marked times of each series, by the group of its times; not stored.
#[derive(Debug, Default)]
pub struct PhaseMarks(HashMap<String, MarkedPhases>);

impl PhaseMarks {
    fn of_group(&self, group: &str) -> MarkedPhases {
        self.0.get(group).copied().unwrap_or_default()
    }
}

impl Session {
    /// Marks the time on the screen as the phase that a command names, or removes that mark.
    pub(super) fn mark_phase(&mut self, command: UserCommand) {
        let phase = match command {
            UserCommand::MarkEndDiastole => CardiacPhase::EndDiastole,
            _ => CardiacPhase::EndSystole,
        };
        self.pause_cine();
        let case = self.cases.current_case();
        if let Some(time) = case.and_then(|case| case.series.time_point.clone()) {
            let marks = self.phase_marks.0.entry(time.group).or_default();
            marks.toggle_mark(phase, time.index);
        }
    }

    /// True if the user marked the time of a case as a phase.
    pub fn is_marked_phase(&self, case: &Case, phase: CardiacPhase) -> bool {
        let time = case.series.time_point.as_ref();
        time.is_some_and(|time| {
            self.phase_marks.of_group(&time.group).time_of(phase) == Some(time.index)
        })
    }

    /// For each label in the masks of any time of the series of `case`: its value, and its volumes over the times. Empty if
    /// the case is no such time, or if volumes are not known in ml.
    pub fn volume_curves(&self, case: &Case) -> Vec<(u8, VolumeCurve)> {
        let Some(time) = &case.series.time_point else {
            return Vec::new();
        };
        let marks = self.phase_marks.of_group(&time.group);
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

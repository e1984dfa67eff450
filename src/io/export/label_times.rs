//! Volumes of a label over the times of a series, as they are written, with stroke volume and ejection fraction.

use super::tables::{round_decimals, write_table};
use crate::Result;
use labrum_core::{
    label::Label,
    measurement::{CardiacPhase, TimedVolume, VolumeCurve},
    naming::told_apart,
};
use serde::Serialize;
use std::path::Path;

/// A label over the times of its series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelOverTime {
    /// Value of the label in the mask.
    pub label: u8,
    /// Name of the label, with a number if several have the same name.
    pub name: String,
    /// Its volume at each time with a mask of it, in order of time.
    pub volumes: Vec<VolumeAtTime>,
    /// The volume at end diastole; empty if its time was marked and has no mask.
    pub end_diastole: Option<VolumeAtTime>,
    /// True if a person marked the time of end diastole; else it is that of the largest volume.
    pub end_diastole_is_marked: bool,
    /// The volume at end systole; empty if its time was marked and has no mask.
    pub end_systole: Option<VolumeAtTime>,
    /// True if a person marked the time of end systole; else it is that of the smallest volume.
    pub end_systole_is_marked: bool,
    /// Volume at end diastole minus volume at end systole in ml; empty with masks at one time only.
    pub stroke_volume_ml: Option<f64>,
    /// Stroke volume divided by the volume at end diastole, in %.
    pub ejection_fraction_percent: Option<f64>,
}

/// The volume of a label at one time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct VolumeAtTime {
    /// 1-based number of the time, as displayed.
    pub time: usize,
    /// Volume in ml.
    pub volume_ml: f64,
    /// Number of slices that contain the label.
    pub slices: usize,
}

impl VolumeAtTime {
    fn new(volume: TimedVolume) -> Self {
        Self {
            time: volume.time + 1,
            volume_ml: round_decimals(volume.ml),
            slices: volume.slices,
        }
    }
}

impl LabelOverTime {
    /// The values of a label with a name.
    fn new(label: u8, name: &str, curve: &VolumeCurve) -> Self {
        let at = |phase| curve.at_phase(phase).map(VolumeAtTime::new);
        Self {
            label,
            name: name.to_owned(),
            volumes: curve
                .volumes()
                .iter()
                .copied()
                .map(VolumeAtTime::new)
                .collect(),
            end_diastole: at(CardiacPhase::EndDiastole),
            end_diastole_is_marked: curve.is_marked(CardiacPhase::EndDiastole),
            end_systole: at(CardiacPhase::EndSystole),
            end_systole_is_marked: curve.is_marked(CardiacPhase::EndSystole),
            stroke_volume_ml: curve.stroke_volume().map(round_decimals),
            ejection_fraction_percent: curve.ejection_fraction().map(round_decimals),
        }
    }
}

/// The values of all labels with a curve; `curves` are by label value, which counts `labels` from 1.
pub(super) fn labels_over_time(
    labels: &[Label],
    curves: &[(u8, VolumeCurve)],
) -> Vec<LabelOverTime> {
    let names = told_apart(labels.iter().map(|label| label.name.as_str()));
    let name_of = |label: u8| names.get(usize::from(label).checked_sub(1)?);
    curves
        .iter()
        .filter_map(|(label, curve)| Some(LabelOverTime::new(*label, name_of(*label)?, curve)))
        .collect()
}

/// A label at one time: a row of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct TimeRow<'a> {
    label: u8,
    name: &'a str,
    time: usize,
    volume_ml: f64,
    slices: usize,
    /// "marked" or "largest" at end diastole; empty at other times.
    end_diastole: Option<&'static str>,
    /// "marked" or "smallest" at end systole; empty at other times.
    end_systole: Option<&'static str>,
    /// Of the label, the same in all its rows.
    stroke_volume_ml: Option<f64>,
    /// Likewise.
    ejection_fraction_percent: Option<f64>,
}

/// The columns of the table, for one without rows.
const COLUMNS: [&str; 9] = [
    "label",
    "name",
    "time",
    "volume_ml",
    "slices",
    "end_diastole",
    "end_systole",
    "stroke_volume_ml",
    "ejection_fraction_percent",
];

impl LabelOverTime {
    fn rows(&self) -> impl Iterator<Item = TimeRow<'_>> {
        self.volumes.iter().map(|at| TimeRow {
            label: self.label,
            name: &self.name,
            time: at.time,
            volume_ml: at.volume_ml,
            slices: at.slices,
            end_diastole: said_of(
                at,
                self.end_diastole,
                self.end_diastole_is_marked,
                "largest",
            ),
            end_systole: said_of(at, self.end_systole, self.end_systole_is_marked, "smallest"),
            stroke_volume_ml: self.stroke_volume_ml,
            ejection_fraction_percent: self.ejection_fraction_percent,
        })
    }
}

/// How a time became a phase: "marked", else `found`; `None` if it is not that phase.
fn said_of(
    at: &VolumeAtTime,
    phase: Option<VolumeAtTime>,
    is_marked: bool,
    found: &'static str,
) -> Option<&'static str> {
    let is_phase = phase.is_some_and(|phase| phase.time == at.time);
    is_phase.then_some(if is_marked { "marked" } else { found })
}

/// Writes a table with a row for each label at each time.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn write_times(path: &Path, labels: &[LabelOverTime]) -> Result<()> {
    let rows: Vec<TimeRow> = labels.iter().flat_map(LabelOverTime::rows).collect();
    write_table(path, &COLUMNS, &rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use labrum_core::measurement::MarkedPhases;

    #[test]
    fn times_are_numbered_as_displayed_and_volumes_rounded() {
        let points = [(0, 142.000_01), (7, 47.0)].map(|(time, ml)| TimedVolume {
            time,
            ml,
            slices: 9,
        });
        let curve = VolumeCurve::new(points.to_vec(), MarkedPhases::default()).unwrap();
        let row = serde_json::to_value(LabelOverTime::new(3, "Left ventricle", &curve)).unwrap();
        assert_eq!(row["label"], 3);
        assert_eq!(row["name"], "Left ventricle");
        assert_eq!(row["volumes"][1]["time"], 8);
        assert_eq!(row["end_diastole"]["volume_ml"], 142.0);
        assert_eq!(row["end_systole"]["time"], 8);
        assert_eq!(row["end_systole_is_marked"], false);
        assert_eq!(row["stroke_volume_ml"], 95.0);
        assert_eq!(row["ejection_fraction_percent"], 66.9014);
    }

    #[test]
    fn the_table_has_a_row_for_each_time_and_says_how_the_phases_were_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heart.over-time.csv");
        let points = [(0, 140.0), (1, 150.0), (7, 50.0)].map(|(time, ml)| TimedVolume {
            time,
            ml,
            slices: 9,
        });
        let change = MarkedPhases::default().toggle_at(CardiacPhase::EndDiastole, 0);
        let marks = MarkedPhases::from_changes([(0, change)]);
        let curve = VolumeCurve::new(points.to_vec(), marks).unwrap();
        let labels = [
            Label::with_name("Left ventricle", 0),
            Label::with_name("Wall", 1),
        ];
        write_times(&path, &labels_over_time(&labels, &[(1, curve)])).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                &*COLUMNS.join(","),
                "1,Left ventricle,1,140.0,9,marked,,90.0,64.2857",
                "1,Left ventricle,2,150.0,9,,,90.0,64.2857",
                "1,Left ventricle,8,50.0,9,,smallest,90.0,64.2857",
            ]
        );
        write_times(&path, &[]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.trim_end(), COLUMNS.join(","));
    }
}

//! Volumes of a label over the times of a series, as they are written, with stroke volume and ejection fraction.

use super::tables::round_decimals;
use labrum_core::measurement::{CardiacPhase, TimedVolume, VolumeCurve};
use serde::Serialize;

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
    pub(super) fn new(label: u8, name: &str, curve: &VolumeCurve) -> Self {
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
}

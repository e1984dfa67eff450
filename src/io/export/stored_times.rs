//! Volumes of labels over the times of a series, from the cases that a workspace stores.

use super::case::CaseToExport;
use crate::Result;
use labrum_core::{
    export_format::ExportFormat,
    journal::StoredCase,
    mask::Mask,
    measure::label_volume,
    measurement::{TimedVolume, VolumeCurve},
    study::Slice,
};
use std::collections::{BTreeMap, HashMap};

/// mm³ in a millilitre.
const MM3_PER_ML: f64 = 1000.0;

/// The volumes of labels over the times of each series. Those of a series are worked out when the first of its times is
/// exported, from the masks of all times that are exported.
#[derive(Debug, Default)]
pub struct StoredTimes {
    is_wanted: bool,
    /// By the group of the times; the values by label value.
    known: HashMap<String, Vec<(u8, VolumeCurve)>>,
}

impl StoredTimes {
    /// For an export in these formats: nothing is worked out if none of them holds volumes over time.
    pub fn for_formats(formats: &[ExportFormat]) -> Self {
        Self {
            is_wanted: formats.iter().any(|format| format.holds_over_time()),
            known: HashMap::new(),
        }
    }

    /// The volumes of labels over the times of the series that `stored` is one time of, by label value; none if it is no
    /// such time. `times` reads all exported times of that series, and is asked only where they are not known yet. One
    /// that cannot be read is left out: its own export says why.
    pub fn curves_of(
        &mut self,
        stored: &StoredCase,
        times: impl IntoIterator<Item = Result<CaseToExport>>,
    ) -> Vec<(u8, VolumeCurve)> {
        let time = stored.entry.description.time_point.as_ref();
        let Some(time) = time.filter(|_| self.is_wanted) else {
            return Vec::new();
        };
        if let Some(known) = self.known.get(&time.group) {
            return known.clone();
        }
        let mut volumes: BTreeMap<u8, Vec<TimedVolume>> = BTreeMap::new();
        for case in times.into_iter().flatten() {
            for (label, volume) in volumes_at_time(&case) {
                volumes.entry(label).or_default().push(volume);
            }
        }
        let curves: Vec<(u8, VolumeCurve)> = volumes
            .into_iter()
            .filter_map(|(label, points)| Some((label, VolumeCurve::new(points, stored.marked)?)))
            .collect();
        self.known.insert(time.group.clone(), curves.clone());
        curves
    }
}

/// The volume of each label in the masks of a case, which is one time of its series; none where spacings are not known in mm.
fn volumes_at_time(case: &CaseToExport) -> Vec<(u8, TimedVolume)> {
    let Some(time) = &case.series.time_point else {
        return Vec::new();
    };
    let spacing = case.series.slice_spacing();
    let masked: Vec<(&Mask, &Slice)> = case
        .slices
        .iter()
        .filter_map(|masked| Some((&masked.mask, case.series.slices.get(masked.index)?)))
        .collect();
    let labels = (1..=u8::MAX).zip(&case.labels).map(|(label, _)| label);
    labels
        .filter_map(|label| {
            let with_label = masked
                .iter()
                .filter(|(mask, _)| mask.count_pixels(label) > 0);
            let slices = with_label.count();
            let scaled = masked
                .iter()
                .map(|(mask, slice)| (*mask, slice.length_scale()));
            let volume = TimedVolume {
                time: time.index,
                ml: label_volume(scaled, label, spacing)? / MM3_PER_ML,
                slices,
            };
            (slices > 0).then_some((label, volume))
        })
        .collect()
}

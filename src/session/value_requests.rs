//! Requests the values of the pixels under masks, and gives those of slices and of whole series.

use super::{
    Session,
    case::Case,
    job::{Job, ShapeJob, SliceKey, ValuesJob},
    mask_values::MaskValues,
};
use labrum_core::measurement::{SeriesMeasurement, ValueStatistics, measure_series};
use std::{iter::once, sync::Arc};

impl Session {
    /// Requests the values of a slice of the case that is shown, if its pixels are in memory: one slice at a time, the one
    /// on the screen first. Called after every action and event.
    pub(super) fn request_values(&mut self) {
        if self.masks.valued.is_some() || self.tools.is_painting() {
            return;
        }
        let Some(case) = self.cases.current_case() else {
            return;
        };
        let others = (0..case.slices.len()).filter(|slice| *slice != case.slice);
        let job = once(case.slice)
            .chain(others)
            .find_map(|slice| self.values_job(case, slice));
        if let Some(job) = job {
            self.masks.valued = Some(job.key);
            self.jobs.push(Job::Shapes(ShapeJob::Values(job)));
        }
    }

    /// The job for a slice whose values are wanted.
    fn values_job(&self, case: &Case, slice: usize) -> Option<ValuesJob> {
        let state = case.slices.get(slice)?;
        let finding = state.current_finding()?;
        if finding.measurements.is_empty() || state.has_values() {
            return None;
        }
        let key = SliceKey {
            case: case.id,
            slice,
        };
        let image = self.loaded_slice(key)?.image.clone();
        Some(ValuesJob {
            key,
            revision: state.revision,
            mask: self.mask_of(key)?.into_owned(),
            image,
        })
    }

    pub(super) fn on_mask_values(&mut self, key: SliceKey, revision: u64, values: Arc<MaskValues>) {
        self.masks.valued = None;
        let case = self.cases.case_by_id_mut(key.case);
        if let Some(state) = case.and_then(|case| case.slices.get_mut(key.slice))
            && state.revision == revision
        {
            state.values = Some((revision, values));
        }
    }

    /// The values of the pixels of the labels on a slice, slightly out of date while the user is drawing; `None` if they
    /// are not known yet.
    pub fn mask_values<'a>(&self, case: &'a Case, slice: usize) -> Option<&'a MaskValues> {
        let state = case.slices.get(slice)?;
        let (_, values) = state.values.as_ref()?;
        let key = SliceKey {
            case: case.id,
            slice,
        };
        // New values follow only while the pixels are in memory.
        (state.has_values() || self.cache.holds_slice(key)).then_some(values.as_ref())
    }

    /// The labels of a case over all its slices, as far as their values are known.
    pub fn series_measurements(&self, case: &Case) -> Vec<SeriesMeasurement> {
        let slices = case.slices.iter().enumerate();
        measure_series(slices.flat_map(|(slice, state)| {
            let values = self.mask_values(case, slice);
            let found = state.finding.iter().flat_map(|f| &f.measurements);
            found.map(move |m| {
                let none: &[ValueStatistics] = &[];
                (slice, m, values.map_or(none, |v| v.of_label(m.label)))
            })
        }))
    }
}

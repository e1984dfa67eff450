//! Removes labels that are gone, for formats that number labels without gaps.

use super::SeriesFiles;
use labrum_core::{label::Label, mask::Mask};
use labrum_dicom::seg::Authorship;

/// The content of a series without labels that are gone; the remaining labels are renumbered.
pub(super) struct Standing {
    masks: Vec<Mask>,
    probabilities: Vec<Vec<Vec<u16>>>,
    labels: Vec<Label>,
    authors: Vec<Authorship>,
}

impl Standing {
    /// `None` if no label is gone.
    pub(super) fn from_files(files: &SeriesFiles<'_>) -> Option<Self> {
        if files.labels.iter().all(|label| !label.is_gone()) {
            return None;
        }
        let standing: Vec<usize> = (0..files.labels.len())
            .filter(|i| !files.labels[*i].is_gone())
            .collect();
        let mut values = [0u8; 256];
        for (number, index) in (1..=u8::MAX).zip(&standing) {
            values[index + 1] = number;
        }
        // One author for each label, or one for all.
        let authors = match files.authors {
            [one] => vec![one.clone()],
            all => elements_at(all, &standing),
        };
        Some(Self {
            masks: files
                .masks
                .iter()
                .map(|mask| renumbered_mask(mask, &values))
                .collect(),
            probabilities: files
                .probabilities
                .iter()
                .map(|maps| elements_at(maps, &standing))
                .collect(),
            labels: standing.iter().map(|i| files.labels[*i].clone()).collect(),
            authors,
        })
    }

    /// Calls `write` with the reduced content of `files`.
    pub(super) fn with_files<T>(
        &self,
        files: &SeriesFiles<'_>,
        write: impl FnOnce(&SeriesFiles<'_>) -> T,
    ) -> T {
        let probabilities: Vec<&[Vec<u16>]> =
            self.probabilities.iter().map(Vec::as_slice).collect();
        write(&SeriesFiles {
            series: files.series,
            masks: &self.masks,
            probabilities: &probabilities,
            labels: &self.labels,
            authors: &self.authors,
            options: files.options,
            places: files.places,
            gaps: &[],
            drawn: files.drawn,
            over_time: files.over_time,
        })
    }
}

/// Replaces each label in the mask by `values[label]`.
fn renumbered_mask(mask: &Mask, values: &[u8; 256]) -> Mask {
    let labels = mask
        .pixel_labels()
        .iter()
        .map(|label| values[usize::from(*label)])
        .collect();
    Mask::from_labels(mask.columns(), mask.rows(), labels)
        .unwrap_or_else(|| Mask::new_blank(mask.columns(), mask.rows()))
}

/// The elements at `places`; missing ones are skipped.
fn elements_at<T: Clone>(all: &[T], places: &[usize]) -> Vec<T> {
    places.iter().filter_map(|i| all.get(*i)).cloned().collect()
}

//! Labels that stand in a case, for formats that number theirs without gaps: those that are gone are left out.

use super::SeriesFiles;
use labrum_core::{label::Label, mask::Mask};
use labrum_dicom::seg::Authorship;

/// What is to be written of a series, without labels that are gone: others have their numbers.
pub(super) struct Standing {
    masks: Vec<Mask>,
    probabilities: Vec<Vec<Vec<u16>>>,
    labels: Vec<Label>,
    authors: Vec<Authorship>,
}

impl Standing {
    /// `None` where no label is gone.
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
        let mask = |mask: &Mask| {
            let labels = mask
                .pixel_labels()
                .iter()
                .map(|value| values[usize::from(*value)])
                .collect();
            Mask::from_labels(mask.columns(), mask.rows(), labels)
                .unwrap_or_else(|| Mask::new_blank(mask.columns(), mask.rows()))
        };
        let maps = |maps: &&[Vec<u16>]| {
            standing
                .iter()
                .filter_map(|i| maps.get(*i))
                .cloned()
                .collect()
        };
        // One author for each label, or one for all.
        let authors = match files.authors {
            [one] => vec![one.clone()],
            all => standing
                .iter()
                .filter_map(|i| all.get(*i))
                .cloned()
                .collect(),
        };
        Some(Self {
            masks: files.masks.iter().map(mask).collect(),
            probabilities: files.probabilities.iter().map(maps).collect(),
            labels: standing.iter().map(|i| files.labels[*i].clone()).collect(),
            authors,
        })
    }

    /// Calls `write` with what is left of `files`.
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
        })
    }
}

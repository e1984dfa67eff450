//! Import of masks and measurements: which labels to import, how to apply them to a series, and the outcome.

pub mod choice;
pub mod overlap;

use super::{label::Label, mask::Mask, measurement::DrawnMeasurement};
use serde::{Deserialize, Serialize};

/// Imported masks of a series with their labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportedMasks {
    /// Labels of the mask values 1..=n.
    pub labels: Vec<Label>,
    /// (0-based slice, mask), in order, without slices that the files do not cover.
    pub masks: Vec<(usize, Mask)>,
    /// Remarks for the user: what was decided or left out.
    pub notes: Vec<String>,
    /// Outcome for each of `labels`.
    pub taken: Vec<TakenLabel>,
    /// How they were matched to the series.
    pub basis: Basis,
    /// True if their pixel grid differs from that of the images.
    pub is_resampled: bool,
}

/// Imported measurements of a series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportedMeasurements {
    /// The measurements on the series.
    pub measurements: Vec<DrawnMeasurement>,
    /// Remarks for the user: what was left out, and why.
    pub notes: Vec<String>,
}

impl ImportedMasks {
    /// Why the import is incomplete: labels that have no pixels left. `None` if there are none.
    pub fn loss_reason(&self) -> Option<String> {
        let clauses: Vec<String> = self
            .labels
            .iter()
            .zip(&self.taken)
            .filter(|(_, taken)| taken.is_lost())
            .map(|(label, taken)| taken.loss_clause(&label.name))
            .collect();
        (!clauses.is_empty()).then(|| clauses.join("; "))
    }
}

/// Import options that the user chose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskChoice {
    /// Segments or regions to import, by name or number; all if empty.
    pub only: Vec<String>,
    /// Segments or regions by name or number, topmost first. All others lie below these, smaller ones above larger
    /// ones.
    pub order: Vec<String>,
    /// Apply them by position in the patient only, whichever images they refer to.
    pub by_position: bool,
    /// 1-based time point to use if several images have the same position and the masks do not name one.
    pub time: Option<usize>,
    /// For mask image files: pixels with at least this value become label 1, all others background.
    pub threshold: Option<u16>,
    /// Match label maps to images by file name only, for masks of several images.
    pub by_name: bool,
    /// For label maps: keep the label values even if there are gaps; otherwise labels are renumbered.
    pub keep_values: bool,
}

/// How masks were matched to the images they were applied to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Basis {
    /// By position in the patient only.
    Position,
    /// They refer to the series, but not to single images.
    Series,
    /// They refer to the images, or have the same file names.
    #[default]
    Images,
}

/// Outcome of importing one label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenLabel {
    /// Segment Number or ROI Number in the file.
    pub number: u32,
    /// Number of its pixels in the file, on the slices of the series.
    pub in_file: usize,
    /// Number of these that no other label covers.
    pub left: usize,
    /// Number of these that another label covers.
    pub covered: usize,
}

impl TakenLabel {
    /// True if it had pixels and has none left.
    pub fn is_lost(&self) -> bool {
        self.in_file > 0 && self.left == 0
    }

    /// Why none of its pixels are left.
    fn loss_clause(&self, name: &str) -> String {
        if self.covered == 0 {
            format!(
                "\"{name}\" has no pixels within the images (pixels in the file: {})",
                self.in_file
            )
        } else {
            format!("\"{name}\" has no pixels left: other labels cover all of it")
        }
    }
}

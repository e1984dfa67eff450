//! Masks of others: what is to be taken of them, how they are laid over a series, and what came of it.

pub mod choice;
pub mod overlap;

use super::{label::Label, mask::Mask};
use serde::{Deserialize, Serialize};

/// Masks of a series with what their values mean.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportedMasks {
    /// Of the values 1..=n of the masks.
    pub labels: Vec<Label>,
    /// 0-based slice and its mask, in order; slices that the files say nothing of are left out.
    pub masks: Vec<(usize, Mask)>,
    /// What had to be decided or left out, for the user to read.
    pub notes: Vec<String>,
    /// What became of each of `labels`.
    pub taken: Vec<TakenLabel>,
    /// What says that they belong to the series.
    pub basis: Basis,
    /// True where their grid of pixels is another one than that of the images.
    pub is_resampled: bool,
}

impl ImportedMasks {
    /// Why it must not be taken for all that the file holds: a label has no pixel left.
    pub fn loss_reason(&self) -> Option<String> {
        let is_lost = |(_, taken): &(&Label, &TakenLabel)| taken.is_lost();
        let lost = self.labels.iter().zip(&self.taken).filter(is_lost);
        let clause = |(label, taken): (&Label, &TakenLabel)| match taken.covered {
            0 => format!(
                "none of the {} pixels of \"{}\" lies on a pixel of the images",
                taken.in_file, label.name
            ),
            _ => format!(
                "\"{}\" has no pixel left: others lie over all of it",
                label.name
            ),
        };
        let clauses: Vec<String> = lost.map(clause).collect();
        (!clauses.is_empty()).then(|| clauses.join("; "))
    }
}

/// What a user chose about masks that are taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskChoice {
    /// Segments or regions by name or number; all where empty.
    pub only: Vec<String>,
    /// Segments or regions by name or number, the one that lies on top first. Others lie under them, smaller ones over
    /// larger ones.
    pub order: Vec<String>,
    /// Lay them by their place in the patient alone, whichever images they name.
    pub by_position: bool,
    /// Of several images at one place, 1 for the first, where no image is named.
    pub time: Option<usize>,
    /// Of pictures: pixels of so much and more are label 1, all others background.
    pub threshold: Option<u16>,
    /// Label maps belong to the images that they are called like and to no other: several images are given masks.
    pub by_name: bool,
    /// Of label maps: each label keeps its value, also where values between are no labels; else the labels are numbered anew.
    pub keep_values: bool,
}

/// What says that masks belong to the images that they were laid on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Basis {
    /// Nothing but their place in the patient.
    Position,
    /// They name the series, no images of it.
    Series,
    /// They name the images, or are called like their files.
    #[default]
    Images,
}

/// What became of a label that was taken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenLabel {
    /// Segment Number or ROI Number in the file.
    pub number: u32,
    /// Its pixels in the file, on the slices that are here.
    pub in_file: usize,
    /// Those that no other label lies over.
    pub left: usize,
    /// Those that another label lies over.
    pub covered: usize,
}

impl TakenLabel {
    /// True where it had pixels and has none now.
    pub fn is_lost(&self) -> bool {
        self.in_file > 0 && self.left == 0
    }
}

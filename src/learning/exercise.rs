//! Accepted masks with their images, used to train and to judge models.

use crate::Result;
use crate::io;
use labrum_core::{
    image::Image,
    learning::SnapshotSlice,
    mask::PackedMask,
    prompts::PromptedObject,
    study::{Kind, Source},
};

/// An image and the mask that a person accepted for it.
#[derive(Clone, Debug)]
pub struct Exercise {
    /// Key of the case; a case may have several slices.
    pub case: i64,
    /// Name of the case, for messages.
    pub name: String,
    /// Identity of the subject; empty if unknown.
    pub subject: String,
    /// File and frame of the image.
    pub source: Source,
    /// How to read the image.
    pub kind: Kind,
    /// The accepted mask, with the label values of the workspace.
    pub mask: PackedMask,
    /// The proposal of a model before a person changed it, if there was one.
    pub before: Option<PackedMask>,
    /// The mask is an unchanged proposal.
    pub is_untouched: bool,
    /// No round has been trained on it yet.
    pub is_new: bool,
    /// The objects that a person segmented with prompts.
    pub prompted: Vec<PromptedObject>,
}

impl Exercise {
    /// The exercise for a slice of a snapshot.
    pub fn from_slice(slice: &SnapshotSlice) -> Self {
        Self {
            case: slice.case.0,
            name: slice.name.clone(),
            subject: slice.subject.clone(),
            source: slice.source.clone(),
            kind: slice.kind,
            mask: slice.mask.clone(),
            before: slice.before.clone(),
            is_untouched: slice.is_untouched,
            is_new: slice.is_new,
            prompted: slice.prompted.clone(),
        }
    }

    /// Reads the image.
    pub fn load_image(&self) -> Result<Image> {
        io::open::load_slice(&self.source, self.kind)
    }
}

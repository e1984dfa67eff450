//! Accepted masks with their images: what is learned from, and what judges.

use crate::Result;
use crate::io;
use labrum_core::{
    image::Image,
    learning::SnapshotSlice,
    mask::PackedMask,
    study::{Kind, Source},
};

/// An image and the mask that a person accepted for it.
#[derive(Clone, Debug)]
pub struct Exercise {
    /// The case that it belongs to; several slices may belong to one.
    pub case: i64,
    /// The name of the case, for people.
    pub name: String,
    /// Where the pixels are.
    pub source: Source,
    /// How to read them.
    pub kind: Kind,
    /// The accepted mask, in the labels of the workspace.
    pub mask: PackedMask,
    /// What a model had proposed before a person changed it, where one had.
    pub before: Option<PackedMask>,
    /// The mask is what a model had proposed.
    pub is_untouched: bool,
    /// No round has learned from it yet.
    pub is_new: bool,
}

impl Exercise {
    /// That of a slice of a snapshot.
    pub fn from_slice(slice: &SnapshotSlice) -> Self {
        Self {
            case: slice.case.0,
            name: slice.name.clone(),
            source: slice.source.clone(),
            kind: slice.kind,
            mask: slice.mask.clone(),
            before: slice.before.clone(),
            is_untouched: slice.is_untouched,
            is_new: slice.is_new,
        }
    }

    /// Its pixels.
    pub fn load_image(&self) -> Result<Image> {
        io::open::load_slice(&self.source, self.kind)
    }
}

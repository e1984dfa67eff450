//! DICOM: a tolerant reader of its own, because real files break the rules and hostile ones lie about sizes; strict
//! segmentations.

mod bytes;
pub(crate) mod catalog;
mod color;
mod dataset;
pub(crate) mod decode;
mod display;
mod file;
#[cfg(test)]
mod fixture;
mod frames;
mod geometry;
mod header;
mod overlay;
mod parse;
mod pixels;
pub mod seg;
mod split;
pub(crate) mod structures;
#[cfg(test)]
mod tests;
mod text;
mod uids;

pub(crate) use file::reason_of;
pub(crate) use pixels::load;
pub(crate) use uids::transfer_syntax_name;

/// Photometric Interpretation of a file, as written in it.
pub(crate) fn photometric(path: &std::path::Path) -> Option<String> {
    let file = file::DicomFile::open(path).ok()?;
    file.data.text(dicom_dictionary_std::tags::PHOTOMETRIC_INTERPRETATION)
}

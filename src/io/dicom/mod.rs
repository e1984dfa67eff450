//! DICOM: a tolerant reader of its own, because real files break the rules and hostile ones lie about sizes; strict
//! segmentations.

mod bytes;
pub(crate) mod catalog;
mod color;
mod dataset;
pub(crate) mod decode;
pub mod deidentify;
mod display;
mod file;
#[cfg(test)]
mod fixture;
mod frames;
mod geometry;
mod header;
mod parse;
mod pixels;
pub mod seg;
mod split;
pub mod structure_set;
#[cfg(test)]
mod tests;
mod uids;

/// Names this implementation in the file meta information: a UUID of our own under 2.25.
const IMPLEMENTATION_CLASS_UID: &str = "2.25.107151289873141573553993236747910725121";
/// At most 16 characters.
const IMPLEMENTATION_VERSION_NAME: &str = concat!("LABRUM_", env!("CARGO_PKG_VERSION"));

pub(crate) use file::reason_of;
pub(crate) use pixels::load;
pub(crate) use uids::transfer_syntax_name;

/// Photometric Interpretation of a file, as written in it.
pub(crate) fn photometric(path: &std::path::Path) -> Option<String> {
    let file = file::DicomFile::open(path).ok()?;
    file.data.text(dicom_dictionary_std::tags::PHOTOMETRIC_INTERPRETATION)
}

//! Files and servers to domain and back; every error names its path.

pub mod containment;
pub mod dataset;
pub mod desktop;
pub mod dicom;
pub mod export;
pub mod import;
pub mod info;
pub mod label_file;
pub mod label_maps;
pub mod label_values;
pub(crate) mod nifti;
pub mod open;
pub mod pacs;
pub mod picture;
pub mod whole_file;

mod guard;
mod label_colors;
mod numbers;

use containment::Reader;

/// All that a child of the program reads, for [`containment::serve`].
pub const READERS: &[Reader] = &[
    Reader::of::<open::LookAt>(),
    Reader::of::<open::ReadImage>(),
    Reader::of::<label_file::ReadMask>(),
    Reader::of::<label_file::ReadValues>(),
    Reader::of::<nifti::ReadHeader>(),
    Reader::of::<import::ReadMasks>(),
    Reader::of::<dicom::ReadPhotometric>(),
    Reader::of::<dicom::DigestPixels>(),
    Reader::of::<dicom::deidentify::Deidentify>(),
    Reader::of::<dicom::deidentify::Verify>(),
    Reader::of::<dicom::rewrite::Encode>(),
];

//! Files and servers to domain and back; every error names its path.

pub mod dataset;
pub mod desktop;
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

mod label_colors;
mod numbers;

use labrum_core::containment::Reader;

/// All that a child of the program reads, for [`labrum_core::containment::serve`].
pub const READERS: &[Reader] = &[
    Reader::of::<open::LookAt>(),
    Reader::of::<open::ReadImage>(),
    Reader::of::<label_file::ReadMask>(),
    Reader::of::<label_file::ReadValues>(),
    Reader::of::<nifti::ReadHeader>(),
    Reader::of::<import::ReadMasks>(),
    Reader::of::<labrum_dicom::ReadPhotometric>(),
    Reader::of::<labrum_dicom::DigestPixels>(),
    Reader::of::<labrum_dicom::deidentify::Deidentify>(),
    Reader::of::<labrum_dicom::deidentify::Verify>(),
    Reader::of::<labrum_dicom::rewrite::Encode>(),
];

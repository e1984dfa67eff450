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

use labrum_core::containment::RequestReader;

/// All that a child of the program reads, for [`labrum_core::containment::serve`].
pub const READERS: &[RequestReader] = &[
    RequestReader::of::<open::LookAt>(),
    RequestReader::of::<open::ReadImage>(),
    RequestReader::of::<label_file::ReadMask>(),
    RequestReader::of::<label_file::ReadValues>(),
    RequestReader::of::<nifti::ReadHeader>(),
    RequestReader::of::<import::ReadMasks>(),
    RequestReader::of::<labrum_dicom::ReadPhotometric>(),
    RequestReader::of::<labrum_dicom::DigestPixels>(),
    RequestReader::of::<labrum_dicom::deidentify::Deidentify>(),
    RequestReader::of::<labrum_dicom::deidentify::Verify>(),
    RequestReader::of::<labrum_dicom::rewrite::Encode>(),
];

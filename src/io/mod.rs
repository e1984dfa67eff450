//! Reads and writes image files, masks and PACS objects; every error about a file names its path.

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

/// The requests that a child process answers, for [`labrum_core::containment::serve_requests`].
pub const READERS: &[RequestReader] = &[
    RequestReader::for_request::<open::LookAt>(),
    RequestReader::for_request::<open::ReadImage>(),
    RequestReader::for_request::<label_file::ReadMask>(),
    RequestReader::for_request::<label_file::ReadValues>(),
    RequestReader::for_request::<nifti::ReadHeader>(),
    RequestReader::for_request::<import::ReadMasks>(),
    RequestReader::for_request::<labrum_dicom::ReadPhotometric>(),
    RequestReader::for_request::<labrum_dicom::report::ReadReport>(),
    RequestReader::for_request::<labrum_dicom::DigestPixels>(),
    RequestReader::for_request::<labrum_dicom::elements::ReadElements>(),
    RequestReader::for_request::<labrum_dicom::deidentify::Deidentify>(),
    RequestReader::for_request::<labrum_dicom::deidentify::Verify>(),
    RequestReader::for_request::<labrum_dicom::rewrite::Encode>(),
];

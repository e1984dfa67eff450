//! Mutations for each file format that pass the first checks of its reader.

mod dicom;
mod nifti;
mod pictures;
mod weights;
mod workspace;

use crate::random::Random;

/// File formats, one for each reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Format {
    Dicom,
    Segmentation,
    Report,
    Png,
    Jpeg,
    Tiff,
    Bmp,
    WebP,
    Nifti,
    Safetensors,
    PyTorch,
    Workspace,
}

impl Format {
    /// The usual file extension.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Dicom | Self::Segmentation | Self::Report => "dcm",
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Tiff => "tif",
            Self::Bmp => "bmp",
            Self::WebP => "webp",
            Self::Nifti => "nii.gz",
            Self::Safetensors => "safetensors",
            Self::PyTorch => "pth",
            Self::Workspace => "sqlite",
        }
    }

    pub(crate) fn is_picture(self) -> bool {
        matches!(
            self,
            Self::Png | Self::Jpeg | Self::Tiff | Self::Bmp | Self::WebP | Self::Nifti
        )
    }
}

/// Applies one mutation.
pub(crate) fn mutate(format: Format, bytes: &mut Vec<u8>, random: &mut Random) {
    match format {
        Format::Dicom | Format::Segmentation | Format::Report => dicom::mutate(bytes, random),
        Format::Png => pictures::png(bytes, random),
        Format::Jpeg => pictures::jpeg(bytes, random),
        Format::Tiff => pictures::tiff(bytes, random),
        Format::Bmp => pictures::bmp(bytes, random),
        Format::WebP => pictures::webp(bytes, random),
        Format::Nifti => nifti::mutate(bytes, random),
        Format::Safetensors => weights::safetensors(bytes, random),
        Format::PyTorch => weights::pytorch(bytes, random),
        Format::Workspace => workspace::mutate(bytes, random),
    }
}

/// CRC-32 of ISO 3309, the checksum in PNG and ZIP.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let bit = |crc: u32, _| {
        if crc & 1 == 1 {
            crc >> 1 ^ 0xEDB8_8320
        } else {
            crc >> 1
        }
    };
    !bytes
        .iter()
        .fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), bit))
}

/// All offsets of `pattern`.
pub(crate) fn places(bytes: &[u8], pattern: &[u8]) -> Vec<usize> {
    bytes
        .windows(pattern.len())
        .enumerate()
        .filter_map(|(at, window)| (window == pattern).then_some(at))
        .collect()
}

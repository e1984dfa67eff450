//! The compression of each transfer syntax.

use super::uids::{EXPLICIT_BIG_ENDIAN, not_supported};
use dicom_dictionary_std::uids;

/// Compression of the pixel data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// Uncompressed, one frame after another.
    Native,
    /// Uncompressed, each frame in a fragment.
    Encapsulated,
    /// RLE Lossless.
    Rle,
    /// Deflated Image Frame Compression.
    DeflatedFrame,
    /// The original JPEG (ITU-T T.81), lossy or lossless.
    Jpeg,
    /// JPEG-LS.
    JpegLs,
    /// JPEG 2000 and its high-throughput variant.
    Jpeg2000,
    /// JPEG XL.
    JpegXl,
}

impl Codec {
    /// The codec of a transfer syntax; the error is the reason why it is not supported.
    pub(crate) fn for_transfer_syntax(transfer_syntax: &str) -> Result<Self, String> {
        Ok(match transfer_syntax {
            uids::IMPLICIT_VR_LITTLE_ENDIAN
            | uids::EXPLICIT_VR_LITTLE_ENDIAN
            | EXPLICIT_BIG_ENDIAN
            | uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
            | "1.2.840.113619.5.2" => Self::Native,
            uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN => Self::Encapsulated,
            uids::RLE_LOSSLESS => Self::Rle,
            uids::DEFLATED_IMAGE_FRAME_COMPRESSION => Self::DeflatedFrame,
            "1.2.840.10008.1.2.4.50"
            | "1.2.840.10008.1.2.4.51"
            | "1.2.840.10008.1.2.4.53"
            | "1.2.840.10008.1.2.4.55"
            | "1.2.840.10008.1.2.4.57"
            | "1.2.840.10008.1.2.4.70" => Self::Jpeg,
            "1.2.840.10008.1.2.4.80" | "1.2.840.10008.1.2.4.81" => Self::JpegLs,
            "1.2.840.10008.1.2.4.90"
            | "1.2.840.10008.1.2.4.91"
            | uids::HTJ2K_LOSSLESS
            | "1.2.840.10008.1.2.4.92"
            | "1.2.840.10008.1.2.4.93"
            | uids::HTJ2K_LOSSLESS_RPCL
            | uids::HTJ2K => Self::Jpeg2000,
            uids::JPEGXL_LOSSLESS | uids::JPEGXLJPEG_RECOMPRESSION | uids::JPEGXL => Self::JpegXl,
            other => return Err(not_supported(other)),
        })
    }
}

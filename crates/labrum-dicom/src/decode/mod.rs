//! From the bytes of one frame to stored values, whatever they were compressed with.

mod jpeg;
mod jpeg2000;
pub(crate) mod jpegls;
mod jpegxl;
pub(crate) mod rle;

use super::{header::PixelHeader, uids::EXPLICIT_BIG_ENDIAN};
use dicom_dictionary_std::uids;
use std::io::Read;

/// What the pixels are compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// Not at all, one frame after another.
    Native,
    /// Not at all, each frame in a fragment.
    Encapsulated,
    /// RLE Lossless.
    Rle,
    /// Deflated Image Frame Compression.
    DeflatedFrame,
    /// JPEG of 1992, lossy or lossless.
    Jpeg,
    /// JPEG-LS.
    JpegLs,
    /// JPEG 2000 and its high-throughput variant.
    Jpeg2000,
    /// JPEG XL.
    JpegXl,
}

/// The decoded values of a frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    /// Least significant byte first, the samples of a pixel side by side.
    pub(crate) bytes: Vec<u8>,
    /// Bytes of each value; 0 for bits, least significant bit first.
    pub(crate) size: usize,
    /// First bit, for bits.
    pub(crate) first_bit: u32,
    /// The compressed stream knows its colours better than the header.
    pub(crate) color: Option<StreamColor>,
    /// Bits of the compressed stream; `None` where the header's apply.
    pub(crate) precision: Option<u32>,
    /// Why not all of it is there.
    pub(crate) short: Option<Short>,
}

/// A frame of which only the beginning is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Short {
    /// Rows from the top that are whole; those below hold nothing.
    pub(crate) rows: usize,
    /// Why, a clause: "its JPEG stream is cut off".
    pub(crate) reason: String,
}

/// What a compressed stream says about its colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamColor {
    Rgb,
    Ybr,
}

/// The largest ratio of decoded to compressed bytes that is believed for large frames.
const MOST_RATIO: usize = 4000;
/// Frames below this are decoded whatever the ratio: an empty image compresses to almost nothing.
const SMALL: usize = 64 << 20;

impl Codec {
    /// The codec of a transfer syntax; the error says which is not supported.
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
            other => return Err(super::uids::not_supported(other)),
        })
    }
}

/// Decodes one frame, or the beginning of one that is cut off ([`Samples::short`]). `bytes` and `first_bit` as from
/// [`super::frames::frame_bytes`].
pub(crate) fn decode_frame(
    bytes: Vec<u8>,
    first_bit: u32,
    header: &PixelHeader,
    big_endian: bool,
) -> Result<Samples, String> {
    let wanted = header.decoded_bytes();
    if header.codec != Codec::Native && wanted > SMALL && wanted / MOST_RATIO > bytes.len() {
        return Err(format!(
            "{} compressed bytes cannot hold {wanted}",
            bytes.len()
        ));
    }
    let samples = match header.codec {
        Codec::Native => decode_native(bytes, first_bit, header, big_endian)?,
        Codec::Encapsulated => decode_native(bytes, 0, header, false)?,
        Codec::DeflatedFrame => decode_native(inflate_frame(&bytes, wanted)?, 0, header, false)?,
        Codec::Rle => rle::decode_frame(&bytes, header)?,
        Codec::Jpeg => jpeg::decode_frame(&bytes, header)?,
        Codec::JpegLs => jpegls::decode_frame(&bytes, header)?,
        Codec::Jpeg2000 => jpeg2000::decode_frame(&bytes, header)?,
        Codec::JpegXl => jpegxl::decode_frame(&bytes, header)?,
    };
    match &samples.short {
        Some(short) if !header.is_worth(short.rows) => Err(short.reason.clone()),
        _ => Ok(samples),
    }
}

/// Of a stream that is cut off, what there is.
fn inflate_frame(bytes: &[u8], wanted: usize) -> Result<Vec<u8>, String> {
    let mut inflated = Vec::new();
    let read = flate2::read::DeflateDecoder::new(bytes)
        .take(wanted as u64 + 2)
        .read_to_end(&mut inflated);
    match read {
        Err(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => {
            Err(format!("its deflated frame is damaged: {e}"))
        }
        _ => Ok(inflated),
    }
}

/// Uncompressed: to least significant byte first, colour side by side.
fn decode_native(
    mut bytes: Vec<u8>,
    first_bit: u32,
    header: &PixelHeader,
    big_endian: bool,
) -> Result<Samples, String> {
    let size = header.allocated as usize / 8;
    let short = pad_truncated(&mut bytes, first_bit, header)?;
    if big_endian && size > 1 {
        bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
    if header.samples == 3 && header.planar && !header.is_subsampled() {
        bytes = interleave_planes(&bytes, size, 3);
    }
    Ok(Samples {
        bytes,
        size,
        first_bit,
        short,
        ..Default::default()
    })
}

/// Fills a frame that is cut off with zeros.
fn pad_truncated(
    bytes: &mut Vec<u8>,
    first_bit: u32,
    header: &PixelHeader,
) -> Result<Option<Short>, String> {
    let needed = (u64::from(first_bit) + header.frame_bits()).div_ceil(8);
    if bytes.len() as u64 >= needed {
        return Ok(None);
    }
    let reason = format!("its frame needs {needed} bytes, {} are there", bytes.len());
    let rows = header.whole_rows((bytes.len() as u64 * 8).saturating_sub(u64::from(first_bit)));
    if !header.is_worth(rows) {
        return Err(reason);
    }
    bytes.resize(needed as usize, 0);
    Ok(Some(Short { rows, reason }))
}

/// Planes one after another to values side by side.
fn interleave_planes(planes: &[u8], size: usize, samples: usize) -> Vec<u8> {
    let plane = planes.len() / samples;
    let mut out = Vec::with_capacity(planes.len());
    for pixel in (0..plane / size).map(|i| i * size) {
        for sample in 0..samples {
            let at = sample * plane + pixel;
            out.extend_from_slice(&planes[at..at + size]);
        }
    }
    out
}

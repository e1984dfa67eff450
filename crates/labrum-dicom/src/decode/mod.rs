//! Decodes the bytes of one frame to stored values, for all supported compressions.

mod jpeg;
mod jpeg2000;
pub(crate) mod jpegls;
mod jpegxl;
pub(crate) mod rle;

use super::{codec::Codec, header::PixelHeader};
use std::io::{self, Read};

/// The decoded values of a frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    /// Little endian, with the samples of a pixel side by side.
    pub(crate) bytes: Vec<u8>,
    /// Bytes per value; 0 for 1-bit values, least significant bit first.
    pub(crate) size: usize,
    /// First bit, for 1-bit values.
    pub(crate) first_bit: u32,
    /// Colour space of the compressed stream, which overrides the header.
    pub(crate) color: Option<StreamColor>,
    /// Bit depth of the compressed stream; `None` if that of the header applies.
    pub(crate) precision: Option<u32>,
    /// Set if the frame is truncated.
    pub(crate) short: Option<Short>,
}

/// Description of a truncated frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Short {
    /// Number of complete rows from the top; the rows below are empty.
    pub(crate) rows: usize,
    /// The reason, a clause such as "the JPEG data is truncated".
    pub(crate) reason: String,
}

/// Colour space of a compressed stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamColor {
    Rgb,
    Ybr,
}

/// Maximum plausible ratio of decoded to compressed bytes for large frames.
const MOST_RATIO: usize = 4000;
/// Smaller frames, in decoded bytes, are decoded at any ratio: empty images compress to almost nothing.
const SMALL: usize = 64 << 20;

/// Decodes one frame, or the available part of a truncated one ([`Samples::short`]). `bytes` and `first_bit` are those
/// of [`super::frames::frame_bytes`].
pub(crate) fn decode_frame(
    bytes: Vec<u8>,
    first_bit: u32,
    header: &PixelHeader,
    big_endian: bool,
) -> Result<Samples, String> {
    let wanted = header.decoded_bytes();
    if header.codec != Codec::Native && wanted > SMALL && wanted / MOST_RATIO > bytes.len() {
        return Err(format!(
            "{} compressed bytes are too few for an image of {wanted} bytes",
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

/// Inflates a frame; for truncated data, the part that is there.
fn inflate_frame(bytes: &[u8], wanted: usize) -> Result<Vec<u8>, String> {
    let mut inflated = Vec::new();
    let read = flate2::read::DeflateDecoder::new(bytes)
        .take(wanted as u64 + 2)
        .read_to_end(&mut inflated);
    match read {
        Err(e) if e.kind() != io::ErrorKind::UnexpectedEof => {
            Err(format!("the deflated frame is damaged: {e}"))
        }
        _ => Ok(inflated),
    }
}

/// Converts uncompressed pixels to little endian with the samples of a pixel side by side.
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

/// Pads a truncated frame with zeros.
fn pad_truncated(
    bytes: &mut Vec<u8>,
    first_bit: u32,
    header: &PixelHeader,
) -> Result<Option<Short>, String> {
    let needed = (u64::from(first_bit) + header.frame_bits()).div_ceil(8);
    if bytes.len() as u64 >= needed {
        return Ok(None);
    }
    let reason = format!("the frame needs {needed} bytes, found {}", bytes.len());
    let rows = header.whole_rows((bytes.len() as u64 * 8).saturating_sub(u64::from(first_bit)));
    if !header.is_worth(rows) {
        return Err(reason);
    }
    bytes.resize(needed as usize, 0);
    Ok(Some(Short { rows, reason }))
}

/// Converts consecutive planes to values side by side.
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

//! Unpacks the stored values of a TIFF page to pixels.

use super::{
    MOST_BYTES,
    directory::{Directories, TiffPage, tag},
    pixel_kind::PixelKind,
    pixels::{over_black, over_black_16},
    stored::StoredGrey,
};
use crate::io::numbers::to_finite_pixels;
use labrum_core::image::Pixels;
use labrum_core::reason_of;
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};
use tiff::{
    TiffError,
    decoder::{Decoder, DecodingResult, Limits},
};

/// The error is the reason, a clause.
type Fallible<T> = Result<T, String>;

/// A reader that replaces some bytes of a file.
pub(super) struct Patched<R> {
    inner: R,
    at: u64,
    patches: Vec<(u64, Vec<u8>)>,
}

impl<R> Patched<R> {
    /// Reads `inner` from its beginning. Each patch is a file offset with the bytes to put there.
    pub(super) fn new(inner: R, patches: Vec<(u64, Vec<u8>)>) -> Self {
        Self {
            inner,
            at: 0,
            patches,
        }
    }
}

impl<R: Read> Read for Patched<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        for (place, bytes) in &self.patches {
            for (at, byte) in (*place..).zip(bytes) {
                let within = at
                    .checked_sub(self.at)
                    .and_then(|i| usize::try_from(i).ok())
                    .filter(|i| *i < count);
                if let Some(old) = within.and_then(|i| into.get_mut(i)) {
                    *old = *byte;
                }
            }
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl<R: Seek> Seek for Patched<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.inner.seek(to)?;
        Ok(self.at)
    }
}

/// The patch that makes a page the first one.
pub(super) fn page_first(file: &Directories, page: &TiffPage) -> (u64, Vec<u8>) {
    (
        file.start.0,
        encode_number(page.at, file.start.1, file.big_endian),
    )
}

/// The patch that changes the number of a field; `None` if the page lacks the field or nothing changes.
fn number_patch(
    file: &mut Directories,
    page: &TiffPage,
    field: u16,
    change: impl Fn(u64) -> u64,
) -> Fallible<Option<(u64, Vec<u8>)>> {
    let Some(old) = file.first_number(page, field) else {
        return Ok(None);
    };
    let new = change(old);
    if new == old {
        return Ok(None);
    }
    let (at, size) = file
        .value_location(page, field)
        .ok_or("a TIFF directory is damaged")?;
    if size < 8 && new >> (8 * size) != 0 {
        return Err("the rows are too long for this bit depth".into());
    }
    Ok(Some((at, encode_number(new, size, file.big_endian))))
}

fn encode_number(value: u64, size: usize, big_endian: bool) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let mut bytes = bytes.get(8 - size.min(8)..).unwrap_or_default().to_vec();
    if !big_endian {
        bytes.reverse();
    }
    bytes
}

/// The values of a page that is grey or has a palette. Transparent pixels are blended with black.
pub(super) fn grey_pixels(
    path: &Path,
    file: &mut Directories,
    page: &TiffPage,
    kind: &PixelKind,
) -> Fallible<StoredGrey> {
    let alpha = match (kind.samples, file.first_number(page, tag::EXTRA_SAMPLES)) {
        (1, _) => false,
        (2, Some(1 | 2)) if kind.photometric != 3 && matches!(kind.bits, 8 | 16) => true,
        (2, _) if kind.photometric == 3 => false,
        (n, _) => {
            return Err(format!(
                "{n} values per pixel are not supported; only greyscale and colour images are"
            ));
        }
    };
    if file.first_number(page, tag::FILL_ORDER) == Some(2) && !kind.bits.is_multiple_of(8) {
        return Err("FillOrder 2 (reversed bit order) is not supported".into());
    }
    // Values of 9 to 15 bits are unpacked here, from rows that the decoder treats as rows of bytes.
    let is_odd = (9..16).contains(&kind.bits);
    if is_odd && (file.first_number(page, tag::PREDICTOR).unwrap_or(1) != 1 || kind.samples != 1) {
        return Err(format!(
            "this compression of {}-bit values is not supported",
            kind.bits
        ));
    }
    let mut patches = vec![page_first(file, page)];
    patches.extend(number_patch(file, page, tag::PHOTOMETRIC, |_| 1)?);
    patches.extend(number_patch(file, page, tag::SAMPLE_FORMAT, |format| {
        if format == 4 { 1 } else { format }
    })?);
    if is_odd {
        patches.extend(number_patch(file, page, tag::BITS_PER_SAMPLE, |_| 8)?);
        for width in [tag::IMAGE_WIDTH, tag::TILE_WIDTH] {
            patches.extend(number_patch(file, page, width, |pixels| {
                (pixels * kind.bits).div_ceil(8)
            })?);
        }
    }
    let reader = BufReader::new(Patched::new(
        File::open(path).map_err(|e| reason_of(&e))?,
        patches,
    ));
    let mut limits = Limits::default();
    limits.decoding_buffer_size = MOST_BYTES as usize;
    limits.intermediate_buffer_size = MOST_BYTES as usize / 2;
    let mut decoder = Decoder::new(reader)
        .map_err(|e| error_reason(&e))?
        .with_limits(limits);
    let decoded = decoder.read_image().map_err(|e| error_reason(&e))?;
    let mut pixels = decoded_pixels(decoded, kind)?;
    let mut inverted = false;
    if kind.samples == 2 {
        pixels = first_of_two(pixels, alpha)?;
    }
    if kind.photometric == 0 {
        inverted = !invert_pixels(&mut pixels, kind.bits);
    }
    if pixels.len() != kind.columns * kind.rows {
        return Err("the file is truncated".into());
    }
    Ok(StoredGrey {
        columns: kind.columns,
        rows: kind.rows,
        pixels,
        inverted,
        bits: kind.bits,
    })
}

fn decoded_pixels(decoded: DecodingResult, kind: &PixelKind) -> Fallible<Pixels> {
    use DecodingResult::{F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    Ok(match decoded {
        U8(packed) if !kind.bits.is_multiple_of(8) => unpack_bits(&packed, kind),
        U8(v) => Pixels::U8(v),
        I8(v) => Pixels::I16(v.into_iter().map(i16::from).collect()),
        U16(v) => Pixels::U16(v),
        I16(v) => Pixels::I16(v),
        U32(v) => to_finite_pixels(v.into_iter().map(|v| v as f32).collect()),
        I32(v) => to_finite_pixels(v.into_iter().map(|v| v as f32).collect()),
        U64(v) => to_finite_pixels(v.into_iter().map(|v| v as f32).collect()),
        I64(v) => to_finite_pixels(v.into_iter().map(|v| v as f32).collect()),
        F16(v) => to_finite_pixels(v.into_iter().map(f32::from).collect()),
        F32(v) => to_finite_pixels(v),
        F64(v) => to_finite_pixels(v.into_iter().map(|v| v as f32).collect()),
    })
}

/// Unpacks values of 1 to 15 bits, highest bit first; each row begins at a byte boundary.
fn unpack_bits(packed: &[u8], kind: &PixelKind) -> Pixels {
    let bits = kind.bits as usize;
    let stride = (kind.columns * bits).div_ceil(8).max(1);
    let rows = packed.chunks(stride).take(kind.rows);
    let values =
        rows.flat_map(|row| (0..kind.columns).map(move |column| packed_value(row, column, bits)));
    if bits > 8 {
        Pixels::U16(values.collect())
    } else {
        Pixels::U8(values.map(|v| v as u8).collect())
    }
}

/// The value of `bits` bits in a column of a row; missing bits are 0.
#[inline]
fn packed_value(row: &[u8], column: usize, bits: usize) -> u16 {
    (column * bits..(column + 1) * bits).fold(0u16, |value, bit| {
        let byte = row.get(bit / 8).copied().unwrap_or(0);
        value << 1 | u16::from(byte >> (7 - bit % 8) & 1)
    })
}

/// The first of two values of each pixel, blended with black if the second is alpha.
fn first_of_two(pixels: Pixels, is_alpha: bool) -> Fallible<Pixels> {
    Ok(match pixels {
        Pixels::U8(v) => Pixels::U8(
            v.as_chunks()
                .0
                .iter()
                .map(|[v, a]| if is_alpha { over_black(*v, *a) } else { *v })
                .collect(),
        ),
        Pixels::U16(v) => Pixels::U16(
            v.as_chunks()
                .0
                .iter()
                .map(|[v, a]| if is_alpha { over_black_16(*v, *a) } else { *v })
                .collect(),
        ),
        _ => return Err("this pixel format with transparency is not supported".into()),
    })
}

/// Inverts grey values if the highest possible one is known; otherwise returns `false`.
fn invert_pixels(pixels: &mut Pixels, bits: u64) -> bool {
    let highest = ((1u32 << bits.min(16)) - 1) as u16;
    match pixels {
        Pixels::U8(v) => v
            .iter_mut()
            .for_each(|v| *v = (highest as u8).wrapping_sub(*v)),
        Pixels::U16(v) => v.iter_mut().for_each(|v| *v = highest.wrapping_sub(*v)),
        _ => return false,
    }
    true
}

/// The colours of a palette, 8 bits per channel.
pub(super) fn palette_colors(file: &mut Directories, page: &TiffPage) -> Vec<[u8; 3]> {
    let all = file.field_numbers(page, tag::COLOR_MAP);
    let count = all.len() / 3;
    // Some programs write 8-bit values instead of 16-bit ones.
    let shift = if all.iter().all(|v| *v < 256) { 0 } else { 8 };
    // All reds come first, then all greens, then all blues.
    (0..count)
        .map(|i| [0, 1, 2].map(|channel| (all[channel * count + i] >> shift) as u8))
        .collect()
}

fn error_reason(error: &TiffError) -> String {
    match error {
        TiffError::IoError(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            "the file is truncated".into()
        }
        TiffError::IoError(e) => reason_of(e),
        TiffError::LimitsExceeded => "the image needs too much memory".into(),
        TiffError::UnsupportedError(what) => {
            format!("the pixel format is not supported ({what})")
        }
        other => format!("the file is damaged ({other})"),
    }
}

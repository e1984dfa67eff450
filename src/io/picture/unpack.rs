//! From the packed values of a TIFF page to pixels.

use super::{
    MOST_BYTES,
    directory::{Directories, TiffPage, tag},
    tiff::PixelKind,
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

/// Values as they are stored.
pub(super) struct StoredGrey {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) pixels: Pixels,
    /// The lowest value is white.
    pub(super) inverted: bool,
    /// Of one value.
    pub(super) bits: u64,
}

/// A file in which some bytes are read as others.
pub(super) struct Patched<R> {
    inner: R,
    at: u64,
    patches: Vec<(u64, Vec<u8>)>,
}

impl<R> Patched<R> {
    /// Reads `inner` from its beginning, with the bytes of each patch in its place.
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

fn encode_number(value: u64, size: usize, big_endian: bool) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let mut bytes = bytes.get(8 - size.min(8)..).unwrap_or_default().to_vec();
    if !big_endian {
        bytes.reverse();
    }
    bytes
}

/// The values of a page that is grey or has a palette. Values of transparent pixels are laid over black.
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
                "each of its pixels holds {n} values, and Labrum shows one or a colour"
            ));
        }
    };
    if file.first_number(page, tag::FILL_ORDER) == Some(2) && !kind.bits.is_multiple_of(8) {
        return Err(
            "its bits are stored from the right to the left (FillOrder 2), which is not supported"
                .into(),
        );
    }
    // Values that fill no bytes are unpacked here, from rows that the decoder takes for rows of bytes.
    let is_odd = (9..16).contains(&kind.bits);
    if is_odd && (file.first_number(page, tag::PREDICTOR).unwrap_or(1) != 1 || kind.samples != 1) {
        return Err(format!(
            "its {} bits a value are compressed in a way that is not supported",
            kind.bits
        ));
    }
    let mut patches = vec![page_first(file, page)];
    let mut patch = |tag: u16, change: &dyn Fn(u64) -> u64| -> Fallible<()> {
        let Some(old) = file.first_number(page, tag) else {
            return Ok(());
        };
        let new = change(old);
        if new == old {
            return Ok(());
        }
        let (at, size) = file
            .value_location(page, tag)
            .ok_or("its directory is damaged")?;
        if size < 8 && new >> (8 * size) != 0 {
            return Err("its rows are too long for their kind of values".into());
        }
        patches.push((at, encode_number(new, size, file.big_endian)));
        Ok(())
    };
    patch(tag::PHOTOMETRIC, &|_| 1)?;
    patch(tag::SAMPLE_FORMAT, &|format| {
        if format == 4 { 1 } else { format }
    })?;
    if is_odd {
        let bytes = |pixels: u64| (pixels * kind.bits).div_ceil(8);
        patch(tag::BITS_PER_SAMPLE, &|_| 8)?;
        patch(tag::IMAGE_WIDTH, &bytes)?;
        patch(tag::TILE_WIDTH, &bytes)?;
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
        return Err("it is cut off".into());
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

/// Values of 1 to 15 bits, the highest bit first; every row begins with a byte.
fn unpack_bits(packed: &[u8], kind: &PixelKind) -> Pixels {
    let bits = kind.bits as usize;
    let stride = (kind.columns * bits).div_ceil(8).max(1);
    let value = |row: &[u8], column: usize| {
        (column * bits..(column + 1) * bits).fold(0u16, |value, bit| {
            let byte = row.get(bit / 8).copied().unwrap_or(0);
            value << 1 | u16::from(byte >> (7 - bit % 8) & 1)
        })
    };
    let rows = packed.chunks(stride).take(kind.rows);
    let values = rows.flat_map(|row| (0..kind.columns).map(move |column| value(row, column)));
    if bits > 8 {
        Pixels::U16(values.collect())
    } else {
        Pixels::U8(values.map(|v| v as u8).collect())
    }
}

/// The first of two values of each pixel; the second one is how much of it is to be seen, or something else.
fn first_of_two(pixels: Pixels, is_alpha: bool) -> Fallible<Pixels> {
    Ok(match pixels {
        Pixels::U8(v) => Pixels::U8(
            v.as_chunks()
                .0
                .iter()
                .map(|[v, a]| {
                    if is_alpha {
                        super::over_black(*v, *a)
                    } else {
                        *v
                    }
                })
                .collect(),
        ),
        Pixels::U16(v) => {
            let over = |v: u16, a: u16| ((u32::from(v) * u32::from(a) + 32_767) / 65_535) as u16;
            Pixels::U16(
                v.as_chunks()
                    .0
                    .iter()
                    .map(|[v, a]| if is_alpha { over(*v, *a) } else { *v })
                    .collect(),
            )
        }
        _ => return Err("its kind of transparent pixels is not supported".into()),
    })
}

/// Turns white into black where the highest value is known; `false` where it is not.
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

/// The colours of a palette, 8 bits each.
pub(super) fn palette_colors(file: &mut Directories, page: &TiffPage) -> Vec<[u8; 3]> {
    let all = file.field_numbers(page, tag::COLOR_MAP);
    let count = all.len() / 3;
    // Some programs write 8 bits where 16 belong.
    let shift = if all.iter().all(|v| *v < 256) { 0 } else { 8 };
    let part = |channel: usize, i: usize| {
        all.get(channel * count + i)
            .map_or(0, |v| (v >> shift) as u8)
    };
    (0..count)
        .map(|i| [part(0, i), part(1, i), part(2, i)])
        .collect()
}

/// True for a palette without colours.
pub(super) fn is_grey(colors: &[[u8; 3]]) -> bool {
    colors.iter().all(|[r, g, b]| r == g && g == b)
}

fn error_reason(error: &TiffError) -> String {
    match error {
        TiffError::IoError(e) if e.kind() == io::ErrorKind::UnexpectedEof => "it is cut off".into(),
        TiffError::IoError(e) => reason_of(e),
        TiffError::LimitsExceeded => "it needs too much memory".into(),
        TiffError::UnsupportedError(what) => {
            format!("its kind of pixels is not supported ({what})")
        }
        other => format!("it is damaged ({other})"),
    }
}

//! Decodes one frame of a DICOM file into an image.

use super::{
    codec::Codec,
    color::{ColorPalette, expand_422, rgb_from_ybr_full, rgb_from_ybr_partial},
    decode::{Samples, Short, StreamColor, decode_frame},
    display,
    file::{DicomFile, Unreadable},
    frames::frame_bytes,
    geometry,
    header::{Photometric, PixelHeader, StoredNumber},
    overlay,
};
use labrum_core::{
    Error, Result,
    hex::hex_text,
    image::{Image, Pixels},
    study::Source,
};

use sha2::{Digest, Sha256};
use std::{path::Path, result};

/// The error is the reason, a clause.
type Fallible<T> = result::Result<T, String>;

const TRIED: &str = "read the image";

/// Decodes the frame given by `source`.
pub fn load_image(source: &Source) -> Result<Image> {
    let mut file = DicomFile::open(&source.path).map_err(|unreadable| {
        let reason = match unreadable {
            Unreadable::NotDicom => "not a DICOM file".to_owned(),
            Unreadable::Failed(reason) => reason,
        };
        Error::at_path(TRIED, &source.path, reason)
    })?;
    load_frame(&mut file, source.frame).map_err(|reason| {
        let reason = match &file.broken {
            Some(broken) if file.pixels.is_none() => format!("the file is damaged: {broken}"),
            _ => reason,
        };
        Error::at_path(TRIED, &source.path, reason)
    })
}

/// Files with more frames are compared by their stored bytes instead of the decoded pixels.
const DECODED: u32 = 64;

/// Hash of the decoded pixels of a file or, for long loops, of their stored bytes; `None` if they cannot be read.
pub(super) fn content_digest(path: &Path) -> Option<String> {
    let mut file = DicomFile::open(path).ok()?;
    let header = PixelHeader::from_file(&file).ok()?;
    let mut hash = Sha256::new();
    for number in [header.columns, header.rows, header.frames as usize] {
        hash.update((number as u64).to_le_bytes());
    }
    for frame in 0..header.frames {
        if header.frames > DECODED {
            hash.update(frame_bytes(&mut file, &header, frame).ok()?.0);
        } else {
            hash_pixels(&mut hash, &load_frame(&mut file, frame).ok()?.pixels);
        }
    }
    Some(hex_text(&hash.finalize()))
}

fn hash_pixels(hash: &mut Sha256, pixels: &Pixels) {
    match pixels {
        Pixels::U8(v) => hash.update(v),
        Pixels::U16(v) => hash.update(bytemuck::cast_slice::<_, u8>(v)),
        Pixels::I16(v) => hash.update(bytemuck::cast_slice::<_, u8>(v)),
        Pixels::F32(v) => hash.update(bytemuck::cast_slice::<_, u8>(v)),
        Pixels::Rgb8(v) => hash.update(bytemuck::cast_slice::<_, u8>(v)),
    }
}

fn load_frame(file: &mut DicomFile, frame: u32) -> Fallible<Image> {
    let header = PixelHeader::from_file(file)?;
    let (bytes, first_bit) = frame_bytes(file, &header, frame)?;
    let samples = decode_frame(bytes, first_bit, &header, file.big_endian_pixels)?;
    let pixels = if header.samples == 3 {
        Pixels::Rgb8(rgb_pixels(&samples, &header)?)
    } else if header.photometric == Photometric::Palette {
        let palette = ColorPalette::read_lookup_tables(file, header.signed)?;
        let values = integer_values(&samples, &header)?;
        Pixels::Rgb8(
            values
                .into_iter()
                .map(|value| palette.color_of_value(value))
                .collect(),
        )
    } else {
        grey_pixels(&samples, &header)?
    };
    let mut image = Image::new(header.columns, header.rows, pixels)
        .ok_or("the number of pixels does not match the header")?;
    image.inverted = display::is_inverted(&file.data, &header);
    if let Some(short) = &samples.short {
        blank_missing(
            &mut image.pixels,
            short.rows * header.columns,
            image.inverted,
        );
        image.truncated = Some(truncation_note(short, header.rows));
    }
    image.spacing = geometry::pixel_spacing(&file.data, frame as usize);
    image.regions = geometry::ultrasound_regions(&file.data);
    image.plane = geometry::frame_plane(&file.data, frame as usize, header.frames);
    image.orientation =
        geometry::patient_orientation(&file.data, frame as usize).filter(|_| image.plane.is_none());
    let raw = (header.codec == Codec::Native).then_some(&samples);
    image.overlays = overlay::of_frame(&mut file.bytes, &file.data, &header, frame as usize, raw);
    if !image.is_color() {
        display::fill_display_attributes(&mut image, file, &header, frame as usize)?;
    }
    Ok(image)
}

/// The note about a truncated image.
fn truncation_note(short: &Short, rows: usize) -> String {
    match rows - short.rows.min(rows) {
        0 => format!(
            "parts or details of the image are missing: {}",
            short.reason
        ),
        missing => format!(
            "the lower {missing} of {rows} rows are missing: {}",
            short.reason
        ),
    }
}

/// Fills missing pixels with black: the lowest value of the others, or the highest if the image is inverted.
fn blank_missing(pixels: &mut Pixels, from: usize, inverted: bool) {
    fn fill_missing<T: Copy + PartialOrd>(values: &mut [T], from: usize, inverted: bool) {
        let (there, missing) = values.split_at_mut(from.min(values.len()));
        let black = there
            .iter()
            .copied()
            .reduce(|a, b| if (b < a) != inverted { b } else { a });
        if let Some(black) = black {
            missing.fill(black);
        }
    }
    match pixels {
        Pixels::U8(v) => fill_missing(v, from, inverted),
        Pixels::U16(v) => fill_missing(v, from, inverted),
        Pixels::I16(v) => fill_missing(v, from, inverted),
        Pixels::F32(v) => fill_missing(v, from, inverted),
        Pixels::Rgb8(v) => v.iter_mut().skip(from).for_each(|pixel| *pixel = [0; 3]),
    }
}

/// Grey values in the smallest type that can hold them.
fn grey_pixels(samples: &Samples, header: &PixelHeader) -> Fallible<Pixels> {
    let count = header.rows * header.columns;
    match header.number {
        StoredNumber::Float => {
            return Ok(Pixels::F32(
                samples
                    .bytes
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .take(count)
                    .map(|value| f32::from_le_bytes(*value))
                    .collect(),
            ));
        }
        StoredNumber::Double => {
            return Ok(Pixels::F32(
                samples
                    .bytes
                    .as_chunks::<8>()
                    .0
                    .iter()
                    .take(count)
                    .map(|value| f64::from_le_bytes(*value) as f32)
                    .collect(),
            ));
        }
        StoredNumber::Integer => {}
    }
    let whole = BitLayout::new(samples, header);
    Ok(match (samples.size, header.signed) {
        (0, _) => Pixels::U8(unpack_bits(samples, count)?),
        (1, false) => Pixels::U8(whole.extract_values(samples, count, |v| v as u8)?),
        (2, false) if whole.stored <= 8 => {
            Pixels::U8(whole.extract_values(samples, count, |v| v as u8)?)
        }
        (1 | 2, true) => Pixels::I16(whole.extract_values(samples, count, |v| v as i16)?),
        (2, false) => Pixels::U16(whole.extract_values(samples, count, |v| v as u16)?),
        _ => compact_values(whole.extract_values(samples, count, |v| v)?),
    })
}

/// 32-bit values as 16-bit integers if they fit, else as floats.
fn compact_values(values: Vec<i64>) -> Pixels {
    let (low, high) = values
        .iter()
        .fold((i64::MAX, i64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    if low >= 0 && high <= i64::from(u16::MAX) {
        Pixels::U16(values.into_iter().map(|v| v as u16).collect())
    } else if low >= i64::from(i16::MIN) && high <= i64::from(i16::MAX) {
        Pixels::I16(values.into_iter().map(|v| v as i16).collect())
    } else {
        Pixels::F32(values.into_iter().map(|v| v as f32).collect())
    }
}

fn integer_values(samples: &Samples, header: &PixelHeader) -> Fallible<Vec<i64>> {
    let count = header.rows * header.columns;
    if samples.size == 0 {
        return Ok(unpack_bits(samples, count)?
            .into_iter()
            .map(i64::from)
            .collect());
    }
    BitLayout::new(samples, header).extract_values(samples, count, |v| v)
}

/// The bits of a stored word that contain the value.
struct BitLayout {
    stored: u32,
    shift: u32,
    signed: bool,
}

impl BitLayout {
    fn new(samples: &Samples, header: &PixelHeader) -> Self {
        let width = samples.size as u32 * 8;
        // A compressed stream has its own bit depth; only the sign comes from the header.
        if let Some(precision) = samples.precision {
            let stored = if header.signed {
                precision
            } else {
                precision.max(header.stored)
            };
            return Self {
                stored: stored.clamp(1, width),
                shift: 0,
                signed: header.signed,
            };
        }
        let stored = header.stored.min(width).max(1);
        let shift = (header.high_bit + 1).saturating_sub(stored);
        // Ignore a High Bit that does not fit into the word.
        let shift = if shift + stored <= width { shift } else { 0 };
        Self {
            stored,
            shift,
            signed: header.signed,
        }
    }

    /// Extracts the values, without overlays in the other bits, and extends their sign.
    fn extract_values<T>(
        &self,
        samples: &Samples,
        count: usize,
        make: impl Fn(i64) -> T,
    ) -> Fallible<Vec<T>> {
        let size = samples.size;
        if samples.bytes.len() < count * size {
            return Err("the frame has too few pixels".into());
        }
        let mask = if self.stored >= 63 {
            i64::MAX
        } else {
            (1i64 << self.stored) - 1
        };
        Ok(samples
            .bytes
            .chunks_exact(size)
            .take(count)
            .map(|word| {
                let raw = number_from_bytes(word) as i64;
                make(self.extend_sign(raw >> self.shift & mask))
            })
            .collect())
    }

    /// If values are signed, the highest stored bit is the sign.
    #[inline]
    fn extend_sign(&self, value: i64) -> i64 {
        if !self.signed {
            return value;
        }
        let sign = 1i64 << (self.stored - 1);
        (value ^ sign) - sign
    }
}

/// Reads up to eight bytes, little endian.
#[inline]
fn number_from_bytes(word: &[u8]) -> u64 {
    word.iter()
        .rev()
        .fold(0u64, |value, byte| value << 8 | u64::from(*byte))
}

/// One value per bit, least significant bit first, PS3.5 8.1.1.
fn unpack_bits(samples: &Samples, count: usize) -> Fallible<Vec<u8>> {
    let first = samples.first_bit as usize;
    if samples.bytes.len() * 8 < first + count {
        return Err("the frame has too few pixels".into());
    }
    Ok((first..first + count)
        .map(|bit| samples.bytes[bit / 8] >> (bit % 8) & 1)
        .collect())
}

fn rgb_pixels(samples: &Samples, header: &PixelHeader) -> Fallible<Vec<[u8; 3]>> {
    let native = matches!(
        header.codec,
        Codec::Native | Codec::Encapsulated | Codec::DeflatedFrame
    );
    let mut pixels = if native && header.is_subsampled() {
        expand_422(&samples.bytes)
    } else {
        eight_bits(samples, header)
    };
    pixels.truncate(header.rows * header.columns);
    use Photometric::*;
    let convert = match (samples.color, header.photometric, header.codec) {
        (Some(StreamColor::Rgb), ..) => None,
        (Some(StreamColor::Ybr), ..) => Some(rgb_from_ybr_full as fn([u8; 3]) -> [u8; 3]),
        // The decoders of JPEG 2000 and JPEG XL undo the colour transform themselves.
        (None, YbrIct | YbrRct, Codec::Jpeg2000) | (None, Xyb, Codec::JpegXl) | (None, Rgb, _) => {
            None
        }
        (None, YbrPartial422, Codec::Native | Codec::Encapsulated) => {
            Some(rgb_from_ybr_partial as _)
        }
        _ => Some(rgb_from_ybr_full as _),
    };
    if let Some(convert) = convert {
        pixels.iter_mut().for_each(|pixel| *pixel = convert(*pixel));
    }
    Ok(pixels)
}

/// Converts colours of any depth to 8 bits per channel.
fn eight_bits(samples: &Samples, header: &PixelHeader) -> Vec<[u8; 3]> {
    let size = samples.size;
    let stored = samples
        .precision
        .unwrap_or(header.stored)
        .min(size as u32 * 8);
    let most = (1u64 << stored) - 1;
    samples
        .bytes
        .chunks_exact(3 * size)
        .map(|pixel| {
            [
                scale_to_byte(&pixel[..size], most),
                scale_to_byte(&pixel[size..2 * size], most),
                scale_to_byte(&pixel[2 * size..], most),
            ]
        })
        .collect()
}

/// Scales a value from 0..=`most` to 0..=255.
#[inline]
fn scale_to_byte(word: &[u8], most: u64) -> u8 {
    let value = number_from_bytes(word);
    if most == 255 {
        value as u8
    } else {
        ((value.min(most) * 255 + most / 2) / most) as u8
    }
}

//! Decodes one frame of a DICOM file into an image.

use super::{
    color::{ColorPalette, expand_422, rgb_from_ybr_full, rgb_from_ybr_partial},
    decode::{Codec, Samples, Short, StreamColor, decode_frame},
    display,
    file::{DicomFile, Unreadable},
    frames::frame_bytes,
    geometry,
    header::{Photometric, PixelHeader, StoredNumber},
    overlay,
};
use labrum_core::{
    Error, Result,
    image::{Image, Pixels},
    study::Source,
};

use sha2::{Digest, Sha256};
use std::path::Path;

/// The error is the reason, a clause.
type Fallible<T> = std::result::Result<T, String>;

const TRIED: &str = "read the image";

/// Decodes the frame that `source` names, and no other.
pub fn load_image(source: &Source) -> Result<Image> {
    let failed = |reason: String| Error::at_path(TRIED, &source.path, reason);
    let mut file = DicomFile::open(&source.path).map_err(|unreadable| match unreadable {
        Unreadable::NotDicom => failed("it is not a DICOM file".into()),
        Unreadable::Failed(reason) => failed(reason),
    })?;
    load_frame(&mut file, source.frame).map_err(|reason| match &file.broken {
        Some(broken) if file.pixels.is_none() => failed(format!("it is damaged: {broken}")),
        _ => failed(reason),
    })
}

/// Files of more frames are told apart by their bytes as they are.
const DECODED: u32 = 64;

/// What tells the pixels of a file from others: a hash of what they show or, of long loops, of their bytes. `None` where
/// they cannot be read.
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
    Some(
        hash.finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    )
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
        .ok_or("it holds another number of pixels")?;
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

/// What a user is told of an image that is not all there.
fn truncation_note(short: &Short, rows: usize) -> String {
    match rows - short.rows.min(rows) {
        0 => format!("parts or details are missing: {}", short.reason),
        missing => format!(
            "the lower {missing} of {rows} rows are missing: {}",
            short.reason
        ),
    }
}

/// Makes what is missing black: the least value of what is there, or the largest where that is black.
fn blank_missing(pixels: &mut Pixels, from: usize, inverted: bool) {
    fn fill_missing<T: Copy + PartialOrd>(values: &mut [T], from: usize, inverted: bool) {
        let (there, missing) = values.split_at_mut(from.min(values.len()));
        let beyond = |a: T, b: T| if (b < a) != inverted { b } else { a };
        if let Some(black) = there.iter().copied().reduce(beyond) {
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

/// Grey values in the smallest type that holds them all.
fn grey_pixels(samples: &Samples, header: &PixelHeader) -> Fallible<Pixels> {
    let count = header.rows * header.columns;
    match header.number {
        StoredNumber::Float => {
            let read = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
            return Ok(Pixels::F32(
                samples
                    .bytes
                    .chunks_exact(4)
                    .take(count)
                    .map(read)
                    .collect(),
            ));
        }
        StoredNumber::Double => {
            let read = |b: &[u8]| {
                f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32
            };
            return Ok(Pixels::F32(
                samples
                    .bytes
                    .chunks_exact(8)
                    .take(count)
                    .map(read)
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

/// 32-bit values, in 16 where they fit.
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

/// Which bits of a stored word are the value.
struct BitLayout {
    stored: u32,
    shift: u32,
    signed: bool,
}

impl BitLayout {
    fn new(samples: &Samples, header: &PixelHeader) -> Self {
        let width = samples.size as u32 * 8;
        // A compressed stream has its own bits; only its sign comes from the header.
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
        // A high bit that does not fit into the word is a mistake.
        let shift = if shift + stored <= width { shift } else { 0 };
        Self {
            stored,
            shift,
            signed: header.signed,
        }
    }

    /// Cuts out the value (overlays may be in the other bits) and extends its sign.
    fn extract_values<T>(
        &self,
        samples: &Samples,
        count: usize,
        make: impl Fn(i64) -> T,
    ) -> Fallible<Vec<T>> {
        let size = samples.size;
        if samples.bytes.len() < count * size {
            return Err("it holds too few pixels".into());
        }
        let mask = if self.stored >= 63 {
            i64::MAX
        } else {
            (1i64 << self.stored) - 1
        };
        let sign = 1i64 << (self.stored - 1);
        let value = |word: &[u8]| {
            let raw = word
                .iter()
                .rev()
                .fold(0i64, |value, byte| value << 8 | i64::from(*byte));
            let value = raw >> self.shift & mask;
            make(if self.signed {
                (value ^ sign) - sign
            } else {
                value
            })
        };
        Ok(samples
            .bytes
            .chunks_exact(size)
            .take(count)
            .map(value)
            .collect())
    }
}

/// One value for each bit, least significant bit first, PS3.5 8.1.1.
fn unpack_bits(samples: &Samples, count: usize) -> Fallible<Vec<u8>> {
    let first = samples.first_bit as usize;
    if samples.bytes.len() * 8 < first + count {
        return Err("it holds too few pixels".into());
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
        // The decoders of JPEG 2000 and JPEG XL undo the transform of the stream itself.
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

/// Colour of any depth in 8 bits a channel.
fn eight_bits(samples: &Samples, header: &PixelHeader) -> Vec<[u8; 3]> {
    let size = samples.size;
    let stored = samples
        .precision
        .unwrap_or(header.stored)
        .min(size as u32 * 8);
    let most = (1u64 << stored) - 1;
    let scale = |word: &[u8]| {
        let value = word
            .iter()
            .rev()
            .fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        if most == 255 {
            value as u8
        } else {
            ((value.min(most) * 255 + most / 2) / most) as u8
        }
    };
    let pixel = |p: &[u8]| {
        [
            scale(&p[..size]),
            scale(&p[size..2 * size]),
            scale(&p[2 * size..]),
        ]
    };
    samples.bytes.chunks_exact(3 * size).map(pixel).collect()
}

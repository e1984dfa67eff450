//! Converts colour spaces and palettes to RGB, PS3.3 C.7.6.3.1.2 and C.7.9.

use super::{
    dataset::DataSet,
    file::{DicomFile, read_value},
};
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use labrum_core::file_bytes::FileBytes;

/// YBR_FULL to RGB.
pub(crate) fn rgb_from_ybr_full([y, b, r]: [u8; 3]) -> [u8; 3] {
    let y = f32::from(y);
    let b = f32::from(b) - 128.0;
    let r = f32::from(r) - 128.0;
    [
        y + 1.402 * r,
        y - 0.344_136 * b - 0.714_136 * r,
        y + 1.772 * b,
    ]
    .map(to_byte)
}

/// YBR_PARTIAL_422 to RGB: luma from 16 to 235, chroma from 16 to 240.
pub(crate) fn rgb_from_ybr_partial([y, b, r]: [u8; 3]) -> [u8; 3] {
    let y = 1.1644 * (f32::from(y) - 16.0);
    let b = f32::from(b) - 128.0;
    let r = f32::from(r) - 128.0;
    [y + 1.5960 * r, y - 0.3917 * b - 0.8130 * r, y + 2.0173 * b].map(to_byte)
}

fn to_byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// Expands pairs of pixels in four bytes (Y Y B R) to three bytes per pixel.
pub(crate) fn expand_422(bytes: &[u8]) -> Vec<[u8; 3]> {
    bytes
        .chunks_exact(4)
        .flat_map(|p| [[p[0], p[2], p[3]], [p[1], p[2], p[3]]])
        .collect()
}

/// The colours of a palette image.
pub(crate) struct ColorPalette {
    /// The stored value of the first colour.
    first: i64,
    colors: Vec<[u8; 3]>,
}

impl ColorPalette {
    /// Reads the three lookup tables, plain or segmented.
    pub(crate) fn read_lookup_tables(file: &mut DicomFile, signed: bool) -> Result<Self, String> {
        let [red, green, blue] = [
            (
                tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
                tags::SEGMENTED_RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            ),
            (
                tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
                tags::SEGMENTED_GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            ),
            (
                tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
                tags::SEGMENTED_BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            ),
        ]
        .map(|(descriptor, plain, segmented)| {
            read_channel(file, descriptor, plain, segmented, signed)
        });
        let (first, red) = red?;
        let (_, green) = green?;
        let (_, blue) = blue?;
        let count = red.len().min(green.len()).min(blue.len());
        if count == 0 {
            return Err("the colour palette is empty".into());
        }
        Ok(Self {
            first,
            colors: (0..count).map(|i| [red[i], green[i], blue[i]]).collect(),
        })
    }

    /// The colour of a stored value; values outside the palette get the nearest entry.
    pub(crate) fn color_of_value(&self, stored: i64) -> [u8; 3] {
        let last = self.colors.len() as i64 - 1;
        self.colors[(stored - self.first).clamp(0, last) as usize]
    }
}

fn read_channel(
    file: &mut DicomFile,
    descriptor: Tag,
    plain: Tag,
    segmented: Tag,
    signed: bool,
) -> Result<(i64, Vec<u8>), String> {
    let DicomFile { bytes, data, .. } = file;
    let form = Descriptor::from_dataset(data, descriptor, signed)
        .ok_or("the colour palette is missing or damaged")?;
    let words = match table_words(bytes, data, plain, &form) {
        Some(words) => words,
        None => {
            let packed = table_words(
                bytes,
                data,
                segmented,
                &Descriptor {
                    entries: usize::MAX,
                    ..form
                },
            );
            expand_segments(&packed.ok_or("the colour palette is missing")?)
                .ok_or("the segmented colour palette is damaged")?
        }
    };
    // 16-bit tables have the colour in the upper byte; some writers fill only the lower byte.
    let wide = form.bits > 8 && words.iter().any(|w| *w > 255);
    Ok((
        form.first as i64,
        words
            .iter()
            .map(|w| if wide { (w >> 8) as u8 } else { *w as u8 })
            .collect(),
    ))
}

/// LUT Descriptor: number of entries, first stored value and bits of a lookup table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descriptor {
    pub(crate) entries: usize,
    pub(crate) first: f64,
    pub(crate) bits: u32,
}

impl Descriptor {
    /// PS3.3 C.7.6.3.1.5: 0 means 65536 entries; the first value is signed if the pixels are.
    pub(crate) fn from_dataset(data: &DataSet, tag: Tag, signed: bool) -> Option<Self> {
        let [entries, first, bits] = data.numeric_array::<3>(tag)?;
        let entries = entries as i64 as u16;
        let first = if signed {
            f64::from(first as i64 as i16)
        } else {
            f64::from(first as i64 as u16)
        };
        Some(Self {
            entries: if entries == 0 {
                65_536
            } else {
                usize::from(entries)
            },
            first,
            bits: (bits as i64).clamp(1, 16) as u32,
        })
    }
}

/// The entries of a lookup table: 16-bit words, or bytes if an 8-bit table is too short for words.
pub(crate) fn table_words(
    bytes: &mut FileBytes,
    data: &DataSet,
    tag: Tag,
    form: &Descriptor,
) -> Option<Vec<u16>> {
    let raw = read_value(bytes, data, tag).filter(|raw| !raw.is_empty())?;
    if form.bits <= 8 && raw.len() < form.entries.saturating_mul(2) {
        return Some(
            raw.iter()
                .take(form.entries)
                .map(|b| u16::from(*b))
                .collect(),
        );
    }
    Some(
        raw.chunks_exact(2)
            .take(form.entries)
            .map(|pair| word_from_bytes(pair, data.big_endian))
            .collect(),
    )
}

#[inline]
fn word_from_bytes(pair: &[u8], big_endian: bool) -> u16 {
    let pair = [pair[0], pair[1]];
    if big_endian {
        u16::from_be_bytes(pair)
    } else {
        u16::from_le_bytes(pair)
    }
}

/// PS3.3 C.7.9.2: discrete, linear and indirect segments.
fn expand_segments(words: &[u16]) -> Option<Vec<u16>> {
    const MOST: usize = 65_536;
    let mut out: Vec<u16> = Vec::new();
    let mut at = 0;
    while at + 1 < words.len() && out.len() < MOST {
        let next = expand_segment(words, at, &mut out)?;
        if words[at] == 2 {
            let count = usize::from(words[at + 1]);
            let mut from =
                usize::from(*words.get(at + 2)?) | usize::from(*words.get(at + 3)?) << 16;
            for _ in 0..count.min(MOST) {
                if words.get(from) == Some(&2) {
                    return None;
                }
                from = expand_segment(words, from, &mut out)?;
            }
        }
        at = next;
    }
    out.truncate(MOST);
    Some(out)
}

/// Expands the segment at `at` unless it is indirect; returns the index of the next segment.
fn expand_segment(words: &[u16], at: usize, out: &mut Vec<u16>) -> Option<usize> {
    let count = usize::from(*words.get(at + 1)?);
    match words.get(at)? {
        0 => {
            out.extend_from_slice(words.get(at + 2..at + 2 + count)?);
            Some(at + 2 + count)
        }
        1 => {
            let (from, to) = (f64::from(*out.last()?), f64::from(*words.get(at + 2)?));
            out.extend(
                (1..=count).map(|i| (from + (to - from) * i as f64 / count as f64).round() as u16),
            );
            Some(at + 3)
        }
        2 => Some(at + 4),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_in_ybr_is_grey_in_rgb() {
        assert_eq!(rgb_from_ybr_full([77, 128, 128]), [77, 77, 77]);
        assert_eq!(rgb_from_ybr_full([76, 85, 255]), [254, 0, 0]);
        assert_eq!(rgb_from_ybr_partial([235, 128, 128]), [255, 255, 255]);
        assert_eq!(rgb_from_ybr_partial([16, 128, 128]), [0, 0, 0]);
    }

    #[test]
    fn subsampled_colour_is_shared_by_two_pixels() {
        assert_eq!(expand_422(&[1, 2, 3, 4]), [[1, 3, 4], [2, 3, 4]]);
    }

    #[test]
    fn segmented_palettes_are_expanded() {
        assert_eq!(
            expand_segments(&[0, 2, 10, 20, 1, 2, 40]),
            Some(vec![10, 20, 30, 40])
        );
        assert_eq!(expand_segments(&[0, 1, 7, 2, 1, 0, 0]), Some(vec![7, 7]));
        assert_eq!(expand_segments(&[0, 9, 1]), None);
    }
}

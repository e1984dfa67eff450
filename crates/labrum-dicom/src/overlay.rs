//! Overlay planes, PS3.3 C.9.2: 1-bit graphics in groups 6000 to 601E, or in unused bits of the pixels.

use super::{dataset::DataSet, decode::Samples, file::read_value, header::PixelHeader};
use dicom_core::{Tag, VR};
use labrum_core::file_bytes::FileBytes;
use labrum_core::{
    image::Overlay,
    region::{PixelRect, Region},
};
use std::{
    array,
    ops::{Range, RangeInclusive},
};

/// The repeating groups of overlays.
const GROUPS: RangeInclusive<u16> = 0x6000..=0x601E;
/// Maximum number of rows or columns.
const MOST_SIDE: i64 = 16_384;

/// The description of an overlay plane.
struct OverlayPlane {
    group: u16,
    rows: usize,
    columns: usize,
    /// Position of its first pixel on the image, 0-based row and column; may be negative.
    origin: [i64; 2],
    /// Number of frames of the overlay; `None` if it has one for all frames of the image.
    frames: Option<usize>,
    /// 0-based frame of the image that its first frame belongs to.
    first_frame: usize,
    /// The bit of the pixels that contains it; `None` if it has its own data.
    embedded: Option<u32>,
    name: String,
}

/// True if the dataset contains an overlay.
pub(super) fn are_in(data: &DataSet) -> bool {
    list_planes(data).next().is_some()
}

/// The overlays of a frame. `raw` are the uncompressed pixels of the frame, which are needed for overlays in unused
/// bits.
pub(super) fn of_frame(
    bytes: &mut FileBytes,
    data: &DataSet,
    header: &PixelHeader,
    frame: usize,
    raw: Option<&Samples>,
) -> Vec<Overlay> {
    let all: Vec<OverlayPlane> = list_planes(data).collect();
    let drawn = all.into_iter().filter_map(|plane| {
        let region = match (plane.embedded, raw) {
            (Some(bit), Some(raw)) => region_from_pixels(&plane, bit, raw, header)?,
            (Some(_), None) => return None,
            (None, _) => region_from_data(&plane, bytes, data, header, frame)?,
        };
        (!region.is_empty()).then_some(Overlay {
            name: plane.name,
            region,
        })
    });
    drawn.collect()
}

fn list_planes(data: &DataSet) -> impl Iterator<Item = OverlayPlane> {
    GROUPS
        .step_by(2)
        .filter_map(move |group| read_plane(data, group))
}

/// The overlay of a repeating group; `None` if it has none.
fn read_plane(data: &DataSet, group: u16) -> Option<OverlayPlane> {
    let has_data = data.has_value(Tag(group, 0x3000));
    let bits = data.integer_value(Tag(group, 0x0100)).unwrap_or(1);
    let embedded = if !has_data && bits > 1 {
        data.integer_value(Tag(group, 0x0102))
    } else {
        None
    };
    if !has_data && embedded.is_none() {
        return None;
    }
    let origin = data.numeric_values(Tag(group, 0x0050));
    let texts = [0x1500, 0x0022]
        .iter()
        .find_map(|element| data.text_value(Tag(group, *element)));
    Some(OverlayPlane {
        group,
        rows: plane_side(data, Tag(group, 0x0010))?,
        columns: plane_side(data, Tag(group, 0x0011))?,
        origin: array::from_fn(|i| origin.get(i).map_or(0, |v| *v as i64 - 1)),
        frames: data
            .integer_value(Tag(group, 0x0015))
            .filter(|n| *n > 0)
            .map(|n| n as usize),
        first_frame: data
            .integer_value(Tag(group, 0x0051))
            .map_or(0, |n| (n - 1).max(0) as usize),
        embedded: embedded
            .and_then(|bit| u32::try_from(bit).ok())
            .filter(|bit| *bit < 32),
        name: texts.unwrap_or_else(|| format!("Overlay {}", (group - 0x6000) / 2 + 1)),
    })
}

/// Rows or columns of a plane; `None` if they are out of range.
fn plane_side(data: &DataSet, tag: Tag) -> Option<usize> {
    data.integer_value(tag)
        .filter(|n| (1..=MOST_SIDE).contains(n))
        .map(|n| n as usize)
}

/// A plane with its own data: packed bits, least significant bit first.
fn region_from_data(
    plane: &OverlayPlane,
    bytes: &mut FileBytes,
    data: &DataSet,
    header: &PixelHeader,
    frame: usize,
) -> Option<Region> {
    let frame = match plane.frames {
        Some(frames) => frame
            .checked_sub(plane.first_frame)
            .filter(|f| *f < frames)?,
        None => 0,
    };
    let tag = Tag(plane.group, 0x3000);
    let mut packed = read_value(bytes, data, tag)?;
    // In big endian files the bits are stored as 16-bit words.
    if data.big_endian && data.get(tag).is_some_and(|e| e.vr == VR::OW) {
        packed.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
    }
    let first = frame.checked_mul(plane.rows * plane.columns)?;
    Some(region_from_bits(plane, header, |x, y| {
        is_bit_set(&packed, first + y * plane.columns + x)
    }))
}

/// Least significant bit first; false past the end.
#[inline]
fn is_bit_set(packed: &[u8], bit: usize) -> bool {
    packed
        .get(bit / 8)
        .is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
}

/// A plane in an unused bit of the pixels.
fn region_from_pixels(
    plane: &OverlayPlane,
    bit: u32,
    raw: &Samples,
    header: &PixelHeader,
) -> Option<Region> {
    let in_value = (header.high_bit + 1).saturating_sub(header.stored)..=header.high_bit;
    if header.samples != 1
        || raw.size == 0
        || bit as usize >= raw.size * 8
        || in_value.contains(&bit)
    {
        return None;
    }
    Some(region_from_bits(plane, header, |x, y| {
        let word = (y * header.columns + x) * raw.size;
        x < header.columns && is_bit_set(&raw.bytes, word * 8 + bit as usize)
    }))
}

/// The pixels of the image under the set bits of a plane.
fn region_from_bits(
    plane: &OverlayPlane,
    header: &PixelHeader,
    is_set: impl Fn(usize, usize) -> bool,
) -> Region {
    let [row, column] = plane.origin;
    let window = PixelRect {
        columns: clipped_range(column, plane.columns, header.columns),
        rows: clipped_range(row, plane.rows, header.rows),
    };
    Region::from_fn(&window, |x, y| {
        let (x, y) = (x as i64 - column, y as i64 - row);
        x >= 0 && y >= 0 && is_set(x as usize, y as usize)
    })
}

/// The range of `length` pixels from `origin`, clipped to `0..whole`.
fn clipped_range(origin: i64, length: usize, whole: usize) -> Range<usize> {
    let whole = whole as i64;
    let start = origin.clamp(0, whole);
    let end = origin.saturating_add(length as i64).clamp(0, whole);
    start as usize..end as usize
}

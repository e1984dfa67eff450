//! Overlay planes, PS3.3 C.9.2: drawings of one bit in groups 6000 to 601E, or in bits of the pixels that hold no value.

use super::{dataset::DataSet, decode::Samples, file::read_value, header::PixelHeader};
use dicom_core::{Tag, VR};
use labrum_core::file_bytes::FileBytes;
use labrum_core::{
    image::Overlay,
    region::{PixelRect, Region},
};

/// The repeating groups.
const GROUPS: std::ops::RangeInclusive<u16> = 0x6000..=0x601E;
/// More rows or columns has no image.
const MOST_SIDE: i64 = 16_384;

/// What is known of a plane.
struct OverlayPlane {
    group: u16,
    rows: usize,
    columns: usize,
    /// Place of its first pixel on the image, 0-based row and column; may be negative.
    origin: [i64; 2],
    /// Frames of its own; one for all frames of the image where it does not say.
    frames: Option<usize>,
    /// 0-based frame of the image that its first frame belongs to.
    first_frame: usize,
    /// In which bit of the pixels it is; `None` where it has data of its own.
    embedded: Option<u32>,
    name: String,
}

/// True where the dataset holds a plane.
pub(super) fn are_in(data: &DataSet) -> bool {
    list_planes(data).next().is_some()
}

/// The planes that lie over a frame. `raw` are its uncompressed words: planes in unused bits are nowhere else.
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
    GROUPS.step_by(2).filter_map(move |group| {
        let number = |element| data.integer_value(Tag(group, element));
        let side = |element| {
            number(element)
                .filter(|n| (1..=MOST_SIDE).contains(n))
                .map(|n| n as usize)
        };
        let has_data = data.has_value(Tag(group, 0x3000));
        let bits = number(0x0100).unwrap_or(1);
        let embedded = (!has_data && bits > 1).then(|| number(0x0102)).flatten();
        if !has_data && embedded.is_none() {
            return None;
        }
        let origin = data.numeric_values(Tag(group, 0x0050));
        let at = |i: usize| origin.get(i).map_or(0, |v| *v as i64 - 1);
        let texts = [0x1500, 0x0022]
            .iter()
            .find_map(|element| data.text_value(Tag(group, *element)));
        Some(OverlayPlane {
            group,
            rows: side(0x0010)?,
            columns: side(0x0011)?,
            origin: [at(0), at(1)],
            frames: number(0x0015).filter(|n| *n > 0).map(|n| n as usize),
            first_frame: number(0x0051).map_or(0, |n| (n - 1).max(0) as usize),
            embedded: embedded
                .and_then(|bit| u32::try_from(bit).ok())
                .filter(|bit| *bit < 32),
            name: texts.unwrap_or_else(|| format!("Overlay {}", (group - 0x6000) / 2 + 1)),
        })
    })
}

/// A plane with data of its own: bits one after another, least significant first.
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
    // Big endian words of bits.
    if data.big_endian && data.get(tag).is_some_and(|e| e.vr == VR::OW) {
        packed.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
    }
    let first = frame.checked_mul(plane.rows * plane.columns)?;
    let is_set = |x: usize, y: usize| {
        let bit = first + y * plane.columns + x;
        packed
            .get(bit / 8)
            .is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
    };
    Some(region_from_bits(plane, header, is_set))
}

/// A plane in a bit of the pixels.
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
    let (byte, shift) = (bit as usize / 8, bit % 8);
    let is_set = |x: usize, y: usize| {
        let at = (y * header.columns + x) * raw.size + byte;
        x < header.columns && raw.bytes.get(at).is_some_and(|b| b >> shift & 1 == 1)
    };
    Some(region_from_bits(plane, header, is_set))
}

/// The pixels of the image under the set bits of a plane.
fn region_from_bits(
    plane: &OverlayPlane,
    header: &PixelHeader,
    is_set: impl Fn(usize, usize) -> bool,
) -> Region {
    let side = |origin: i64, length: usize, whole: usize| {
        let clip = |at: i64| at.clamp(0, whole as i64) as usize;
        clip(origin)..clip(origin.saturating_add(length as i64))
    };
    let [row, column] = plane.origin;
    let window = PixelRect {
        columns: side(column, plane.columns, header.columns),
        rows: side(row, plane.rows, header.rows),
    };
    Region::from_fn(&window, |x, y| {
        let (x, y) = (x as i64 - column, y as i64 - row);
        x >= 0 && y >= 0 && is_set(x as usize, y as usize)
    })
}

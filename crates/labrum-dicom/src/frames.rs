//! Finds the bytes of a frame: a range of uncompressed pixels, or its fragments.

use super::{
    codec::Codec,
    file::{DicomFile, tag_and_length},
    header::PixelHeader,
    parse::PixelElement,
};
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use labrum_core::file_bytes::FileBytes;

/// A range of bytes of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fragment {
    at: u64,
    length: u64,
}

/// The part of the frames in the header that the file contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FrameExtent {
    /// Number of frames that can be shown; the last one may be truncated.
    pub(crate) frames: u32,
    /// Why frames or parts of them are missing, a clause; `None` if nothing is missing.
    pub(crate) cut: Option<String>,
    /// True if the last of `frames` is truncated.
    pub(crate) last_is_short: bool,
}

/// Compares the header with the size of the pixel data, without reading pixels.
pub(crate) fn verify_extent(
    file: &mut DicomFile,
    header: &PixelHeader,
) -> Result<FrameExtent, String> {
    let element = file.pixels.ok_or("the file has no pixel data")?;
    if header.codec == Codec::Native {
        return verify_native(file, header, element);
    }
    let (pieces, starts) = frames_in_fragments(file, header, element)?;
    Ok(extent_of(header, &pieces, &starts))
}

fn extent_of(header: &PixelHeader, pieces: &Pieces, starts: &[usize]) -> FrameExtent {
    let frames = starts.len() as u32;
    let cut = pieces.cut.clone().or_else(|| {
        (frames < header.frames).then(|| {
            format!(
                "the header says {} frames, but the file contains {frames}",
                header.frames
            )
        })
    });
    FrameExtent {
        frames,
        last_is_short: pieces.last_is_short,
        cut,
    }
}

/// The fragments, and the index of the first fragment of each frame that is there.
fn frames_in_fragments(
    file: &mut DicomFile,
    header: &PixelHeader,
    element: PixelElement,
) -> Result<(Pieces, Vec<usize>), String> {
    let pieces = collect_fragments(file, element)?;
    if pieces.fragments.iter().map(|f| f.length).sum::<u64>() == 0 {
        return Err("the pixel data is empty".into());
    }
    let starts = first_fragments(file, header, &pieces)?;
    Ok((pieces, starts))
}

fn verify_native(
    file: &DicomFile,
    header: &PixelHeader,
    element: PixelElement,
) -> Result<FrameExtent, String> {
    let length = element
        .length
        .ok_or("the transfer syntax is uncompressed, but the pixel data is in fragments")?;
    let left = file.bytes.len().saturating_sub(element.at);
    let there = length.min(left);
    let of_frame = header.frame_bits();
    let needed = (of_frame * u64::from(header.frames)).div_ceil(8);
    if needed > there {
        let is_cut = length > left;
        let reason = match is_cut {
            true => format!(
                "the file is truncated: expected {length} bytes of pixel data, found {left}"
            ),
            false => format!("expected {needed} bytes of pixel data, found {there}"),
        };
        let whole = there * 8 / of_frame;
        let rest = there * 8 % of_frame;
        // Exactly a half or a third of one frame: the header is wrong about bits, samples or size, and nothing is
        // missing.
        let contradicts =
            !is_cut && whole == 0 && there > 0 && of_frame.div_ceil(8).is_multiple_of(there);
        let last_is_short = !contradicts
            && header.is_worth(header.whole_rows(rest))
            && whole < u64::from(header.frames);
        let frames = whole as u32 + u32::from(last_is_short);
        return if frames == 0 {
            Err(reason)
        } else {
            Ok(FrameExtent {
                frames,
                cut: Some(reason),
                last_is_short,
            })
        };
    }
    let full = (header.rows * header.columns * 3) as u64 * u64::from(header.frames);
    if header.is_subsampled() && length >= full {
        return Err(
            "there is more pixel data than YBR_FULL_422 needs, so the colour format is unknown"
                .into(),
        );
    }
    Ok(FrameExtent {
        frames: header.frames,
        cut: None,
        last_is_short: false,
    })
}

/// The bytes of `frame` as stored, fewer if it is truncated, and the bit of the first byte at which it begins: frames
/// of 1-bit pixels need not begin at a byte.
pub(crate) fn frame_bytes(
    file: &mut DicomFile,
    header: &PixelHeader,
    frame: u32,
) -> Result<(Vec<u8>, u32), String> {
    if frame >= header.frames {
        return Err(format!(
            "frame {} does not exist (number of frames: {})",
            u64::from(frame) + 1,
            header.frames
        ));
    }
    let element = file.pixels.ok_or("the file has no pixel data")?;
    if header.codec == Codec::Native {
        let extent = verify_native(file, header, element)?;
        is_there(&extent, frame)?;
        return native_bytes(file, header, element, frame);
    }
    let (pieces, starts) = frames_in_fragments(file, header, element)?;
    is_there(&extent_of(header, &pieces, &starts), frame)?;
    let frame = frame as usize;
    let end = starts
        .get(frame + 1)
        .copied()
        .unwrap_or(pieces.fragments.len());
    let of_frame = starts
        .get(frame)
        .and_then(|start| pieces.fragments.get(*start..end))
        .unwrap_or_default();
    let mut bytes = Vec::new();
    for Fragment { at, length } in of_frame {
        bytes.extend(
            file.bytes
                .read_range(*at, *length)
                .map_err(|e| labrum_core::reason_of(&e))?,
        );
    }
    Ok((bytes, 0))
}

fn is_there(extent: &FrameExtent, frame: u32) -> Result<(), String> {
    if frame < extent.frames {
        return Ok(());
    }
    let reason = extent.cut.as_deref().unwrap_or("it is not in the file");
    Err(format!(
        "frame {} is missing: {reason}",
        u64::from(frame) + 1
    ))
}

fn native_bytes(
    file: &mut DicomFile,
    header: &PixelHeader,
    element: PixelElement,
    frame: u32,
) -> Result<(Vec<u8>, u32), String> {
    let left = file.bytes.len().saturating_sub(element.at);
    let there = element.length.map_or(left, |length| length.min(left));
    let first_bit = header.frame_bits() * u64::from(frame);
    let end = (first_bit + header.frame_bits()).div_ceil(8).min(there);
    let mut start = first_bit / 8;
    // PS3.5 8.1.1: in big endian words, each pair of bytes is swapped.
    let swapped =
        file.big_endian_pixels && header.allocated <= 8 && element.vr == dicom_core::VR::OW;
    if !swapped {
        let bytes = element_bytes(file, element, start, end)?;
        return Ok((bytes, (first_bit % 8) as u32));
    }
    let odd = (start % 2) as usize;
    start -= odd as u64;
    let mut bytes = element_bytes(file, element, start, (end + end % 2).min(left))?;
    bytes.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
    bytes.drain(..odd.min(bytes.len()));
    Ok((bytes, (first_bit % 8) as u32))
}

/// The bytes of an element from `start` to `end`, both relative to its first byte.
fn element_bytes(
    file: &mut DicomFile,
    element: PixelElement,
    start: u64,
    end: u64,
) -> Result<Vec<u8>, String> {
    file.bytes
        .read_range(element.at + start, end.saturating_sub(start))
        .map_err(|e| labrum_core::reason_of(&e))
}

/// The fragments of encapsulated pixel data.
struct Pieces {
    /// Offset of each frame, from the Extended or Basic Offset Table; empty if there is neither.
    offsets: Vec<u64>,
    fragments: Vec<Fragment>,
    /// Why fragments are missing; `None` if they are complete.
    cut: Option<String>,
    /// True if the last fragment is truncated.
    last_is_short: bool,
}

impl Pieces {
    /// The fragment at an offset, which is relative to the first fragment.
    fn fragment_at_offset(&self, offset: u64) -> Option<usize> {
        let place = self.fragments.first()?.at.checked_add(offset)?;
        self.fragments.binary_search_by_key(&place, |f| f.at).ok()
    }
}

fn collect_fragments(file: &mut DicomFile, element: PixelElement) -> Result<Pieces, String> {
    if element.length.is_some() {
        return Err(
            "the transfer syntax is compressed, but the pixel data is not in fragments".into(),
        );
    }
    let end = file.bytes.len();
    let mut at = element.at;
    let mut all = Vec::new();
    let mut cut = None;
    let mut last_is_short = false;
    while at + 8 <= end {
        let head = file.bytes.get(at, 8).and_then(|head| head.try_into().ok());
        let (tag, length) = tag_and_length(head.ok_or("the file cannot be read")?);
        at += 8;
        match tag {
            Tag(0xFFFE, 0xE0DD) => break,
            Tag(0xFFFE, 0xE000) if length <= end - at => all.push(Fragment { at, length }),
            Tag(0xFFFE, 0xE000) => {
                cut = Some(format!(
                    "the file is truncated: expected a fragment of {length} bytes, found {}",
                    end - at
                ));
                last_is_short = end > at && !all.is_empty();
                all.push(Fragment {
                    at,
                    length: end - at,
                });
            }
            _ if all.len() > 1 => {
                cut = Some("the fragments of the pixel data are damaged".into());
                break;
            }
            _ => return Err("the fragments of the pixel data are damaged".into()),
        }
        at = at.saturating_add(length).min(end);
    }
    all.retain(|f| f.length > 0 || f.at < end);
    if all.is_empty() {
        return Err("the pixel data is empty".into());
    }
    let table = all.remove(0);
    if let (true, Some(reason)) = (all.is_empty(), &cut) {
        return Err(reason.clone());
    }
    let bytes = file
        .bytes
        .read_range(table.at, table.length)
        .map_err(|e| labrum_core::reason_of(&e))?;
    let stored = bytes.as_chunks::<4>().0.iter();
    let basic = stored.map(|offset| u64::from(u32::from_le_bytes(*offset)));
    let offsets = extended_offsets(file).unwrap_or_else(|| basic.collect());
    Ok(Pieces {
        offsets,
        fragments: all,
        cut,
        last_is_short,
    })
}

fn extended_offsets(file: &mut DicomFile) -> Option<Vec<u64>> {
    let bytes = file.long_value(tags::EXTENDED_OFFSET_TABLE)?;
    let offsets = bytes.as_chunks::<8>().0.iter();
    Some(offsets.map(|offset| u64::from_le_bytes(*offset)).collect())
}

/// Index of the first fragment of each frame that is there, in order.
fn first_fragments(
    file: &mut DicomFile,
    header: &PixelHeader,
    pieces: &Pieces,
) -> Result<Vec<usize>, String> {
    let frames = header.frames as usize;
    let Pieces {
        offsets, fragments, ..
    } = pieces;
    if frames == 1 {
        return Ok(vec![0]);
    }
    if let Some(starts) = starts_from_offsets(offsets, pieces, frames) {
        return Ok(starts);
    }
    // RLE has one fragment per frame, PS3.5 A.4.2.
    if fragments.len() == frames || (fragments.len() < frames && header.codec == Codec::Rle) {
        return Ok((0..fragments.len()).collect());
    }
    // Without an offset table or one fragment per frame, look for the marker that starts an image.
    let markers: &[[u8; 2]] = match header.codec {
        Codec::Jpeg | Codec::JpegLs => &[[0xFF, 0xD8]],
        Codec::Jpeg2000 => &[[0xFF, 0x4F]],
        Codec::JpegXl => &[[0xFF, 0x0A], [0x00, 0x00]],
        _ => return Err("the file does not say which fragments belong to a frame".into()),
    };
    let starts: Vec<usize> = (0..fragments.len())
        .filter(|i| begins_image(&mut file.bytes, &fragments[*i], markers))
        .collect();
    if starts.is_empty() || starts.len() > frames || starts.first() != Some(&0) {
        return Err(format!(
            "the header says {frames} frames, but the fragments contain {}",
            starts.len()
        ));
    }
    Ok(starts)
}

/// True if a fragment begins with one of `markers`.
fn begins_image(bytes: &mut FileBytes, fragment: &Fragment, markers: &[[u8; 2]]) -> bool {
    bytes
        .get(fragment.at, 2)
        .is_some_and(|head| markers.iter().any(|marker| marker == head))
}

/// Index of the first fragment of each frame, by the offset table; `None` if there is no table or it does not match the
/// fragments. For a truncated file, only the frames that are there.
fn starts_from_offsets(offsets: &[u64], pieces: &Pieces, frames: usize) -> Option<Vec<usize>> {
    if offsets.len() != frames {
        return None;
    }
    let starts: Vec<usize> = match pieces.cut {
        Some(_) => offsets
            .iter()
            .map_while(|offset| pieces.fragment_at_offset(*offset))
            .collect(),
        None => offsets
            .iter()
            .map(|offset| pieces.fragment_at_offset(*offset))
            .collect::<Option<_>>()?,
    };
    (starts.first() == Some(&0) && starts.windows(2).all(|w| w[0] < w[1])).then_some(starts)
}

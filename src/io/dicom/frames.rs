//! Where the bytes of one frame are: a stretch of uncompressed pixels, or the fragments that make it up.

use super::{decode::Codec, file::DicomFile, header::Header, parse::PixelElement};
use dicom_core::Tag;
use dicom_dictionary_std::tags;

/// A stretch of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fragment {
    at: u64,
    length: u64,
}

/// Holds what the header says against what the file has, without reading pixels.
pub(crate) fn verify(file: &mut DicomFile, header: &Header) -> Result<(), String> {
    let element = file.pixels.ok_or("it has no pixel data")?;
    if header.codec == Codec::Native {
        return verify_native(file, header, element);
    }
    let (_, fragments) = fragments(file, element)?;
    if fragments.iter().map(|f| f.length).sum::<u64>() == 0 {
        return Err("its pixel data is empty".into());
    }
    if (fragments.len() as u64) < u64::from(header.frames) {
        return Err(format!("it says {} frames and holds {}", header.frames, fragments.len()));
    }
    Ok(())
}

fn verify_native(file: &DicomFile, header: &Header, element: PixelElement) -> Result<(), String> {
    let length = element.length.ok_or("its transfer syntax says uncompressed, its pixels are in fragments")?;
    let left = file.bytes.len().saturating_sub(element.at);
    let needed = (header.frame_bits() * u64::from(header.frames)).div_ceil(8);
    if length > left + 1 && needed > left {
        return Err(format!("it is cut off: its pixel data says {length} bytes, {left} are there"));
    }
    if needed > length.min(left) {
        return Err(format!("its pixels need {needed} bytes, {} are there", length.min(left)));
    }
    let full = (header.rows * header.columns * 3) as u64 * u64::from(header.frames);
    if header.is_subsampled() && length >= full {
        return Err("its pixels are a third larger than YBR_FULL_422, so their colours are unknown".into());
    }
    Ok(())
}

/// The bytes of `frame` as they are in the file. A frame of 1-bit pixels may begin within the first byte: the second
/// value says at which bit.
pub(crate) fn frame_bytes(file: &mut DicomFile, header: &Header, frame: u32) -> Result<(Vec<u8>, u32), String> {
    if frame >= header.frames {
        return Err(format!("frame {} does not exist, there are {}", u64::from(frame) + 1, header.frames));
    }
    let element = file.pixels.ok_or("it has no pixel data")?;
    verify(file, header)?;
    if header.codec == Codec::Native {
        return native_bytes(file, header, element, frame);
    }
    let (offsets, fragments) = fragments(file, element)?;
    let extended = extended_offsets(file);
    let of_frame = fragments_of_frame(file, header, frame, &extended.unwrap_or(offsets), &fragments)?;
    let mut bytes = Vec::new();
    for Fragment { at, length } in of_frame {
        bytes.extend(file.bytes.read(at, length).map_err(|e| super::file::reason_of(&e))?);
    }
    Ok((bytes, 0))
}

fn native_bytes(
    file: &mut DicomFile,
    header: &Header,
    element: PixelElement,
    frame: u32,
) -> Result<(Vec<u8>, u32), String> {
    let first_bit = header.frame_bits() * u64::from(frame);
    let end = (first_bit + header.frame_bits()).div_ceil(8);
    let mut start = first_bit / 8;
    let read = |file: &mut DicomFile, start, end| {
        file.bytes.read(element.at + start, end - start).map_err(|e| super::file::reason_of(&e))
    };
    // Big endian words of bytes: PS3.5 8.1.1 swaps each pair.
    let swapped = file.big_endian_pixels && header.allocated <= 8 && element.vr == dicom_core::VR::OW;
    if !swapped {
        return Ok((read(file, start, end)?, (first_bit % 8) as u32));
    }
    let odd = (start % 2) as usize;
    start -= odd as u64;
    let mut bytes = read(file, start, (end + end % 2).min(file.bytes.len() - element.at))?;
    bytes.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
    bytes.drain(..odd);
    Ok((bytes, (first_bit % 8) as u32))
}

/// The Basic Offset Table and all fragments.
fn fragments(file: &mut DicomFile, element: PixelElement) -> Result<(Vec<u64>, Vec<Fragment>), String> {
    if element.length.is_some() {
        return Err("its transfer syntax says compressed, its pixels are not in fragments".into());
    }
    let end = file.bytes.len();
    let mut at = element.at;
    let mut all = Vec::new();
    while at + 8 <= end {
        let head = file.bytes.get(at, 8).ok_or("it cannot be read")?;
        let tag = Tag(u16::from_le_bytes([head[0], head[1]]), u16::from_le_bytes([head[2], head[3]]));
        let length = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
        at += 8;
        match tag {
            Tag(0xFFFE, 0xE0DD) => break,
            Tag(0xFFFE, 0xE000) if length <= end - at => all.push(Fragment { at, length }),
            Tag(0xFFFE, 0xE000) => {
                return Err(format!("it is cut off: a fragment says {length} bytes, {} are there", end - at));
            }
            _ => return Err("its fragments are damaged".into()),
        }
        at += length;
    }
    if all.is_empty() {
        return Err("its pixel data is empty".into());
    }
    let table = all.remove(0);
    let bytes = file.bytes.read(table.at, table.length).map_err(|e| super::file::reason_of(&e))?;
    let offsets = bytes.chunks_exact(4).map(|b| u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect();
    Ok((offsets, all))
}

fn extended_offsets(file: &mut DicomFile) -> Option<Vec<u64>> {
    let bytes = file.long_value(tags::EXTENDED_OFFSET_TABLE)?;
    let read = |b: &[u8]| u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
    Some(bytes.chunks_exact(8).map(read).collect())
}

fn fragments_of_frame(
    file: &mut DicomFile,
    header: &Header,
    frame: u32,
    offsets: &[u64],
    fragments: &[Fragment],
) -> Result<Vec<Fragment>, String> {
    let frames = header.frames as usize;
    let frame = frame as usize;
    if frames == 1 {
        return Ok(fragments.to_vec());
    }
    if let Some(starts) = starts_from_offsets(offsets, fragments, frames) {
        let end = starts.get(frame + 1).copied().unwrap_or(fragments.len());
        return Ok(fragments[starts[frame]..end].to_vec());
    }
    if fragments.len() == frames {
        return Ok(vec![fragments[frame]]);
    }
    // Neither table nor one fragment for each frame: a new image begins with its marker.
    let marker = match header.codec {
        Codec::Jpeg | Codec::JpegLs => [0xFF, 0xD8],
        Codec::Jpeg2000 => [0xFF, 0x4F],
        _ => return Err("it does not say which fragments make up a frame".into()),
    };
    let begins = |f: &Fragment| file.bytes.get(f.at, 2) == Some(&marker);
    let flags: Vec<bool> = fragments.iter().map(begins).collect();
    let starts: Vec<usize> = (0..fragments.len()).filter(|i| flags[*i]).collect();
    if starts.len() != frames {
        return Err(format!("it says {frames} frames, its fragments hold {}", starts.len()));
    }
    let end = starts.get(frame + 1).copied().unwrap_or(fragments.len());
    Ok(fragments[starts[frame]..end].to_vec())
}

/// The first fragment of each frame; `None` where the table is absent or does not point at fragments.
fn starts_from_offsets(offsets: &[u64], fragments: &[Fragment], frames: usize) -> Option<Vec<usize>> {
    if offsets.len() != frames {
        return None;
    }
    let base = fragments.first()?.at;
    let index = |offset: &u64| fragments.binary_search_by_key(&(base + offset), |f| f.at).ok();
    let starts: Vec<usize> = offsets.iter().map(index).collect::<Option<_>>()?;
    (starts.first() == Some(&0) && starts.windows(2).all(|w| w[0] < w[1])).then_some(starts)
}

//! JPEG (ITU-T T.81) with Huffman coding: baseline, extended and progressive with 8 and 12 bits, and lossless with up
//! to 16.
//!
//! Medical JPEG needs features that decoders for photographs lack: 12 and 16 bits, and colours as stored in the stream.

mod bits;
mod lossless;
mod lossy;
mod markers;

use super::{super::header::PixelHeader, Samples, Short, StreamColor};
use bits::{BitReader, HuffmanTable};
use markers::{CodingProcess, Component, JpegFrame, JpegScan, Segments};

const DAMAGED: &str = "the JPEG data is damaged";
const CUT_OFF: &str = "the JPEG data is truncated";

/// Quantisation and Huffman tables and the restart interval, as set by the markers before a scan.
#[derive(Default)]
struct Tables {
    quantization: [Option<[u16; 64]>; 4],
    dc: [Option<HuffmanTable>; 4],
    ac: [Option<HuffmanTable>; 4],
    restart_interval: usize,
}

/// Decodes a frame, which must have the size in the header.
pub(super) fn decode_frame(bytes: &[u8], header: &PixelHeader) -> Result<Samples, String> {
    let mut segments = Segments::new(bytes);
    let mut tables = Tables::default();
    let mut frame: Option<JpegFrame> = None;
    let mut adobe = None;
    let mut jfif = false;
    let mut short = None;
    loop {
        let (marker, segment) = match segments.next_segment() {
            // The end marker is missing, but the pixels are complete.
            Err(_) if frame.as_ref().is_some_and(is_complete) => break,
            found => found?,
        };
        match marker {
            0xC4 => markers::read_huffman(segment, &mut tables)?,
            0xDB => markers::read_quantization(segment, &mut tables)?,
            0xDD => tables.restart_interval = markers::big_endian_word(segment, 0)?,
            0xC0..=0xCF if frame.is_none() => {
                frame = Some(check_frame(
                    JpegFrame::from_segment(marker, segment)?,
                    header,
                )?)
            }
            0xC0..=0xCF => return Err("hierarchical JPEG is not supported".into()),
            0xE0 if segment.starts_with(b"JFIF") => jfif = true,
            0xEE if segment.starts_with(b"Adobe") => adobe = segment.get(11).copied(),
            0xDA => {
                let frame = frame.as_mut().ok_or(DAMAGED)?;
                let scan = JpegScan::from_segment(segment, frame)?;
                let mut reader = BitReader::new(bytes, segments.at);
                let mut rows = 0;
                let done = match frame.process {
                    CodingProcess::Lossless => {
                        lossless::decode_scan(frame, &scan, &tables, &mut reader, &mut rows)
                    }
                    _ => lossy::decode_scan(frame, &scan, &tables, &mut reader, &mut rows),
                };
                segments.at = reader.at;
                match done {
                    // Keep the rows above the damage.
                    Err(reason) if is_complete(frame) => {
                        short = Some(Short { rows, reason });
                        break;
                    }
                    done => done?,
                }
            }
            0xD9 => break,
            _ => {}
        }
    }
    let frame = frame.ok_or(DAMAGED)?;
    let color = color_of(&frame, adobe, jfif);
    let planes = match frame.process {
        CodingProcess::Lossless => frame
            .components
            .into_iter()
            .map(lossless::component_samples)
            .collect(),
        _ => lossy::component_planes(&frame)?,
    };
    Ok(Samples {
        short,
        ..interleave_planes(&planes, frame.precision, header, color)?
    })
}

/// True if every component was decoded and no further scan can refine it.
fn is_complete(frame: &JpegFrame) -> bool {
    frame.process != CodingProcess::Progressive && frame.components.iter().all(Component::has_data)
}

/// Compares the size of the frame with the header, before memory is allocated for it.
fn check_frame(frame: JpegFrame, header: &PixelHeader) -> Result<JpegFrame, String> {
    let found = (frame.columns, frame.rows);
    let due = (header.columns, header.rows);
    if found != due {
        return Err(format!(
            "the JPEG image is {} x {}, but the header says {} x {}",
            found.0, found.1, due.0, due.1
        ));
    }
    if frame.components.len() != header.samples {
        return Err(format!(
            "the JPEG image has {} components, expected {}",
            frame.components.len(),
            header.samples
        ));
    }
    Ok(frame)
}

fn interleave_planes(
    planes: &[Vec<u16>],
    precision: u32,
    header: &PixelHeader,
    color: Option<StreamColor>,
) -> Result<Samples, String> {
    let pixels = header.rows * header.columns;
    if planes.iter().any(|plane| plane.len() != pixels) {
        return Err(CUT_OFF.into());
    }
    let size = if precision > 8 { 2 } else { 1 };
    let mut bytes = Vec::with_capacity(pixels * planes.len() * size);
    for pixel in 0..pixels {
        for plane in planes {
            bytes.extend_from_slice(&plane[pixel].to_le_bytes()[..size]);
        }
    }
    Ok(Samples {
        bytes,
        size,
        color,
        precision: Some(precision),
        ..Default::default()
    })
}

/// The colour space by component ids and the Adobe and JFIF markers, which override the DICOM header.
fn color_of(frame: &JpegFrame, adobe: Option<u8>, jfif: bool) -> Option<StreamColor> {
    let ids: Vec<u8> = frame.components.iter().map(|c| c.id).collect();
    match (&ids[..], adobe) {
        ([_], _) => None,
        (b"RGB" | b"rgb", _) | (_, Some(0)) => Some(StreamColor::Rgb),
        (_, Some(_)) => Some(StreamColor::Ybr),
        _ if jfif && frame.process != CodingProcess::Lossless => Some(StreamColor::Ybr),
        _ => None,
    }
}

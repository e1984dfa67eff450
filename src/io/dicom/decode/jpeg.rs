//! JPEG (ITU-T T.81): the frame header is checked here, the pixels come from the decoder.

use super::{super::header::Header, Samples, StreamColor};
use crate::io::guard::contained;

/// What the markers before the first scan say.
#[derive(Debug, Default)]
struct Stream {
    /// 0xC0 + n of the SOF marker.
    process: u8,
    precision: u32,
    rows: usize,
    columns: usize,
    components: Vec<u8>,
    adobe_transform: Option<u8>,
    jfif: bool,
    /// Offset behind the first scan header.
    data: usize,
}

/// Decodes a frame.
pub(super) fn decode(bytes: &[u8], header: &Header) -> Result<Samples, String> {
    let stream = read_markers(bytes).ok_or("its JPEG stream is damaged")?;
    if (stream.columns, stream.rows) != (header.columns, header.rows) {
        let (found, due) = ((stream.columns, stream.rows), (header.columns, header.rows));
        return Err(format!("its JPEG is {} x {}, its header says {} x {}", found.0, found.1, due.0, due.1));
    }
    if stream.components.len() != header.samples {
        return Err(format!("its JPEG has {} components, {} are due", stream.components.len(), header.samples));
    }
    let lossless = stream.process == 0xC3;
    if !matches!(stream.process, 0xC0..=0xC3) {
        return Err("arithmetic or hierarchical JPEG is not supported".into());
    }
    if !lossless && stream.precision != 8 {
        return Err(format!("lossy JPEG of {} bits is not supported", stream.precision));
    }
    // A stream without its end is cut off: the decoder would make up the rest.
    if !bytes[stream.data..].windows(2).any(|pair| pair == [0xFF, 0xD9]) {
        return Err("its JPEG stream is cut off".into());
    }
    let decoded = contained(|| {
        let mut decoder = jpeg_decoder::Decoder::new(bytes);
        decoder.set_color_transform(jpeg_decoder::ColorTransform::None);
        decoder.set_max_decoding_buffer_size(header.decoded_bytes().max(1 << 16) * 2);
        decoder.decode()
    });
    let decoded = decoded.ok_or("its JPEG stream is damaged")?.map_err(|e| format!("its JPEG stream: {e}"))?;
    let size = if stream.precision == 8 { 1 } else { 2 };
    if decoded.len() != header.rows * header.columns * header.samples * size {
        return Err("its JPEG stream holds another number of pixels".into());
    }
    let color = color_of(&stream, header);
    Ok(Samples { bytes: to_little_endian(decoded, size), size, color, precision: Some(stream.precision), first_bit: 0 })
}

/// RGB or YBR: component letters, Adobe's marker and JFIF's go before the DICOM header.
fn color_of(stream: &Stream, _header: &Header) -> Option<StreamColor> {
    if stream.components.len() != 3 {
        return None;
    }
    match (&stream.components[..], stream.adobe_transform) {
        (b"RGB" | b"rgb", _) | (_, Some(0)) => Some(StreamColor::Rgb),
        (_, Some(_)) => Some(StreamColor::Ybr),
        _ if stream.jfif => Some(StreamColor::Ybr),
        _ => None,
    }
}

fn to_little_endian(mut bytes: Vec<u8>, size: usize) -> Vec<u8> {
    if size == 2 && cfg!(target_endian = "big") {
        bytes.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
    }
    bytes
}

fn read_markers(bytes: &[u8]) -> Option<Stream> {
    let mut stream = Stream::default();
    let mut at = 0;
    loop {
        // Fill bytes may stand before a marker.
        while bytes.get(at)? != &0xFF || matches!(bytes.get(at + 1)?, 0xFF | 0x00) {
            at += 1;
        }
        let marker = bytes[at + 1];
        at += 2;
        if matches!(marker, 0xD8 | 0x01 | 0xD0..=0xD7) {
            continue;
        }
        let length = usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
        let segment = bytes.get(at + 2..at + length.max(2))?;
        match marker {
            0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                stream.process = marker;
                stream.precision = u32::from(*segment.first()?);
                stream.rows = usize::from(u16::from_be_bytes([*segment.get(1)?, *segment.get(2)?]));
                stream.columns = usize::from(u16::from_be_bytes([*segment.get(3)?, *segment.get(4)?]));
                stream.components = segment.get(6..)?.chunks_exact(3).map(|component| component[0]).collect();
            }
            0xE0 if segment.starts_with(b"JFIF") => stream.jfif = true,
            0xEE if segment.starts_with(b"Adobe") => stream.adobe_transform = segment.get(11).copied(),
            0xDA => {
                stream.data = at + length;
                return (stream.process != 0 && stream.data <= bytes.len()).then_some(stream);
            }
            0xD9 => return None,
            _ => {}
        }
        at += length.max(2);
    }
}

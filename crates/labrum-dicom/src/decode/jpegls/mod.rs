//! JPEG-LS (ITU-T T.87), lossless and near-lossless, 2 to 16 bits, 1 or 3 components in any interleave mode. Names
//! follow the standard.

mod bits;
mod coder;

use super::{super::header::PixelHeader, Samples, Short};
use bits::Bits;
use coder::Coder;
use std::{array, mem};

const DAMAGED: &str = "the JPEG-LS data is damaged";

/// A decoded image: `columns * rows * components` values side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) precision: u32,
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    pub(crate) components: usize,
    pub(crate) values: Vec<u16>,
    /// Set if rows are missing.
    pub(crate) short: Option<Short>,
}

/// Decodes a frame, which must have the size in the header.
pub(super) fn decode_frame(bytes: &[u8], header: &PixelHeader) -> Result<Samples, String> {
    let decoded = decode_stream(bytes, Some((header.columns, header.rows, header.samples)))?;
    let size = if decoded.precision > 8 { 2 } else { 1 };
    let bytes = decoded
        .values
        .iter()
        .flat_map(|v| v.to_le_bytes().into_iter().take(size))
        .collect();
    Ok(Samples {
        bytes,
        size,
        precision: Some(decoded.precision),
        short: decoded.short,
        ..Default::default()
    })
}

/// Decodes a stream; `due` is the required size (columns, rows, components).
pub(crate) fn decode_stream(
    bytes: &[u8],
    due: Option<(usize, usize, usize)>,
) -> Result<Decoded, String> {
    let mut stream = JpegLsStream { bytes, at: 0 };
    let mut frame: Option<JpegLsFrame> = None;
    let mut presets = Presets::default();
    let mut image: Vec<u16> = Vec::new();
    let mut scanned = 0;
    loop {
        let (marker, segment) = stream.next_segment()?;
        match marker {
            0xF7 => {
                let found = JpegLsFrame::from_segment(segment)?;
                let size = (found.columns, found.rows, found.ids.len());
                if due.is_some_and(|due| due != size) {
                    return Err(format!(
                        "the JPEG-LS image is {} x {} with {} components, unlike the header",
                        size.0, size.1, size.2
                    ));
                }
                image = vec![0; found.columns * found.rows * found.ids.len()];
                frame = Some(found);
            }
            0xF8 => presets = Presets::from_segment(segment)?,
            0xDA => {
                let frame = frame.as_ref().ok_or(DAMAGED)?;
                let scan = JpegLsScan::from_segment(segment, frame)?;
                let coder = Coder::new(frame.precision, scan.near, presets)?;
                let (read, short) = scan.decode_into(coder, &bytes[stream.at..], frame, &mut image);
                stream.at += read;
                scanned += scan.components.len();
                let is_last = scanned >= frame.ids.len();
                if let Some(short) = short.as_ref().filter(|_| !is_last) {
                    return Err(short.reason.clone());
                }
                if is_last {
                    let precision = frame.precision;
                    let columns = frame.columns;
                    let rows = frame.rows;
                    let components = frame.ids.len();
                    return Ok(Decoded {
                        precision,
                        columns,
                        rows,
                        components,
                        values: image,
                        short,
                    });
                }
            }
            0xDD if segment.iter().any(|b| *b != 0) => {
                return Err("JPEG-LS with restart markers is not supported".into());
            }
            0xE8 if segment.starts_with(b"mrfx")
                && segment.get(4).is_some_and(|transform| *transform != 0) =>
            {
                return Err("JPEG-LS with a colour transform is not supported".into());
            }
            0xD9 => return Err("the JPEG-LS data is truncated".into()),
            0xC0..=0xCF => return Err("the pixel data is JPEG, not JPEG-LS".into()),
            _ => {}
        }
    }
}

struct JpegLsStream<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> JpegLsStream<'a> {
    /// The next marker and its segment.
    fn next_segment(&mut self) -> Result<(u8, &'a [u8]), String> {
        loop {
            let Some(found) = self.bytes[self.at.min(self.bytes.len())..]
                .windows(2)
                .position(|pair| pair[0] == 0xFF && pair[1] >= 0x80 && pair[1] != 0xFF)
            else {
                return Err("the JPEG-LS data is truncated".into());
            };
            self.at += found + 2;
            let marker = self.bytes[self.at - 1];
            if matches!(marker, 0xD0..=0xD8) {
                continue;
            }
            if marker == 0xD9 {
                return Ok((marker, &[]));
            }
            let length = self
                .bytes
                .get(self.at..self.at + 2)
                .map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
            let segment =
                length.and_then(|length| self.bytes.get(self.at + 2..self.at + length.max(2)));
            let segment = segment.ok_or("the JPEG-LS data is truncated")?;
            self.at += segment.len() + 2;
            return Ok((marker, segment));
        }
    }
}

struct JpegLsFrame {
    precision: u32,
    rows: usize,
    columns: usize,
    ids: Vec<u8>,
}

impl JpegLsFrame {
    fn from_segment(segment: &[u8]) -> Result<Self, String> {
        let [precision, r1, r0, c1, c0, count, parts @ ..] = segment else {
            return Err(DAMAGED.into());
        };
        let ids: Vec<u8> = parts
            .chunks_exact(3)
            .map(|component| component[0])
            .collect();
        let sampled = parts.chunks_exact(3).any(|component| component[1] != 0x11);
        let rows = u16::from_be_bytes([*r1, *r0]);
        let columns = u16::from_be_bytes([*c1, *c0]);
        if rows == 0
            || columns == 0
            || ids.len() != usize::from(*count)
            || !(2..=16).contains(precision)
        {
            return Err(DAMAGED.into());
        }
        if sampled || !matches!(ids.len(), 1 | 3) {
            return Err(
                "JPEG-LS is supported only with 1 or 3 components, without subsampling".into(),
            );
        }
        Ok(Self {
            precision: u32::from(*precision),
            rows: rows.into(),
            columns: columns.into(),
            ids,
        })
    }
}

/// Preset coding parameters (LSE marker, type 1); 0 means the default.
#[derive(Clone, Copy, Default)]
struct Presets {
    maxval: i32,
    t: [i32; 3],
    reset: i32,
}

impl Presets {
    fn from_segment(segment: &[u8]) -> Result<Self, String> {
        if segment.first() != Some(&1) || segment.len() < 11 {
            return Err("JPEG-LS with mapping tables is not supported".into());
        }
        let [maxval, t1, t2, t3, reset]: [i32; 5] = array::from_fn(|i| {
            i32::from(u16::from_be_bytes([segment[1 + 2 * i], segment[2 + 2 * i]]))
        });
        Ok(Self {
            maxval,
            t: [t1, t2, t3],
            reset,
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Interleave {
    None,
    Line,
    Sample,
}

struct JpegLsScan {
    /// Indices into the frame's components.
    components: Vec<usize>,
    near: i32,
    interleave: Interleave,
}

impl JpegLsScan {
    fn from_segment(segment: &[u8], frame: &JpegLsFrame) -> Result<Self, String> {
        let count = usize::from(*segment.first().ok_or(DAMAGED)?);
        let tail = segment
            .get(1 + 2 * count..1 + 2 * count + 3)
            .ok_or(DAMAGED)?;
        let components: Vec<usize> = segment[1..1 + 2 * count]
            .chunks_exact(2)
            .map(|part| frame.ids.iter().position(|id| *id == part[0]))
            .collect::<Option<_>>()
            .ok_or(DAMAGED)?;
        let interleave = match (components.len(), tail[1]) {
            (1, _) => Interleave::None,
            (3, 1) => Interleave::Line,
            (3, 2) => Interleave::Sample,
            _ => return Err(DAMAGED.into()),
        };
        if tail[2] != 0 {
            return Err("JPEG-LS with a point transform is not supported".into());
        }
        Ok(Self {
            components,
            near: i32::from(tail[0]),
            interleave,
        })
    }

    /// Decodes into `image`; returns the number of bytes read, and where a damaged stream stopped.
    fn decode_into(
        &self,
        mut coder: Coder,
        bytes: &[u8],
        frame: &JpegLsFrame,
        image: &mut [u16],
    ) -> (usize, Option<Short>) {
        let mut bits = Bits::new(bytes);
        let width = frame.columns;
        let all = frame.ids.len();
        // A margin of one sample on either side, T.87 A.2.1.
        let mut previous = vec![vec![0i32; width + 2]; self.components.len()];
        let mut current = previous.clone();
        let mut run_index = vec![0usize; self.components.len()];
        for row in 0..frame.rows {
            for c in 0..self.components.len() {
                previous[c][width + 1] = previous[c][width];
                current[c][0] = previous[c][1];
            }
            let line = if self.interleave == Interleave::Sample {
                coder.decode_line(&mut bits, &previous, &mut current, width, &mut run_index[0])
            } else {
                (0..self.components.len()).try_for_each(|c| {
                    let above = &previous[c..=c];
                    let here = &mut current[c..=c];
                    coder.decode_line(&mut bits, above, here, width, &mut run_index[c])
                })
            };
            if let Err(reason) = line {
                return (bits.at, Some(Short { rows: row, reason }));
            }
            for (c, &component) in self.components.iter().enumerate() {
                for column in 0..width {
                    image[(row * width + column) * all + component] = current[c][column + 1] as u16;
                }
            }
            mem::swap(&mut previous, &mut current);
        }
        (bits.at, None)
    }
}

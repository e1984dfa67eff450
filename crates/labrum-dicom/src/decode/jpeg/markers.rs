//! Reads the marker segments: tables, frame and scan headers.

use super::{CUT_OFF, DAMAGED, Tables, bits::HuffmanTable};

/// Order in which the 64 coefficients of a block are coded, T.81 figure A.6.
pub(super) const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Iterates over the marker segments.
pub(super) struct Segments<'a> {
    bytes: &'a [u8],
    /// Index from which the next marker is searched.
    pub(super) at: usize,
}

impl<'a> Segments<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next marker that has a segment, or the end of the image.
    pub(super) fn next_segment(&mut self) -> Result<(u8, &'a [u8]), String> {
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let found = rest
                .windows(2)
                .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xFF));
            self.at += found.ok_or(CUT_OFF)? + 2;
            let marker = self.bytes[self.at - 1];
            match marker {
                0x01 | 0xD0..=0xD8 => continue,
                0xD9 => return Ok((marker, &[])),
                _ => {}
            }
            let length = big_endian_word(self.bytes.get(self.at..).unwrap_or_default(), 0)
                .map_err(|_| CUT_OFF)?;
            let segment = self
                .bytes
                .get(self.at + 2..self.at + length.max(2))
                .ok_or(CUT_OFF)?;
            self.at += length.max(2);
            return Ok((marker, segment));
        }
    }
}

/// Reads a 16-bit big endian word.
pub(super) fn big_endian_word(bytes: &[u8], at: usize) -> Result<usize, String> {
    let pair = bytes.get(at..at + 2).ok_or(DAMAGED)?;
    Ok(usize::from(u16::from_be_bytes([pair[0], pair[1]])))
}

/// Reads Huffman tables (DHT).
pub(super) fn read_huffman(mut segment: &[u8], tables: &mut Tables) -> Result<(), String> {
    while let [class_and_place, rest @ ..] = segment {
        let counts = rest.get(..16).ok_or(DAMAGED)?;
        let total: usize = counts.iter().map(|c| usize::from(*c)).sum();
        let values = rest.get(16..16 + total).ok_or(DAMAGED)?;
        let table = HuffmanTable::new(counts, values).ok_or(DAMAGED)?;
        let of_class = if class_and_place >> 4 == 0 {
            &mut tables.dc
        } else {
            &mut tables.ac
        };
        *of_class
            .get_mut(usize::from(class_and_place & 15))
            .ok_or(DAMAGED)? = Some(table);
        segment = &rest[16 + total..];
    }
    Ok(())
}

/// Reads quantisation tables (DQT) and converts them to natural order.
pub(super) fn read_quantization(mut segment: &[u8], tables: &mut Tables) -> Result<(), String> {
    while let [depth_and_place, rest @ ..] = segment {
        let size = if depth_and_place >> 4 == 0 { 1 } else { 2 };
        let raw = rest.get(..64 * size).ok_or(DAMAGED)?;
        let mut table = [0; 64];
        for (entry, place) in raw.chunks_exact(size).zip(ZIGZAG) {
            table[place] = entry
                .iter()
                .fold(0, |value, byte| value << 8 | u16::from(*byte));
        }
        *tables
            .quantization
            .get_mut(usize::from(depth_and_place & 15))
            .ok_or(DAMAGED)? = Some(table);
        segment = &rest[64 * size..];
    }
    Ok(())
}

/// How a frame is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CodingProcess {
    Sequential,
    Progressive,
    Lossless,
}

/// Frame header (SOF).
pub(super) struct JpegFrame {
    pub(super) process: CodingProcess,
    pub(super) precision: u32,
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) components: Vec<Component>,
    /// Largest sampling factors.
    pub(super) most: (usize, usize),
}

/// A component of the frame, with its decoded data.
pub(super) struct Component {
    pub(super) id: u8,
    /// Horizontal and vertical sampling factor.
    pub(super) sampling: (usize, usize),
    quantization: usize,
    /// The quantisation table at the start of the first scan.
    pub(super) table: Option<[u16; 64]>,
    /// Number of blocks across and down, padded to whole MCUs.
    pub(super) blocks: (usize, usize),
    /// 64 per block, in natural order; lossy only.
    pub(super) coefficients: Vec<i16>,
    /// Lossless only.
    pub(super) samples: Vec<u16>,
    /// Point transform of `samples`, T.81 H.1.2.1.
    pub(super) shift: u32,
}

impl JpegFrame {
    /// Reads the frame header, without allocating memory for the image.
    pub(super) fn from_segment(marker: u8, segment: &[u8]) -> Result<Self, String> {
        let process = match marker {
            0xC0 | 0xC1 => CodingProcess::Sequential,
            0xC2 => CodingProcess::Progressive,
            0xC3 => CodingProcess::Lossless,
            _ => return Err("arithmetic or hierarchical JPEG is not supported".into()),
        };
        let precision = u32::from(*segment.first().ok_or(DAMAGED)?);
        let rows = big_endian_word(segment, 1)?;
        let columns = big_endian_word(segment, 3)?;
        let known = if process == CodingProcess::Lossless {
            (2..=16).contains(&precision)
        } else {
            precision == 8 || precision == 12
        };
        if !known || rows == 0 || columns == 0 {
            return Err(DAMAGED.into());
        }
        let parts = segment.get(6..).ok_or(DAMAGED)?;
        let mut components: Vec<Component> =
            parts.chunks_exact(3).map(Component::from_bytes).collect();
        if components.len() != usize::from(segment[5])
            || components.is_empty()
            || !components.iter().all(Component::has_valid_sampling)
        {
            return Err(DAMAGED.into());
        }
        let most_across = components.iter().map(|c| c.sampling.0).max().unwrap_or(1);
        let most_down = components.iter().map(|c| c.sampling.1).max().unwrap_or(1);
        let most = (most_across, most_down);
        if process == CodingProcess::Lossless && components.iter().any(|c| c.sampling != most) {
            return Err("lossless JPEG with subsampled colour is not supported".into());
        }
        for c in &mut components {
            c.blocks.0 = columns.div_ceil(8 * most.0) * c.sampling.0;
            c.blocks.1 = rows.div_ceil(8 * most.1) * c.sampling.1;
        }
        Ok(Self {
            process,
            precision,
            columns,
            rows,
            components,
            most,
        })
    }

    /// Width and height of a component, T.81 A.1.1.
    pub(super) fn size_of(&self, component: &Component) -> (usize, usize) {
        (
            (self.columns * component.sampling.0).div_ceil(self.most.0),
            (self.rows * component.sampling.1).div_ceil(self.most.1),
        )
    }
}

/// Scan header (SOS).
pub(super) struct JpegScan {
    /// Component, DC table, AC table.
    pub(super) parts: Vec<(usize, usize, usize)>,
    /// Spectral selection, first and last; for lossless scans the first is the predictor.
    pub(super) spectrum: (usize, usize),
    /// Successive approximation, high and low; for lossless scans the low one is the point transform.
    pub(super) approximation: (u32, u32),
}

impl JpegScan {
    /// Reads and checks the scan header.
    pub(super) fn from_segment(segment: &[u8], frame: &JpegFrame) -> Result<Self, String> {
        let count = usize::from(*segment.first().ok_or(DAMAGED)?);
        let parts = segment.get(1..1 + 2 * count).ok_or(DAMAGED)?;
        let parts: Vec<_> = parts
            .chunks_exact(2)
            .map(|part| read_scan_part(part, frame))
            .collect::<Option<_>>()
            .ok_or(DAMAGED)?;
        let [start, end, approximation] = segment[1 + 2 * count..] else {
            return Err(DAMAGED.into());
        };
        let scan = Self {
            parts,
            spectrum: (usize::from(start), usize::from(end)),
            approximation: (u32::from(approximation >> 4), u32::from(approximation & 15)),
        };
        let lossy = frame.process != CodingProcess::Lossless;
        let sound =
            scan.spectrum.0 <= scan.spectrum.1 && scan.spectrum.1 < 64 && scan.approximation.1 < 14;
        if scan.parts.is_empty() || (lossy && !sound) || scan.approximation.1 >= frame.precision {
            return Err(DAMAGED.into());
        }
        Ok(scan)
    }
}

/// Component, DC table and AC table from two bytes of a scan header; `None` if the frame has no such component.
fn read_scan_part(part: &[u8], frame: &JpegFrame) -> Option<(usize, usize, usize)> {
    let component = frame.components.iter().position(|c| c.id == part[0])?;
    let dc_table = usize::from(part[1] >> 4 & 3);
    let ac_table = usize::from(part[1] & 3);
    Some((component, dc_table, ac_table))
}

impl Component {
    /// Makes a component without data from its three bytes in the frame header.
    fn from_bytes(part: &[u8]) -> Self {
        Self {
            id: part[0],
            sampling: (usize::from(part[1] >> 4), usize::from(part[1] & 15)),
            quantization: usize::from(part[2] & 3),
            table: None,
            blocks: (0, 0),
            coefficients: Vec::new(),
            samples: Vec::new(),
            shift: 0,
        }
    }

    /// True if the sampling factors are 1 to 4, T.81 B.2.2.
    fn has_valid_sampling(&self) -> bool {
        (1..=4).contains(&self.sampling.0) && (1..=4).contains(&self.sampling.1)
    }

    /// True if a scan was decoded into it.
    pub(super) fn has_data(&self) -> bool {
        !self.coefficients.is_empty() || !self.samples.is_empty()
    }

    /// Allocates the coefficients, and stores the quantisation table of the first scan.
    pub(super) fn allocate_coefficients(&mut self, tables: &Tables) -> Result<(), String> {
        if self.coefficients.is_empty() {
            self.table = Some(tables.quantization[self.quantization].ok_or(DAMAGED)?);
            self.coefficients = vec![0; self.blocks.0 * self.blocks.1 * 64];
        }
        Ok(())
    }
}

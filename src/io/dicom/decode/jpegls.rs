//! JPEG-LS (ITU-T T.87), lossless and near-lossless, 2 to 16 bits, 1 or 3 components in any interleave. Names are the
//! standard's own.

use super::{super::header::Header, Samples};

/// A decoded image: `columns * rows * components` values side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) precision: u32,
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    pub(crate) components: usize,
    pub(crate) values: Vec<u16>,
}

/// Decodes a frame that has to be of the size that the header says.
pub(super) fn decode_frame(bytes: &[u8], header: &Header) -> Result<Samples, String> {
    let decoded = decode(bytes, Some((header.columns, header.rows, header.samples)))?;
    let size = if decoded.precision > 8 { 2 } else { 1 };
    let bytes = decoded.values.iter().flat_map(|v| v.to_le_bytes().into_iter().take(size)).collect();
    Ok(Samples { bytes, size, precision: Some(decoded.precision), ..Default::default() })
}

/// Decodes a stream; `due` is the only size (columns, rows, components) that is accepted.
pub(crate) fn decode(bytes: &[u8], due: Option<(usize, usize, usize)>) -> Result<Decoded, String> {
    let mut stream = Stream { bytes, at: 0 };
    let mut frame: Option<Frame> = None;
    let mut presets = Presets::default();
    let mut image: Vec<u16> = Vec::new();
    let mut scanned = 0;
    loop {
        let (marker, segment) = stream.segment()?;
        match marker {
            0xF7 => {
                let found = Frame::read(segment)?;
                let size = (found.columns, found.rows, found.ids.len());
                if due.is_some_and(|due| due != size) {
                    return Err(format!("its JPEG-LS is {} x {} with {} components", size.0, size.1, size.2));
                }
                image = vec![0; found.columns * found.rows * found.ids.len()];
                frame = Some(found);
            }
            0xF8 => presets = Presets::read(segment)?,
            0xDA => {
                let frame = frame.as_ref().ok_or("its JPEG-LS stream is damaged")?;
                let scan = Scan::read(segment, frame)?;
                let coder = Coder::new(frame.precision, scan.near, presets)?;
                stream.at += scan.decode(coder, &bytes[stream.at..], frame, &mut image)?;
                scanned += scan.components.len();
                if scanned >= frame.ids.len() {
                    let (precision, columns, rows) = (frame.precision, frame.columns, frame.rows);
                    return Ok(Decoded { precision, columns, rows, components: frame.ids.len(), values: image });
                }
            }
            0xDD if segment.iter().any(|b| *b != 0) => return Err("JPEG-LS with restarts is not supported".into()),
            0xE8 if segment.starts_with(b"mrfx") && segment.get(4).is_some_and(|transform| *transform != 0) => {
                return Err("JPEG-LS with a colour transform is not supported".into());
            }
            0xD9 => return Err("its JPEG-LS stream is cut off".into()),
            0xC0..=0xCF => return Err("its stream is JPEG, not JPEG-LS".into()),
            _ => {}
        }
    }
}

struct Stream<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Stream<'a> {
    /// The next marker and what follows it.
    fn segment(&mut self) -> Result<(u8, &'a [u8]), String> {
        loop {
            let Some(found) = self.bytes[self.at.min(self.bytes.len())..]
                .windows(2)
                .position(|pair| pair[0] == 0xFF && pair[1] >= 0x80 && pair[1] != 0xFF)
            else {
                return Err("its JPEG-LS stream is cut off".into());
            };
            self.at += found + 2;
            let marker = self.bytes[self.at - 1];
            if matches!(marker, 0xD0..=0xD8) {
                continue;
            }
            if marker == 0xD9 {
                return Ok((marker, &[]));
            }
            let length = self.bytes.get(self.at..self.at + 2).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
            let segment = length.and_then(|length| self.bytes.get(self.at + 2..self.at + length.max(2)));
            let segment = segment.ok_or("its JPEG-LS stream is cut off")?;
            self.at += segment.len() + 2;
            return Ok((marker, segment));
        }
    }
}

struct Frame {
    precision: u32,
    rows: usize,
    columns: usize,
    ids: Vec<u8>,
}

impl Frame {
    fn read(segment: &[u8]) -> Result<Self, String> {
        let [precision, r1, r0, c1, c0, count, parts @ ..] = segment else {
            return Err("its JPEG-LS stream is damaged".into());
        };
        let ids: Vec<u8> = parts.chunks_exact(3).map(|component| component[0]).collect();
        let sampled = parts.chunks_exact(3).any(|component| component[1] != 0x11);
        let (rows, columns) = (u16::from_be_bytes([*r1, *r0]), u16::from_be_bytes([*c1, *c0]));
        if rows == 0 || columns == 0 || ids.len() != usize::from(*count) || !(2..=16).contains(precision) {
            return Err("its JPEG-LS stream is damaged".into());
        }
        if sampled || !matches!(ids.len(), 1 | 3) {
            return Err("JPEG-LS with subsampled or other than 1 or 3 components is not supported".into());
        }
        Ok(Self { precision: u32::from(*precision), rows: rows.into(), columns: columns.into(), ids })
    }
}

/// LSE marker, type 1; 0 means the default.
#[derive(Clone, Copy, Default)]
struct Presets {
    maxval: i32,
    t: [i32; 3],
    reset: i32,
}

impl Presets {
    fn read(segment: &[u8]) -> Result<Self, String> {
        if segment.first() != Some(&1) || segment.len() < 11 {
            return Err("JPEG-LS with mapping tables is not supported".into());
        }
        let word = |i: usize| i32::from(u16::from_be_bytes([segment[1 + 2 * i], segment[2 + 2 * i]]));
        Ok(Self { maxval: word(0), t: [word(1), word(2), word(3)], reset: word(4) })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Interleave {
    None,
    Line,
    Sample,
}

struct Scan {
    /// Indices into the frame's components.
    components: Vec<usize>,
    near: i32,
    interleave: Interleave,
}

impl Scan {
    fn read(segment: &[u8], frame: &Frame) -> Result<Self, String> {
        let damaged = || "its JPEG-LS stream is damaged".to_owned();
        let count = usize::from(*segment.first().ok_or_else(damaged)?);
        let tail = segment.get(1 + 2 * count..1 + 2 * count + 3).ok_or_else(damaged)?;
        let index = |id: u8| frame.ids.iter().position(|known| *known == id);
        let components = segment[1..1 + 2 * count].chunks_exact(2).map(|part| index(part[0]));
        let components: Vec<usize> = components.collect::<Option<_>>().ok_or_else(damaged)?;
        let interleave = match (components.len(), tail[1]) {
            (1, _) => Interleave::None,
            (3, 1) => Interleave::Line,
            (3, 2) => Interleave::Sample,
            _ => return Err(damaged()),
        };
        if tail[2] != 0 {
            return Err("JPEG-LS with a point transform is not supported".into());
        }
        Ok(Self { components, near: i32::from(tail[0]), interleave })
    }

    /// Decodes into `image`; returns how many bytes were read.
    fn decode(&self, mut coder: Coder, bytes: &[u8], frame: &Frame, image: &mut [u16]) -> Result<usize, String> {
        let mut bits = Bits { bytes, at: 0, value: 0, count: 0, after_ff: false };
        let (width, all) = (frame.columns, frame.ids.len());
        // One sample of margin on either side, T.87 A.2.1.
        let mut previous = vec![vec![0i32; width + 2]; self.components.len()];
        let mut current = previous.clone();
        let mut run_index = vec![0usize; self.components.len()];
        for row in 0..frame.rows {
            for c in 0..self.components.len() {
                previous[c][width + 1] = previous[c][width];
                current[c][0] = previous[c][1];
            }
            if self.interleave == Interleave::Sample {
                coder.line(&mut bits, &previous, &mut current, width, &mut run_index[0])?;
            } else {
                for c in 0..self.components.len() {
                    let (above, here) = (&previous[c..=c], &mut current[c..=c]);
                    coder.line(&mut bits, above, here, width, &mut run_index[c])?;
                }
            }
            for (c, &component) in self.components.iter().enumerate() {
                for column in 0..width {
                    image[(row * width + column) * all + component] = current[c][column + 1] as u16;
                }
            }
            std::mem::swap(&mut previous, &mut current);
        }
        Ok(bits.at)
    }
}

/// T.87 A.2.1: J, the order of run lengths.
const J: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

#[derive(Clone, Copy)]
struct Context {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
}

struct Coder {
    maxval: i32,
    near: i32,
    range: i32,
    qbpp: u32,
    limit: u32,
    reset: i32,
    t: [i32; 3],
    contexts: Vec<Context>,
    /// For run interruptions; `b` counts the negative errors.
    interruptions: [Context; 2],
}

impl Coder {
    /// T.87 A.1 and C.2.4.1.1.
    fn new(precision: u32, near: i32, presets: Presets) -> Result<Self, String> {
        let maxval = if presets.maxval > 0 { presets.maxval } else { (1 << precision) - 1 };
        let reset = if presets.reset > 0 { presets.reset } else { 64 };
        let t = thresholds(maxval, near, presets.t);
        let in_order = near < t[0] && t[0] <= t[1] && t[1] <= t[2] && t[2] <= maxval;
        if maxval >= 1 << precision || near > 255.min(maxval / 2) || !in_order || reset < 3 {
            return Err("its JPEG-LS stream is damaged".into());
        }
        let range = (maxval + 2 * near) / (2 * near + 1) + 1;
        let bits_of = |count: i32| 32 - (count - 1).leading_zeros();
        let bpp = bits_of(maxval + 1).max(2);
        let first = Context { a: ((range + 32) / 64).max(2), b: 0, c: 0, n: 1 };
        Ok(Self {
            maxval,
            near,
            range,
            qbpp: bits_of(range),
            limit: 2 * (bpp + bpp.max(8)),
            reset,
            t,
            contexts: vec![first; 365],
            interruptions: [first; 2],
        })
    }

    /// One line of one component, or of all where samples are interleaved.
    fn line(
        &mut self,
        bits: &mut Bits<'_>,
        above: &[Vec<i32>],
        here: &mut [Vec<i32>],
        width: usize,
        run_index: &mut usize,
    ) -> Result<(), String> {
        let mut x = 1;
        while x <= width {
            let gradients = |c: usize, here: &[Vec<i32>]| {
                let (ra, rb, rc, rd) = (here[c][x - 1], above[c][x], above[c][x - 1], above[c][x + 1]);
                [rd - rb, rb - rc, rc - ra]
            };
            let flat = (0..here.len()).all(|c| gradients(c, here).iter().all(|d| d.abs() <= self.near));
            if !flat {
                for c in 0..here.len() {
                    let d = gradients(c, here);
                    let neighbours = [here[c][x - 1], above[c][x], above[c][x - 1]];
                    here[c][x] = self.regular(bits, d, neighbours)?;
                }
                x += 1;
                continue;
            }
            let run = self.run_length(bits, width + 1 - x, run_index)?;
            for line in here.iter_mut() {
                let value = line[x - 1];
                line[x..x + run].fill(value);
            }
            x += run;
            if x <= width {
                for c in 0..here.len() {
                    let by_sample = here.len() > 1;
                    here[c][x] = self.interruption(bits, here[c][x - 1], above[c][x], *run_index, by_sample)?;
                }
                *run_index = run_index.saturating_sub(1);
                x += 1;
            }
        }
        Ok(())
    }

    /// T.87 A.3 to A.6.
    fn regular(&mut self, bits: &mut Bits<'_>, d: [i32; 3], [ra, rb, rc]: [i32; 3]) -> Result<i32, String> {
        let q = d.map(|d| self.quantize(d));
        let index = (q[0] * 9 + q[1]) * 9 + q[2];
        let sign = if index < 0 { -1 } else { 1 };
        let mut context = self.contexts[index.unsigned_abs() as usize];
        let predicted = if rc >= ra.max(rb) {
            ra.min(rb)
        } else if rc <= ra.min(rb) {
            ra.max(rb)
        } else {
            ra + rb - rc
        };
        let predicted = (predicted + sign * context.c).clamp(0, self.maxval);
        let k = golomb(context.n, context.a)?;
        let mapped = bits.golomb(k, self.limit, self.qbpp, 2 * self.range)?;
        let error = if self.near == 0 && k == 0 && 2 * context.b <= -context.n {
            if mapped % 2 == 1 { (mapped - 1) / 2 } else { -(mapped / 2) - 1 }
        } else if mapped % 2 == 0 {
            mapped / 2
        } else {
            -((mapped + 1) / 2)
        };
        context.b += error * (2 * self.near + 1);
        context.a += error.abs();
        if context.n == self.reset {
            context.a >>= 1;
            context.b >>= 1;
            context.n >>= 1;
        }
        context.n += 1;
        if context.b <= -context.n {
            context.b = (context.b + context.n).max(1 - context.n);
            context.c = (context.c - 1).max(-128);
        } else if context.b > 0 {
            context.b = (context.b - context.n).min(0);
            context.c = (context.c + 1).min(127);
        }
        self.contexts[index.unsigned_abs() as usize] = context;
        Ok(self.reconstruct(predicted, sign * error))
    }

    /// T.87 A.7.1: how many samples repeat the one on the left.
    fn run_length(&self, bits: &mut Bits<'_>, left: usize, run_index: &mut usize) -> Result<usize, String> {
        let mut run = 0;
        while bits.read(1)? == 1 {
            let whole = 1 << J[*run_index];
            let count = whole.min(left - run);
            run += count;
            if count == whole {
                *run_index = (*run_index + 1).min(31);
            }
            if run == left {
                return Ok(run);
            }
        }
        run += bits.read(J[*run_index])? as usize;
        if run > left { Err("its JPEG-LS stream is damaged".into()) } else { Ok(run) }
    }

    /// T.87 A.7.2: the sample that ends a run.
    fn interruption(
        &mut self,
        bits: &mut Bits<'_>,
        ra: i32,
        rb: i32,
        run_index: usize,
        by_sample: bool,
    ) -> Result<i32, String> {
        let kind = usize::from(!by_sample && (ra - rb).abs() <= self.near);
        let mut context = self.interruptions[kind];
        let temp = if kind == 1 { context.a + (context.n >> 1) } else { context.a };
        let k = golomb(context.n, temp)?;
        let coded = bits.golomb(k, self.limit - J[run_index] - 1, self.qbpp, 2 * self.range)?;
        let mapped = coded + kind as i32;
        let odd = mapped & 1;
        let size = (mapped + odd) / 2;
        let negative = (k != 0 || 2 * context.b >= context.n) == (odd == 1);
        let error = if negative { -size } else { size };
        if error < 0 {
            context.b += 1;
        }
        context.a += (coded + 1 - kind as i32) >> 1;
        if context.n == self.reset {
            context.a >>= 1;
            context.n >>= 1;
            context.b >>= 1;
        }
        context.n += 1;
        self.interruptions[kind] = context;
        let (predicted, sign) = if kind == 1 { (ra, 1) } else { (rb, if ra > rb { -1 } else { 1 }) };
        Ok(self.reconstruct(predicted, sign * error))
    }

    fn reconstruct(&self, predicted: i32, error: i32) -> i32 {
        let step = 2 * self.near + 1;
        let mut value = predicted + error * step;
        if value < -self.near {
            value += self.range * step;
        } else if value > self.maxval + self.near {
            value -= self.range * step;
        }
        value.clamp(0, self.maxval)
    }

    fn quantize(&self, d: i32) -> i32 {
        let size = d.abs();
        let level = match size {
            _ if size <= self.near => 0,
            _ if size < self.t[0] => 1,
            _ if size < self.t[1] => 2,
            _ if size < self.t[2] => 3,
            _ => 4,
        };
        level * d.signum()
    }
}

/// T.87 C.2.4.1.1.1: default thresholds, each replaced by the preset where there is one.
fn thresholds(maxval: i32, near: i32, presets: [i32; 3]) -> [i32; 3] {
    let basic = [3, 7, 21];
    let defaults: [i32; 3] = if maxval >= 128 {
        let factor = (maxval.min(4095) + 128) / 256;
        std::array::from_fn(|i| factor * (basic[i] - 2 - i as i32) + 2 + i as i32 + (3 + 2 * i as i32) * near)
    } else {
        let factor = 256 / (maxval + 1);
        std::array::from_fn(|i| (basic[i] / factor + (3 + 2 * i as i32) * near).max(2 + i as i32))
    };
    let mut low = near + 1;
    std::array::from_fn(|i| {
        let value = if (low..=maxval).contains(&defaults[i]) { defaults[i] } else { low };
        low = if presets[i] > 0 { presets[i] } else { value };
        low
    })
}

/// The Golomb parameter.
fn golomb(n: i32, a: i32) -> Result<u32, String> {
    (0..24).find(|k| n << k >= a).ok_or_else(|| "its JPEG-LS stream is damaged".into())
}

/// Bits, most significant first; a byte after 0xFF has 7 of them.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    value: u64,
    count: u32,
    after_ff: bool,
}

impl Bits<'_> {
    fn fill(&mut self, wanted: u32) -> Result<(), String> {
        while self.count < wanted {
            let byte = *self.bytes.get(self.at).ok_or("its JPEG-LS stream is cut off")?;
            if self.after_ff && byte >= 0x80 {
                return Err("its JPEG-LS stream is cut off".into());
            }
            let width = if self.after_ff { 7 } else { 8 };
            self.value = self.value << width | u64::from(byte);
            self.count += width;
            self.after_ff = byte == 0xFF;
            self.at += 1;
        }
        Ok(())
    }

    /// Up to 31 bits.
    fn read(&mut self, count: u32) -> Result<u32, String> {
        self.fill(count)?;
        self.count -= count;
        let value = self.value >> self.count & ((1 << count) - 1);
        Ok(value as u32)
    }

    /// T.87 A.5.3: a limited-length Golomb code; no sound stream holds one above `most`.
    fn golomb(&mut self, k: u32, limit: u32, qbpp: u32, most: i32) -> Result<i32, String> {
        let longest = limit.saturating_sub(qbpp + 1);
        let mut zeros = 0;
        while self.read(1)? == 0 {
            zeros += 1;
            if zeros > longest {
                return Err("its JPEG-LS stream is damaged".into());
            }
        }
        let value = if zeros < longest { (zeros << k | self.read(k)?) as i32 } else { self.read(qbpp)? as i32 + 1 };
        if value > most { Err("its JPEG-LS stream is damaged".into()) } else { Ok(value) }
    }
}

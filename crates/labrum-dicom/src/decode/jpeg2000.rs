//! JPEG 2000 (ITU-T T.800) and High-Throughput JPEG 2000. The image size is checked here, a library decodes the pixels.

use super::{super::header::PixelHeader, Samples, Short};
use labrum_core::guard::catch_panic;

/// A stream is not shown if more than this fraction is missing.
const MOST_MISSING: f64 = 0.9;

/// Decodes a frame.
pub(super) fn decode_frame(bytes: &[u8], header: &PixelHeader) -> Result<Samples, String> {
    let is_whole = check_size(bytes, header)?;
    let values = catch_panic(|| {
        let parameters = jpeg2k::DecodeParameters::new()
            .strict(is_whole)
            .ignore_pclr_cmap_cdef();
        let image = jpeg2k::Image::from_bytes_with(bytes, parameters).map_err(|e| e.to_string())?;
        let components = image.components();
        let pixels = header.rows * header.columns;
        if components.len() != header.samples || components.iter().any(|c| c.data().len() != pixels)
        {
            return Err("the number of pixels does not match the header".to_owned());
        }
        let precision = components.first().map_or(0, |c| c.precision());
        // If stream and header disagree about the sign, values keep their bits.
        let size = if precision > 16 {
            4
        } else if precision > 8 {
            2
        } else {
            1
        };
        let mut out = Vec::with_capacity(pixels * components.len() * size);
        for pixel in 0..pixels {
            for component in components {
                out.extend_from_slice(&component.data()[pixel].to_le_bytes()[..size]);
            }
        }
        Ok((out, size, precision))
    });
    let (bytes, size, precision) = values
        .ok_or("the JPEG 2000 data is damaged")?
        .map_err(|e| match is_whole {
            true => format!("the JPEG 2000 data cannot be decoded: {e}"),
            false => "too much of the JPEG 2000 data is missing".into(),
        })?;
    // In truncated JPEG 2000, details, colour or parts of the image may be missing.
    let short = (!is_whole).then(|| Short {
        rows: header.rows,
        reason: "the JPEG 2000 data is truncated".into(),
    });
    Ok(Samples {
        bytes,
        size,
        precision: Some(precision),
        short,
        ..Default::default()
    })
}

/// Compares the size in the stream with the header and the length of the data, because the library allocates memory for
/// it. True if the stream is complete.
fn check_size(bytes: &[u8], header: &PixelHeader) -> Result<bool, String> {
    let damaged = "the JPEG 2000 data is damaged";
    let start = bytes
        .windows(4)
        .take(4096)
        .position(|w| w == [0xFF, 0x4F, 0xFF, 0x51])
        .ok_or(damaged)?;
    let fields: Vec<u64> = (0..8)
        .map(|i| big_endian_number(bytes, start + 8 + 4 * i))
        .collect::<Option<_>>()
        .ok_or(damaged)?;
    let width = fields[0].saturating_sub(fields[2]);
    let height = fields[1].saturating_sub(fields[3]);
    if (width, height) != (header.columns as u64, header.rows as u64) {
        let (columns, rows) = (header.columns, header.rows);
        return Err(format!(
            "the JPEG 2000 image is {width} x {height}, but the header says {columns} x {rows}"
        ));
    }
    let components = bytes
        .get(start + 40..start + 42)
        .map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
    let components = components.ok_or(damaged)?;
    if components != header.samples {
        return Err(format!(
            "the JPEG 2000 image has {components} components, expected {}",
            header.samples
        ));
    }
    let parts = bytes
        .get(start + 42..start + 42 + 3 * components)
        .ok_or(damaged)?;
    if parts
        .chunks_exact(3)
        .any(|c| (c[1], c[2]) != (1, 1) || c[0] != parts[0])
    {
        return Err("JPEG 2000 with components of different size or depth is not supported".into());
    }
    // Each tile has a 14-byte header.
    let tiles = fields[0].div_ceil(fields[4].max(1)) * fields[1].div_ceil(fields[5].max(1));
    if fields[4] == 0 || fields[5] == 0 || tiles * 14 > bytes.len() as u64 {
        return Err(damaged.into());
    }
    check_tile_parts(&bytes[start..])
}

/// Reads four bytes, big endian.
fn big_endian_number(bytes: &[u8], at: usize) -> Option<u64> {
    let b = bytes.get(at..at + 4)?;
    Some(u64::from(u32::from_be_bytes([b[0], b[1], b[2], b[3]])))
}

/// True if all tile-parts are complete, T.800 A.4.2: the library fills missing data silently.
fn check_tile_parts(stream: &[u8]) -> Result<bool, String> {
    let Some(first) = stream
        .windows(4)
        .position(|w| w == [0xFF, 0x90, 0x00, 0x0A])
    else {
        return Err("the JPEG 2000 data contains no pixels".into());
    };
    let mut at = first;
    while let Some([0xFF, 0x90, _, _, _, _, a, b, c, d]) = stream.get(at..at + 10) {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        if length == 0 {
            return Ok(true);
        }
        at += length.max(12);
        if at > stream.len() {
            let missing = (at - stream.len()) as f64 / (at - first) as f64;
            return if missing > MOST_MISSING {
                Err("the JPEG 2000 data is truncated".into())
            } else {
                Ok(false)
            };
        }
    }
    Ok(true)
}

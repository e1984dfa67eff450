//! JPEG 2000 (ITU-T T.800) and High-Throughput JPEG 2000: the size marker is checked here, the pixels come from the
//! decoder.

use super::{super::header::PixelHeader, Samples, Short};
use labrum_core::guard::catch_panic;

/// A stream of which more is missing is not worth showing.
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
            return Err("it holds another number of pixels".to_owned());
        }
        let precision = components.first().map_or(0, |c| c.precision());
        // Values of a signed stream in a dataset of unsigned pixels, and the other way round, keep their bits.
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
    let (bytes, size, precision) =
        values
            .ok_or("its JPEG 2000 stream is damaged")?
            .map_err(|e| match is_whole {
                true => format!("its JPEG 2000 stream: {e}"),
                false => "too much of its JPEG 2000 stream is cut off".into(),
            })?;
    // What is cut off may be missing anywhere: detail, colour, or a part of the picture.
    let short = || Short {
        rows: header.rows,
        reason: "its JPEG 2000 stream is cut off".into(),
    };
    let short = (!is_whole).then(short);
    Ok(Samples {
        bytes,
        size,
        precision: Some(precision),
        short,
        ..Default::default()
    })
}

/// The decoder allocates what the stream claims: hold that against the header and the length first. True where the
/// stream is all there.
fn check_size(bytes: &[u8], header: &PixelHeader) -> Result<bool, String> {
    let damaged = "its JPEG 2000 stream is damaged";
    let start = bytes
        .windows(4)
        .take(4096)
        .position(|w| w == [0xFF, 0x4F, 0xFF, 0x51])
        .ok_or(damaged)?;
    let field = |at: usize| {
        let b = bytes.get(start + at..start + at + 4)?;
        Some(u64::from(u32::from_be_bytes([b[0], b[1], b[2], b[3]])))
    };
    let fields: Vec<u64> = (0..8)
        .map(|i| field(8 + 4 * i))
        .collect::<Option<_>>()
        .ok_or(damaged)?;
    let (width, height) = (
        fields[0].saturating_sub(fields[2]),
        fields[1].saturating_sub(fields[3]),
    );
    if (width, height) != (header.columns as u64, header.rows as u64) {
        let (columns, rows) = (header.columns, header.rows);
        return Err(format!(
            "its JPEG 2000 is {width} x {height}, its header says {columns} x {rows}"
        ));
    }
    let components = bytes
        .get(start + 40..start + 42)
        .map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
    let components = components.ok_or(damaged)?;
    if components != header.samples {
        return Err(format!(
            "its JPEG 2000 has {components} components, {} are due",
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
        return Err(
            "a JPEG 2000 with components of different size or depth is not supported".into(),
        );
    }
    // Each tile has a header of 14 bytes.
    let tiles = fields[0].div_ceil(fields[4].max(1)) * fields[1].div_ceil(fields[5].max(1));
    if fields[4] == 0 || fields[5] == 0 || tiles * 14 > bytes.len() as u64 {
        return Err(damaged.into());
    }
    check_tile_parts(&bytes[start..])
}

/// True where each tile-part is there: the decoder fills what is missing in silence, T.800 A.4.2.
fn check_tile_parts(stream: &[u8]) -> Result<bool, String> {
    let Some(first) = stream
        .windows(4)
        .position(|w| w == [0xFF, 0x90, 0x00, 0x0A])
    else {
        return Err("its JPEG 2000 stream has no pixels".into());
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
                Err("its JPEG 2000 stream is cut off".into())
            } else {
                Ok(false)
            };
        }
    }
    Ok(true)
}

//! JPEG XL (ISO/IEC 18181): lossless, lossy and recompressed JPEG. Size, bit depth and memory are checked here, a
//! library decodes the pixels.

use super::{super::header::PixelHeader, Samples, StreamColor};
use jxl_oxide::{AllocTracker, JxlImage, image::BitDepth};
use labrum_core::guard::catch_panic;
use std::error;

const DAMAGED: &str = "the JPEG XL data is damaged";
/// Memory of the decoder per value, bytes: planes of four bytes, some of them copied while they are filtered.
const BYTES_FOR_A_VALUE: usize = 48;
/// Memory for the tables of the entropy decoder, bytes, at any image size.
const BYTES_FOR_TABLES: usize = 64 << 20;

/// Decodes a frame, which must have the size in the header.
pub(super) fn decode_frame(bytes: &[u8], header: &PixelHeader) -> Result<Samples, String> {
    catch_panic(|| decode_image(bytes, header)).unwrap_or_else(|| Err(DAMAGED.into()))
}

fn decode_image(bytes: &[u8], header: &PixelHeader) -> Result<Samples, String> {
    let pixels = header.rows * header.columns;
    let most = BYTES_FOR_TABLES + pixels * header.samples.max(3) * BYTES_FOR_A_VALUE;
    let tracker = AllocTracker::with_limit(most);
    let image = JxlImage::builder()
        .alloc_tracker(tracker)
        .read(bytes)
        .map_err(damage_reason)?;
    let width = image.width() as usize;
    let height = image.height() as usize;
    if (width, height) != (header.columns, header.rows) {
        let (columns, rows) = (header.columns, header.rows);
        return Err(format!(
            "the JPEG XL image is {width} x {height}, but the header says {columns} x {rows}"
        ));
    }
    if !image.is_loading_done() {
        return Err("the JPEG XL data is truncated".into());
    }
    let about = &image.image_header().metadata;
    let precision = match about.bit_depth {
        BitDepth::IntegerSample { bits_per_sample } if (1..=16).contains(&bits_per_sample) => {
            bits_per_sample
        }
        _ => {
            return Err(
                "JPEG XL with floating-point values or more than 16 bits is not supported".into(),
            );
        }
    };
    let frame = image.frame_header(0).ok_or(DAMAGED)?;
    // The library converts colour spaces of the stream itself to RGB.
    let color =
        (header.samples == 3 && (about.xyb_encoded || frame.do_ycbcr)).then_some(StreamColor::Rgb);
    let render = image.render_frame(0).map_err(damage_reason)?;
    let mut stream = render.stream_no_alpha();
    if stream.channels() as usize != header.samples {
        return Err(format!(
            "the JPEG XL image has {} channels, expected {}",
            stream.channels(),
            header.samples
        ));
    }
    let mut values = vec![0f32; pixels * header.samples];
    if stream.write_to_buffer(&mut values) != values.len() {
        return Err(DAMAGED.into());
    }
    let size = if precision > 8 { 2 } else { 1 };
    let largest = ((1u32 << precision) - 1) as f32;
    let bytes = values
        .iter()
        .flat_map(|value| {
            stored_value(*value, largest)
                .to_le_bytes()
                .into_iter()
                .take(size)
        })
        .collect();
    Ok(Samples {
        bytes,
        size,
        color,
        precision: Some(precision),
        ..Default::default()
    })
}

/// The error of the library as a reason.
fn damage_reason(error: Box<dyn error::Error + Send + Sync>) -> String {
    format!("{DAMAGED}: {error}")
}

/// Converts a value from 0 to 1 to an integer from 0 to `largest`.
#[inline]
fn stored_value(value: f32, largest: f32) -> u16 {
    (value * largest).round().clamp(0.0, largest) as u16
}

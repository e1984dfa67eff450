//! JPEG XL (ISO/IEC 18181), lossless, lossy, and repacked JPEG: size, depth and memory are checked here, the pixels come
//! from the decoder.

use super::{super::header::PixelHeader, Samples, StreamColor};
use jxl_oxide::{AllocTracker, JxlImage, image::BitDepth};
use labrum_core::guard::catch_panic;

const DAMAGED: &str = "its JPEG XL stream is damaged";
/// What the decoder may hold for each value: planes of four bytes, some of them copied while they are filtered.
const BYTES_FOR_A_VALUE: usize = 48;
/// Tables of the entropy coder, whatever the size of the image.
const BYTES_FOR_TABLES: usize = 64 << 20;

/// Decodes a frame that has to be of the size that the header says.
pub(super) fn decode_frame(bytes: &[u8], header: &PixelHeader) -> Result<Samples, String> {
    catch_panic(|| decode_image(bytes, header)).unwrap_or_else(|| Err(DAMAGED.into()))
}

fn decode_image(bytes: &[u8], header: &PixelHeader) -> Result<Samples, String> {
    let pixels = header.rows * header.columns;
    let most = BYTES_FOR_TABLES + pixels * header.samples.max(3) * BYTES_FOR_A_VALUE;
    let failed = |e: Box<dyn std::error::Error + Send + Sync>| format!("{DAMAGED}: {e}");
    let tracker = AllocTracker::with_limit(most);
    let image = JxlImage::builder()
        .alloc_tracker(tracker)
        .read(bytes)
        .map_err(failed)?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    if (width, height) != (header.columns, header.rows) {
        let (columns, rows) = (header.columns, header.rows);
        return Err(format!(
            "its JPEG XL is {width} x {height}, its header says {columns} x {rows}"
        ));
    }
    if !image.is_loading_done() {
        return Err("its JPEG XL stream is cut off".into());
    }
    let about = &image.image_header().metadata;
    let precision = match about.bit_depth {
        BitDepth::IntegerSample { bits_per_sample } if (1..=16).contains(&bits_per_sample) => {
            bits_per_sample
        }
        _ => {
            return Err(
                "JPEG XL of floating-point values or of more than 16 bits is not supported".into(),
            );
        }
    };
    let frame = image.frame_header(0).ok_or(DAMAGED)?;
    // Colours that the stream itself has changed come back as RGB.
    let color =
        (header.samples == 3 && (about.xyb_encoded || frame.do_ycbcr)).then_some(StreamColor::Rgb);
    let render = image.render_frame(0).map_err(failed)?;
    let mut stream = render.stream_no_alpha();
    if stream.channels() as usize != header.samples {
        return Err(format!(
            "its JPEG XL has {} channels, {} are due",
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
    let whole = |value: &f32| (value * largest).round().clamp(0.0, largest) as u16;
    let bytes = values
        .iter()
        .flat_map(|value| whole(value).to_le_bytes().into_iter().take(size))
        .collect();
    Ok(Samples {
        bytes,
        size,
        color,
        precision: Some(precision),
        ..Default::default()
    })
}

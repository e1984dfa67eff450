//! Writes PNG files: label maps, single labels, probabilities, overlays.

use super::overlay::{OverlayLook, overlay_pixels};
use crate::{Error, Result};
use labrum_core::{
    image::{Image, Pixels, Window},
    label::Label,
    mask::Mask,
    whole_file,
};
use png::{BitDepth, ColorType};
use std::{
    fs::File,
    io::{self, BufReader, Write},
    iter,
    path::Path,
    result,
};

/// Writes a label map with 8 bits per pixel: 0 is background, 1..=n are the labels, and the palette has their colours.
///
/// # Errors
/// If the mask contains a value without a label, or the file cannot be written.
pub fn label_map(path: &Path, mask: &Mask, labels: &[Label]) -> Result<()> {
    const TRIED: &str = "write the label map";
    let highest = mask.pixel_labels().iter().copied().max().unwrap_or(0);
    if usize::from(highest) > labels.len() {
        return Err(Error::at_path(
            TRIED,
            path,
            format!("the mask contains the value {highest}, which has no label"),
        ));
    }
    let colors = iter::once([0; 3]).chain(labels.iter().take(255).map(|l| l.color));
    let mut palette: Vec<u8> = colors.flatten().collect();
    // An all-grey palette would be read as grey values instead of labels.
    let is_grey = palette
        .chunks_exact(3)
        .all(|c| c[0] == c[1] && c[1] == c[2]);
    if is_grey && palette.len() < 3 * 256 {
        palette.extend([255, 0, 255]);
    }
    let kind = PngKind {
        color: ColorType::Indexed,
        depth: BitDepth::Eight,
        palette: Some(palette),
    };
    write_verified(
        path,
        TRIED,
        mask.columns_and_rows(),
        kind,
        mask.pixel_labels(),
    )
}

/// Writes one label as 8-bit grey: 255 inside, 0 outside.
///
/// # Errors
/// If the file cannot be written.
pub fn label_mask(path: &Path, mask: &Mask, label: u8) -> Result<()> {
    let pixels: Vec<u8> = mask
        .pixel_labels()
        .iter()
        .map(|&l| if l == label { 255 } else { 0 })
        .collect();
    let kind = PngKind {
        color: ColorType::Grayscale,
        depth: BitDepth::Eight,
        palette: None,
    };
    write_verified(
        path,
        "write the mask",
        mask.columns_and_rows(),
        kind,
        &pixels,
    )
}

/// Writes the probabilities of one label as 16-bit grey: 0..=65535 for 0..=1, as in [`labrum_core::prediction`].
///
/// # Errors
/// If their number is not `columns * rows`, or the file cannot be written.
pub fn write_probabilities(
    path: &Path,
    columns: usize,
    rows: usize,
    probabilities: &[u16],
) -> Result<()> {
    const TRIED: &str = "write the probabilities";
    if columns * rows != probabilities.len() {
        let reason = format!(
            "there are {} values for {columns} x {rows} pixels",
            probabilities.len()
        );
        return Err(Error::at_path(TRIED, path, reason));
    }
    let pixels: Vec<u8> = probabilities.iter().flat_map(|p| p.to_be_bytes()).collect();
    let kind = PngKind {
        color: ColorType::Grayscale,
        depth: BitDepth::Sixteen,
        palette: None,
    };
    write_verified(path, TRIED, (columns, rows), kind, &pixels)
}

/// Writes the image, with `window` or its default contrast, and the mask on top: RGB, in the size of the image.
///
/// # Errors
/// If mask and image differ in size, or the file cannot be written.
pub fn write_overlay(
    path: &Path,
    image: &Image,
    window: Option<Window>,
    mask: &Mask,
    labels: &[Label],
    look: OverlayLook,
) -> Result<()> {
    const TRIED: &str = "write the overlay";
    let pixels = overlay_pixels(image, window, mask, labels, look)
        .ok_or_else(|| Error::at_path(TRIED, path, "mask and image differ in size"))?;
    let kind = PngKind {
        color: ColorType::Rgb,
        depth: BitDepth::Eight,
        palette: None,
    };
    write_verified(path, TRIED, image.columns_and_rows(), kind, &pixels)
}

/// Writes only the pixels of an image file, without metadata.
///
/// # Errors
/// If PNG cannot store the pixel type, or the file cannot be written.
pub(super) fn write_picture(path: &Path, image: &Image) -> Result<()> {
    const TRIED: &str = "write the image";
    let (color, depth, bytes) = match &image.pixels {
        Pixels::U8(values) => (ColorType::Grayscale, BitDepth::Eight, values.clone()),
        Pixels::U16(values) => (
            ColorType::Grayscale,
            BitDepth::Sixteen,
            values.iter().flat_map(|v| v.to_be_bytes()).collect(),
        ),
        Pixels::Rgb8(values) => (
            ColorType::Rgb,
            BitDepth::Eight,
            values.iter().flatten().copied().collect(),
        ),
        Pixels::I16(_) | Pixels::F32(_) => {
            return Err(Error::at_path(
                TRIED,
                path,
                "PNG cannot store signed or floating point values",
            ));
        }
    };
    write_verified(
        path,
        TRIED,
        image.columns_and_rows(),
        PngKind {
            color,
            depth,
            palette: None,
        },
        &bytes,
    )
}

/// Writes a colour picture of `columns * rows * 3` bytes.
///
/// # Errors
/// If the number of bytes does not match the size, or the file cannot be written.
pub fn write_rgb(path: &Path, size: (usize, usize), rgb: &[u8]) -> Result<()> {
    let kind = PngKind {
        color: ColorType::Rgb,
        depth: BitDepth::Eight,
        palette: None,
    };
    write_verified(path, "write the picture", size, kind, rgb)
}

/// How pixels are stored.
struct PngKind {
    color: ColorType,
    depth: BitDepth,
    /// RGB triplets.
    palette: Option<Vec<u8>>,
}

/// Writes `pixels` (bytes in file order) and verifies them by decoding the file.
fn write_verified(
    path: &Path,
    tried: &str,
    (columns, rows): (usize, usize),
    kind: PngKind,
    pixels: &[u8],
) -> Result<()> {
    let width = side_length(columns).map_err(|reason| Error::at_path(tried, path, reason))?;
    let height = side_length(rows).map_err(|reason| Error::at_path(tried, path, reason))?;
    let mut info = png::Info::with_size(width, height);
    info.color_type = kind.color;
    info.bit_depth = kind.depth;
    info.palette = kind.palette.map(Into::into);
    whole_file::write_checked(
        path,
        tried,
        |file| encode_pixels(file, info, pixels).map_err(to_io_error),
        |written| {
            check_pixels(written, pixels).map_err(|reason| Error::at_path(tried, path, reason))
        },
    )
}

/// Converts a width or height, which must be at least 1.
fn side_length(pixels: usize) -> result::Result<u32, String> {
    u32::try_from(pixels)
        .ok()
        .filter(|side| *side > 0)
        .ok_or_else(|| format!("a side length of {pixels} pixels is not possible"))
}

fn encode_pixels(
    file: &mut dyn Write,
    info: png::Info<'_>,
    pixels: &[u8],
) -> result::Result<(), png::EncodingError> {
    let mut writer = png::Encoder::with_info(file, info)?.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()
}

fn to_io_error(error: png::EncodingError) -> io::Error {
    match error {
        png::EncodingError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// Verifies a written file. The error is a clause.
fn check_pixels(written: &Path, pixels: &[u8]) -> result::Result<(), String> {
    match read_back(written) {
        Ok(back) if back == pixels => Ok(()),
        Ok(_) => Err("verification failed: the content of the file differs".into()),
        Err(reason) => Err(format!("verification failed: {reason}")),
    }
}

/// The stored bytes of all pixels, without any conversion.
fn read_back(path: &Path) -> result::Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let mut decoder = png::Decoder::new(BufReader::new(file));
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().map_err(|e| e.to_string())?;
    let mut pixels = vec![
        0;
        reader
            .output_buffer_size()
            .ok_or("the image is too large")?
    ];
    let frame = reader.next_frame(&mut pixels).map_err(|e| e.to_string())?;
    pixels.truncate(frame.buffer_size());
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::io::{label_file, label_values::ValueReading};

    fn labels(n: usize) -> Vec<Label> {
        (0..n)
            .map(|i| Label::with_name(format!("label {i}"), i))
            .collect()
    }

    fn mask() -> Mask {
        Mask::from_labels(5, 2, vec![0, 1, 2, 2, 0, 1, 1, 0, 0, 2]).unwrap()
    }

    #[test]
    fn a_label_map_is_read_back_as_the_same_mask() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.png");
        label_map(&path, &mask(), &labels(2)).unwrap();
        assert_eq!(
            label_file::read_mask(&path, ValueReading::Values).unwrap(),
            mask()
        );
        let shown = image::open(&path).unwrap().into_rgb8();
        assert_eq!(shown.get_pixel(1, 0).0, labels(2)[0].color);
        assert_eq!(shown.get_pixel(0, 0).0, [0; 3]);
    }

    #[test]
    fn label_maps_with_grey_label_colours_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.png");
        let grey = [[128; 3], [255; 3]].map(|color| Label {
            color,
            ..Label::with_name("grey", 0)
        });
        label_map(&path, &mask(), &grey).unwrap();
        assert_eq!(
            label_file::read_mask(&path, ValueReading::Values).unwrap(),
            mask()
        );
    }

    #[test]
    fn a_mask_value_without_a_label_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.png");
        let error = label_map(&path, &mask(), &labels(1)).unwrap_err();
        assert!(error.to_string().contains("the value 2"), "{error}");
        assert!(!path.exists());
    }

    #[test]
    fn the_mask_of_a_single_label_is_black_and_white() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("label.png");
        label_mask(&path, &mask(), 2).unwrap();
        let back = image::open(&path).unwrap().into_luma8().into_raw();
        assert_eq!(back, [0, 0, 255, 255, 0, 0, 0, 0, 0, 255]);
    }

    #[test]
    fn probabilities_keep_all_16_bits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.png");
        let values = [0, 1, 256, 65535, 40000, 12345];
        write_probabilities(&path, 3, 2, &values).unwrap();
        assert_eq!(image::open(&path).unwrap().into_luma16().into_raw(), values);
        assert!(write_probabilities(&path, 4, 2, &values).is_err());
    }
}

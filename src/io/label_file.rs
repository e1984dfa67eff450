//! Reads a picture as a mask: what its values say of each pixel.

use super::{
    containment,
    guard::contained,
    nifti, open,
    picture::{self, Values, believe},
};
use crate::domain::{
    mask::Mask,
    orientation::{Laid, lay},
    study::Source,
};
use crate::{Error, Result};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use std::{io::Cursor, path::Path};

/// No mask with a palette may take more memory.
const MOST_BYTES: usize = 1 << 28;

/// The image that a mask is of.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct MaskOf {
    /// Where its pixels are.
    pub source: Source,
    /// Columns and rows as they are shown.
    pub size: (usize, usize),
}

/// Reads a mask from a PNG, JPEG, TIFF, BMP, WebP or NIfTI file, turned as its own orientation flag says.
///
/// 0 and one value over 127 are background and label 1; else the values are the labels. A picture with a palette
/// means its indices, unless the palette is grey. In a JPEG, whose values are not exact, everything over 127 is
/// label 1 where there is such a value. Errors: colours, values over 255, a file that cannot be read.
pub fn read(path: &Path) -> Result<Mask> {
    containment::mask(path, 0, None).map(|(mask, _)| mask)
}

/// Reads a mask, or a page of one, as it lies on its image: one that was drawn on the image as that is stored is turned
/// like the image. Tells where that was done. A mask that fits in no way comes back of its own size.
///
/// # Errors
/// As [`read`].
pub fn read_on(path: &Path, frame: u32, image: &MaskOf) -> Result<(Mask, Option<String>)> {
    containment::mask(path, frame, Some(image))
}

/// As [`read`] and [`read_on`], in this process.
pub(super) fn decode(path: &Path, frame: u32, image: Option<&MaskOf>) -> Result<(Mask, Option<String>)> {
    let failed = |reason: String| Error::at("read the mask", path, reason);
    let stored = contained(|| stored(path, frame)).unwrap_or_else(|| Err("it is damaged".into())).map_err(failed)?;
    let own = open::orientation(path, frame);
    let Some(MaskOf { source, size }) = image else { return Ok((own.mask(stored), None)) };
    if nifti::is_nifti(path) && nifti::is_nifti(&source.path) && !nifti::same_voxels(path, &source.path) {
        let reason = format!("its voxels are not those of \"{}\"", source.path.display());
        let advice = "Lay it on the image with \"labrum import-masks --format nifti\", and take what that writes.";
        return Err(failed(reason).advise(advice));
    }
    let (mask, laid) = lay(stored, own, open::orientation(&source.path, source.frame), *size);
    let note = match laid {
        Laid::AsShown => None,
        Laid::OwnFlagLeftOut => {
            Some("the mask lies on the image as it is stored; its own orientation flag is left out")
        }
        Laid::TurnedLikeImage => {
            Some("the mask was drawn on the image as it is stored and is turned as the image is shown")
        }
    };
    Ok((mask, note.map(str::to_owned)))
}

/// The mask as it is stored, not turned.
fn stored(path: &Path, frame: u32) -> std::result::Result<Mask, String> {
    if nifti::is_nifti(path) {
        let (columns, rows, values) = nifti::stored_labels(path, frame)?;
        return Mask::from_labels(columns, rows, labels_from(values, false)?).ok_or_else(|| "it is cut off".to_owned());
    }
    if picture::format_at(path) == Some(ImageFormat::Tiff) {
        return tiff_mask(picture::stored_values(path, frame)?);
    }
    if frame > 0 {
        return Err(format!("it has no page {}", frame.saturating_add(1)));
    }
    mask_in(&std::fs::read(path).map_err(|e| super::dicom::reason_of(&e))?)
}

fn tiff_mask(values: Values) -> std::result::Result<Mask, String> {
    let (columns, rows, labels) = match values {
        Values::Whole(columns, rows, values) => (columns, rows, labels_from(values, false)?),
        Values::Indices(columns, rows, values) => (columns, rows, exactly(values)?),
        Values::Color(picture) => {
            let (columns, rows) = (picture.width() as usize, picture.height() as usize);
            (columns, rows, labels_from(grey_values(picture)?, false)?)
        }
    };
    Mask::from_labels(columns, rows, labels).ok_or_else(|| "it is cut off".to_owned())
}

fn mask_in(bytes: &[u8]) -> std::result::Result<Mask, String> {
    let format = image::guess_format(bytes).map_err(|e| e.to_string())?;
    let indices = if format == ImageFormat::Png { palette_indices(bytes)? } else { None };
    let is_palette = indices.is_some();
    let (columns, rows, values) = match indices {
        Some(found) => found,
        None => {
            // The reader's own limits keep a damaged header from asking for all memory.
            let reader = ImageReader::with_format(Cursor::new(bytes), format);
            let decoder = reader.into_decoder().map_err(|e| e.to_string())?;
            believe(decoder.total_bytes(), bytes.len() as u64)?;
            Limits::default().reserve(decoder.total_bytes()).map_err(|e| e.to_string())?;
            let picture = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
            (picture.width() as usize, picture.height() as usize, grey_values(picture)?)
        }
    };
    let labels = if is_palette { exactly(values)? } else { labels_from(values, format == ImageFormat::Jpeg)? };
    Mask::from_labels(columns, rows, labels).ok_or_else(|| "it is cut off".to_owned())
}

fn labels_from(mut values: Vec<u16>, inexact: bool) -> std::result::Result<Vec<u8>, String> {
    let highest = values.iter().copied().max().unwrap_or(0);
    if highest > 127 && (inexact || values.iter().all(|&v| v == 0 || v == highest)) {
        values.iter_mut().for_each(|v| *v = u16::from(*v > 127));
    }
    exactly(values)
}

/// The values as they are.
fn exactly(values: Vec<u16>) -> std::result::Result<Vec<u8>, String> {
    let label = |v: u16| u8::try_from(v).map_err(|_| format!("its value {v} is no label: labels go up to 255"));
    values.into_iter().map(label).collect()
}

/// Values of a picture whose colours are all grey; its transparency is left aside.
fn grey_values(picture: DynamicImage) -> std::result::Result<Vec<u16>, String> {
    let is_deep = picture.color().bytes_per_pixel() / picture.color().channel_count() > 1;
    let rgb: Vec<[u16; 3]> = if is_deep {
        picture.into_rgb16().pixels().map(|p| p.0).collect()
    } else {
        picture.into_rgb8().pixels().map(|p| p.0.map(u16::from)).collect()
    };
    let grey = |[r, g, b]: [u16; 3]| (r == g && g == b).then_some(r);
    let values: Option<Vec<u16>> = rgb.into_iter().map(grey).collect();
    values.ok_or_else(|| "it has colours, which name no labels; save it grey, with labels as values".to_owned())
}

/// Columns, rows and indices of a PNG with a palette that is not grey throughout; `None` for any other PNG.
type Indices = Option<(usize, usize, Vec<u16>)>;

fn palette_indices(bytes: &[u8]) -> std::result::Result<Indices, String> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().map_err(|e| e.to_string())?;
    let info = reader.info();
    let is_grey = |palette: &[u8]| palette.chunks_exact(3).all(|c| c[0] == c[1] && c[1] == c[2]);
    if info.color_type != png::ColorType::Indexed || info.palette.as_deref().is_none_or(is_grey) {
        return Ok(None);
    }
    let (columns, rows) = (info.width as usize, info.height as usize);
    let size = reader.output_buffer_size().filter(|size| *size <= MOST_BYTES).ok_or("it is too large")?;
    believe(size as u64, bytes.len() as u64)?;
    let mut packed = vec![0; size];
    let frame = reader.next_frame(&mut packed).map_err(|e| e.to_string())?;
    let bits = frame.bit_depth as usize;
    let value = |row: &[u8], column: usize| {
        let shift = 8 - bits - column * bits % 8;
        u16::from(row[column * bits / 8] >> shift) & ((1 << bits) - 1)
    };
    let lines = packed.chunks_exact(frame.line_size).take(rows);
    Ok(Some((columns, rows, lines.flat_map(|row| (0..columns).map(move |column| value(row, column))).collect())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use image::{GrayImage, ImageBuffer, Luma, Rgb, RgbImage};

    fn read_back(name: &str, save: impl Fn(&Path)) -> Result<Mask> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        save(&path);
        read(&path)
    }

    fn grey(values: [u8; 4]) -> Result<Mask> {
        read_back("m.png", |path| GrayImage::from_vec(2, 2, values.to_vec()).unwrap().save(path).unwrap())
    }

    #[test]
    fn black_and_white_is_background_and_label_1() {
        assert_eq!(grey([0, 255, 255, 0]).unwrap().labels(), [0, 1, 1, 0]);
        assert_eq!(grey([0, 200, 0, 0]).unwrap().labels(), [0, 1, 0, 0]);
        assert_eq!(grey([255; 4]).unwrap().labels(), [1; 4]);
        assert_eq!(grey([0; 4]).unwrap().labels(), [0; 4]);
    }

    #[test]
    fn other_values_are_the_labels() {
        assert_eq!(grey([0, 1, 2, 3]).unwrap().labels(), [0, 1, 2, 3]);
        assert_eq!(grey([0, 1, 0, 1]).unwrap().labels(), [0, 1, 0, 1]);
        assert_eq!(grey([0, 128, 255, 0]).unwrap().labels(), [0, 128, 255, 0]);
    }

    #[test]
    fn grey_colours_and_16_bits_are_fine() {
        let mask = read_back("m.bmp", |path| {
            RgbImage::from_fn(2, 1, |x, _| Rgb([255 * x as u8; 3])).save(path).unwrap();
        });
        assert_eq!(mask.unwrap().labels(), [0, 1]);
        let deep = |high: u16| {
            read_back("m.png", move |path| {
                ImageBuffer::<Luma<u16>, _>::from_vec(2, 1, vec![0, high]).unwrap().save(path).unwrap();
            })
        };
        assert_eq!(deep(65535).unwrap().labels(), [0, 1]);
        assert_eq!(deep(7).unwrap().labels(), [0, 7]);
    }

    #[test]
    fn the_white_of_a_jpeg_is_label_1() {
        let mask = read_back("m.jpg", |path| {
            GrayImage::from_fn(32, 32, |x, _| Luma([if x < 15 { 0 } else { 255 }])).save(path).unwrap();
        });
        assert_eq!(mask.unwrap().count(1), 17 * 32);
    }

    #[test]
    fn colours_are_refused() {
        let error = read_back("m.png", |path| RgbImage::from_pixel(2, 2, Rgb([255, 0, 0])).save(path).unwrap());
        assert!(error.unwrap_err().to_string().contains("m.png"));
    }

    #[test]
    fn a_single_high_label_of_a_palette_stays_itself() {
        let mask = read_back("m.png", |path| {
            let mask = Mask::from_labels(2, 1, vec![0, 200]).unwrap();
            let labels: Vec<_> = (0..200).map(|i| crate::domain::label::Label::named("x", i)).collect();
            crate::io::export::label_map(path, &mask, &labels).unwrap();
        });
        assert_eq!(mask.unwrap().labels(), [0, 200]);
    }

    /// Label maps are exported with a palette.
    #[test]
    fn a_coloured_palette_means_its_indices() {
        for (depth, packed) in [(png::BitDepth::Eight, vec![0, 1, 2, 1, 0, 0]), (png::BitDepth::Two, vec![24, 64])] {
            let mask = read_back("m.png", |path| {
                let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), 3, 2);
                encoder.set_color(png::ColorType::Indexed);
                encoder.set_depth(depth);
                encoder.set_palette(vec![0, 0, 0, 86, 180, 233, 230, 159, 0]);
                encoder.write_header().unwrap().write_image_data(&packed).unwrap();
            });
            assert_eq!(mask.unwrap().labels(), [0, 1, 2, 1, 0, 0]);
        }
    }
}

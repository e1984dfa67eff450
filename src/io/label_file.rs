//! Reads an image file as a mask. What its values mean is decided for a whole set of files, in [`super::label_values`].

use super::{
    label_colors,
    label_values::{Coding, MaskValues, StoredLabels, ValueReading},
    nifti, open,
    picture::{self, check_decoded_size},
};
use crate::{Error, Result};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use labrum_core::{
    containment::{self, MaskWithNote, Plain},
    guard::catch_panic,
    mask::Mask,
    orientation::{MaskOrientation, fit_mask_to_image},
    study::{Source, os_path},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs,
    io::Cursor,
    path::{Path, PathBuf},
    result,
};

const TRIED: &str = "read the mask";
/// Maximum memory for a mask with a palette.
const MOST_BYTES: usize = 1 << 28;

/// The image that a mask belongs to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MaskOf {
    /// Where its pixels are stored.
    pub source: Source,
    /// Columns and rows as displayed.
    pub size: (usize, usize),
}

/// Reads a mask from a PNG, JPEG, TIFF, BMP, WebP or NIfTI file by the rule found for its set, rotated or mirrored by its own
/// orientation flag.
///
/// For an image with a colour palette the indices are the values. Fully transparent pixels are background; otherwise
/// transparency is ignored.
///
/// # Errors
/// If the mask has unknown colours or a value that is not a label under the rule, or the file cannot be read.
pub fn read_mask(path: &Path, reading: ValueReading) -> Result<Mask> {
    let request = ReadMask {
        path: path.to_owned(),
        frame: 0,
        reading,
        image: None,
    };
    containment::read_in_child(request).map(|(mask, _)| mask)
}

/// Reads a mask, or a page of it, in the orientation of its image: a mask that was drawn on the image as stored is rotated
/// or mirrored like the image, and a note says so. A mask that does not fit is returned in its own size.
///
/// # Errors
/// As [`read_mask`].
pub fn read_on(
    path: &Path,
    frame: u32,
    reading: ValueReading,
    image: &MaskOf,
) -> Result<(Mask, Option<String>)> {
    containment::read_in_child(ReadMask {
        path: path.to_owned(),
        frame,
        reading,
        image: Some(image.clone()),
    })
}

/// The values in a page of a label map, from which the rule for a set is found.
pub fn mask_values(path: &Path, frame: u32) -> Result<MaskValues> {
    containment::read_in_child(ReadValues {
        path: path.to_owned(),
        frame,
    })
    .map(|values| values.0)
}

/// Request for a page of a file as a mask, in the orientation of an image.
#[derive(Serialize, Deserialize)]
pub(super) struct ReadMask {
    #[serde(with = "os_path")]
    path: PathBuf,
    frame: u32,
    reading: ValueReading,
    image: Option<MaskOf>,
}

impl containment::Request for ReadMask {
    const NAME: &'static str = "mask";
    const TRIED: &'static str = TRIED;
    type Answer = MaskWithNote;

    fn path(&self) -> &Path {
        &self.path
    }

    fn read_in_process(self) -> Result<MaskWithNote> {
        decode_mask(&self.path, self.frame, self.reading, self.image.as_ref())
    }
}

/// Request for the values in a page of a label map.
#[derive(Serialize, Deserialize)]
pub(super) struct ReadValues {
    #[serde(with = "os_path")]
    path: PathBuf,
    frame: u32,
}

impl containment::Request for ReadValues {
    const NAME: &'static str = "values of a mask";
    const TRIED: &'static str = TRIED;
    type Answer = Plain<MaskValues>;

    fn path(&self) -> &Path {
        &self.path
    }

    fn read_in_process(self) -> Result<Plain<MaskValues>> {
        decode_values(&self.path, self.frame).map(Plain)
    }
}

/// As [`read_mask`] and [`read_on`], in this process.
pub(super) fn decode_mask(
    path: &Path,
    frame: u32,
    reading: ValueReading,
    image: Option<&MaskOf>,
) -> Result<(Mask, Option<String>)> {
    let stored = of_page(path, frame, |stored| {
        let labels = reading.to_labels(&stored.values)?;
        Mask::from_labels(stored.columns, stored.rows, labels)
            .ok_or_else(|| "the file is truncated".to_owned())
    })?;
    let own = open::read_orientation(path, frame);
    let Some(MaskOf { source, size }) = image else {
        return Ok((own.orient_mask(stored), None));
    };
    let image_orientation = open::read_orientation(&source.path, source.frame);
    let are_volumes = nifti::is_nifti(path) && nifti::is_nifti(&source.path);
    if are_volumes && !nifti::same_voxels(path, &source.path) {
        let reason = format!(
            "its voxel grid differs from that of \"{}\"",
            source.path.display()
        );
        let advice = "Run \"labrum import-masks --format nifti\" on the mask and the image, and \
                      use the mask that it writes.";
        return Err(Error::at_path(TRIED, path, reason).with_advice(advice));
    }
    // Equal voxel grids are oriented alike, even if the mask has no geometry of its own.
    let own = if are_volumes { image_orientation } else { own };
    let (mask, laid) = fit_mask_to_image(stored, own, image_orientation, *size);
    let note = match laid {
        MaskOrientation::AsShown => None,
        MaskOrientation::AsShownInDoubt => Some(
            "the image is rotated or mirrored by its orientation flag, but the mask has no flag; \
             it was read as drawn on the image as displayed",
        ),
        MaskOrientation::OwnFlagLeftOut => {
            Some("the mask matches the image as stored; its own orientation flag was ignored")
        }
        MaskOrientation::TurnedLikeImage => Some(
            "the mask was drawn on the image as stored; it was rotated or mirrored like the image",
        ),
    };
    Ok((mask, note.map(str::to_owned)))
}

/// As [`mask_values`], in this process.
pub(super) fn decode_values(path: &Path, frame: u32) -> Result<MaskValues> {
    of_page(path, frame, |stored| Ok(MaskValues::from_stored(&stored)))
}

/// Applies `work` to a page as stored, without rotation.
fn of_page<T>(
    path: &Path,
    frame: u32,
    work: impl Fn(StoredLabels) -> result::Result<T, String>,
) -> Result<T> {
    catch_panic(|| read_stored_labels(path, frame).and_then(&work))
        .unwrap_or_else(|| Err("the file is damaged".into()))
        .map_err(|reason| Error::at_path(TRIED, path, reason))
}

fn read_stored_labels(path: &Path, frame: u32) -> result::Result<StoredLabels, String> {
    if nifti::is_nifti(path) {
        let (columns, rows, values) = nifti::stored_labels(path, frame)?;
        return Ok(StoredLabels {
            columns,
            rows,
            values,
            coding: Coding::Grey,
        });
    }
    if picture::format_at(path) == Some(ImageFormat::Tiff) {
        return labels_from_tiff(picture::stored_values(path, frame)?, path);
    }
    if frame > 0 {
        return Err(format!("the file has no page {}", frame.saturating_add(1)));
    }
    stored_in(
        &fs::read(path).map_err(|e| labrum_core::reason_of(&e))?,
        path,
    )
}

fn labels_from_tiff(
    values: picture::TiffValues,
    path: &Path,
) -> result::Result<StoredLabels, String> {
    let (columns, rows, values, coding) = match values {
        picture::TiffValues::Whole(columns, rows, values) => (columns, rows, values, Coding::Grey),
        picture::TiffValues::Indices(columns, rows, values) => {
            (columns, rows, values, Coding::Indices)
        }
        picture::TiffValues::Color(picture) => {
            let columns = picture.width() as usize;
            let rows = picture.height() as usize;
            match color_pixels(&picture) {
                Some(pixels) => (
                    columns,
                    rows,
                    label_colors::labels_of_pixels(&pixels, path)?,
                    Coding::Indices,
                ),
                None => (columns, rows, grey_values(picture)?, Coding::Grey),
            }
        }
    };
    Ok(StoredLabels {
        columns,
        rows,
        values,
        coding,
    })
}

fn stored_in(bytes: &[u8], path: &Path) -> result::Result<StoredLabels, String> {
    let format = image::guess_format(bytes).map_err(|e| e.to_string())?;
    let indices = if format == ImageFormat::Png {
        palette_indices(bytes)?
    } else {
        None
    };
    if let Some((columns, rows, values)) = indices {
        return Ok(StoredLabels {
            columns,
            rows,
            values,
            coding: Coding::Indices,
        });
    }
    // The reader's limits stop a damaged header from allocating all memory.
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    let decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    check_decoded_size(decoder.total_bytes(), bytes.len() as u64)?;
    Limits::default()
        .reserve(decoder.total_bytes())
        .map_err(|e| e.to_string())?;
    let picture = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
    let columns = picture.width() as usize;
    let rows = picture.height() as usize;
    if let Some(pixels) = color_pixels(&picture).filter(|_| format != ImageFormat::Jpeg) {
        return Ok(StoredLabels {
            columns,
            rows,
            values: label_colors::labels_of_pixels(&pixels, path)?,
            coding: Coding::Indices,
        });
    }
    let coding = if format == ImageFormat::Jpeg {
        Coding::Lossy
    } else {
        Coding::Grey
    };
    Ok(StoredLabels {
        columns,
        rows,
        values: grey_values(picture)?,
        coding,
    })
}

/// The colours of an image that is not all grey, with fully transparent pixels black; `None` for greyscale images.
fn color_pixels(picture: &DynamicImage) -> Option<Vec<[u8; 3]>> {
    if !picture.color().has_color()
        || picture.color().bytes_per_pixel() / picture.color().channel_count() > 1
    {
        return None;
    }
    let pixels: Vec<[u8; 3]> = picture
        .to_rgba8()
        .pixels()
        .map(|p| color_or_black(p.0))
        .collect();
    pixels
        .iter()
        .any(|[r, g, b]| r != g || g != b)
        .then_some(pixels)
}

/// The colour, ignoring partial transparency; black if fully transparent.
#[inline]
fn color_or_black([r, g, b, alpha]: [u8; 4]) -> [u8; 3] {
    if alpha == 0 { [0; 3] } else { [r, g, b] }
}

/// Values of an image whose colours are all grey.
fn grey_values(picture: DynamicImage) -> result::Result<Vec<u16>, String> {
    let is_deep = picture.color().bytes_per_pixel() / picture.color().channel_count() > 1;
    let mut values = match (is_deep, picture.color().has_alpha()) {
        (true, true) => to_opaque_grey(picture.into_rgba16().pixels().map(|p| p.0), u16::MAX),
        (true, false) => to_grey(picture.into_rgb16().pixels().map(|p| p.0)),
        (false, true) => to_opaque_grey(
            picture.into_rgba8().pixels().map(|p| p.0.map(u16::from)),
            255,
        ),
        (false, false) => to_grey(picture.into_rgb8().pixels().map(|p| p.0.map(u16::from))),
    }
    .ok_or_else(|| {
        "colour masks of this kind are not supported; save the mask in greyscale with label values"
            .to_owned()
    })?;
    // 16-bit white means the same as 8-bit white.
    if is_deep && values.iter().all(|v| matches!(*v, 0 | u16::MAX)) {
        values.iter_mut().for_each(|v| *v = (*v).min(255));
    }
    Ok(values)
}

/// `None` if there are colours.
fn to_grey(pixels: impl Iterator<Item = [u16; 3]>) -> Option<Vec<u16>> {
    pixels
        .map(|[r, g, b]| (r == g && g == b).then_some(r))
        .collect()
}

/// Grey values of an image with alpha. Fully transparent pixels are background, whatever their colour; for the others alpha
/// is ignored, unless it has soft edges: then the values get them too. `None` if there are colours.
fn to_opaque_grey(pixels: impl Iterator<Item = [u16; 4]> + Clone, full: u16) -> Option<Vec<u16>> {
    /// More levels of partial transparency than this mean soft edges.
    const FEW: usize = 2;
    let mut degrees = BTreeSet::new();
    for [.., alpha] in pixels.clone() {
        if alpha != 0 && alpha != full && degrees.len() <= FEW {
            degrees.insert(alpha);
        }
    }
    let is_soft = degrees.len() > FEW;
    pixels
        .map(|pixel| opaque_value(pixel, full, is_soft))
        .collect()
}

/// One pixel of [`to_opaque_grey`]; `full` is the alpha value of an opaque pixel.
#[inline]
fn opaque_value([r, g, b, alpha]: [u16; 4], full: u16, is_soft: bool) -> Option<u16> {
    match alpha {
        0 => Some(0),
        _ if r != g || g != b => None,
        _ if is_soft => Some((u32::from(r) * u32::from(alpha) / u32::from(full)) as u16),
        _ => Some(r),
    }
}

/// Columns, rows and indices of a PNG with a colour palette; `None` for any other PNG.
type Indices = Option<(usize, usize, Vec<u16>)>;

fn palette_indices(bytes: &[u8]) -> result::Result<Indices, String> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().map_err(|e| e.to_string())?;
    let info = reader.info();
    if info.color_type != png::ColorType::Indexed
        || info.palette.as_deref().is_none_or(is_grey_palette)
    {
        return Ok(None);
    }
    let (columns, rows) = (info.width as usize, info.height as usize);
    let size = reader
        .output_buffer_size()
        .filter(|size| *size <= MOST_BYTES)
        .ok_or("the image is too large")?;
    check_decoded_size(size as u64, bytes.len() as u64)?;
    let mut packed = vec![0; size];
    let frame = reader.next_frame(&mut packed).map_err(|e| e.to_string())?;
    let bits = frame.bit_depth as usize;
    let indices = packed
        .chunks_exact(frame.line_size)
        .take(rows)
        .flat_map(|row| (0..columns).map(move |column| packed_index(row, column, bits)))
        .collect();
    Ok(Some((columns, rows, indices)))
}

/// True for a palette (RGB triplets) of grey levels only.
fn is_grey_palette(palette: &[u8]) -> bool {
    palette
        .chunks_exact(3)
        .all(|c| c[0] == c[1] && c[1] == c[2])
}

/// A pixel of a row with 1, 2, 4 or 8 bits per pixel, the leftmost pixel in the highest bits.
#[inline]
fn packed_index(row: &[u8], column: usize, bits: usize) -> u16 {
    let shift = 8 - bits - column * bits % 8;
    u16::from(row[column * bits / 8] >> shift) & ((1 << bits) - 1)
}

#[cfg(test)]
mod tests;

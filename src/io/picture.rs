//! Reads PNG, JPEG, TIFF, BMP and WebP, rotated or mirrored by their orientation flag (EXIF, or TIFF tag 274).
//!
//! The resolution stored in such files is that of a printer, not of the patient, and is ignored. Pixel spacing comes from an
//! optional table `pixel_spacing_mm.csv` next to the image, with the columns `name` (without extension) and
//! `pixel_spacing_mm`.

mod directory;
mod flag;
mod imagej;
mod pixel_kind;
mod pixels;
mod series;
mod stored;
mod tiff;
mod unpack;

use crate::{Error, Result};
pub(crate) use directory::is_tiff;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use labrum_core::{
    geometry::{PixelSpacing, SpacingSource},
    guard::catch_panic,
    image::{Image, Pixels},
    orientation::Orientation,
};
use pixels::{color_of_index, image_from_tiff, pixels_from_decoded};
pub(super) use series::{part_id, read_series};
use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
    result,
};

/// The error is the reason, a clause.
type Fallible<T> = result::Result<T, String>;

const TRIED: &str = "read the image";
/// Maximum width and height in pixels.
const MOST_SIDE: u32 = 16_384;
/// Maximum number of pixels.
const MOST_PIXELS: u64 = 268_435_456;
/// Maximum memory for decoding in bytes.
const MOST_BYTES: u64 = 2 << 30;
/// Maximum plausible ratio of decoded to compressed bytes for large images; deflate reaches 1032.
const MOST_RATIO: u64 = 4000;
/// Images of up to this many decoded bytes may have any ratio: empty ones compress to almost nothing.
const SMALL: u64 = 64 << 20;

/// What the header of an image file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Width in pixels, as displayed.
    pub columns: usize,
    /// Height in pixels, as displayed.
    pub rows: usize,
    /// True for colour images.
    pub color: bool,
    /// The stacks in the file: all pages, or one stack for each channel and time.
    pub parts: Vec<PageStack>,
    /// Remarks for the user.
    pub notes: Vec<String>,
}

/// Pages that are shown as one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageStack {
    /// Page numbers, 0-based.
    pub frames: Vec<u32>,
    /// Which channel and time of the file this is, as text.
    pub note: Option<String>,
}

/// File name of the table of pixel spacings.
pub(crate) const SPACINGS: &str = "pixel_spacing_mm.csv";

const KNOWN: [ImageFormat; 5] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::Tiff,
    ImageFormat::Bmp,
    ImageFormat::WebP,
];

/// The format by content, `None` for anything but PNG, JPEG, TIFF, BMP and WebP.
pub(crate) fn format_of(head: &[u8]) -> Option<ImageFormat> {
    if is_tiff(head) {
        return Some(ImageFormat::Tiff);
    }
    image::guess_format(head)
        .ok()
        .filter(|format| KNOWN.contains(format))
}

/// The format of a file by its content.
pub(crate) fn format_at(path: &Path) -> Option<ImageFormat> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(64).read_to_end(&mut head))
        .ok()?;
    format_of(&head)
}

/// Size, colour and pages without decoding.
///
/// # Errors
/// If the file is not an image file, is damaged, has no pixels or is larger than 16384 x 16384.
pub fn probe_header(path: &Path) -> Result<Probe> {
    catch_panic(|| probe_by_format(path))
        .unwrap_or_else(|| Err("the file header is damaged".into()))
        .map_err(|reason| picture_error(path, reason))
}

fn probe_by_format(path: &Path) -> Fallible<Probe> {
    if format_at(path) != Some(ImageFormat::Tiff) {
        return open_non_tiff(path).map(|(_, probe, _)| probe);
    }
    let content = tiff::read_content(path)?;
    let (columns, rows) = content.size;
    Ok(Probe {
        columns,
        rows,
        color: content.color,
        parts: content.parts,
        notes: content.notes,
    })
}

fn picture_error(path: &Path, reason: String) -> Error {
    Error::at_path(TRIED, path, reason)
}

/// Reads a page of an image file as displayed. Transparent pixels are blended with black; 16-bit colour becomes 8-bit, grey
/// keeps its values.
///
/// # Errors
/// As [`probe_header`], and if the pixels are damaged or truncated.
pub fn read_image(path: &Path, frame: u32) -> Result<Image> {
    let decoded = catch_panic(|| decode_as_stored(path, frame))
        .unwrap_or_else(|| Err("the file is damaged".into()));
    let (image, orientation) = decoded.map_err(|reason| picture_error(path, reason))?;
    Ok(Image {
        spacing: read_spacing(path),
        ..orientation.orient_image(image)
    })
}

/// How a page of an image file is rotated or mirrored for display; as stored if its flag cannot be read.
pub(crate) fn read_orientation(path: &Path, frame: u32) -> Orientation {
    catch_panic(|| orientation_by_format(path, frame)).unwrap_or_default()
}

fn orientation_by_format(path: &Path, frame: u32) -> Orientation {
    match format_at(path) {
        Some(ImageFormat::Tiff) => tiff::page_orientation(path, frame),
        Some(_) => {
            open_non_tiff(path).map_or(Orientation::AS_STORED, |(_, _, orientation)| orientation)
        }
        None => Orientation::AS_STORED,
    }
}

/// The values of a TIFF that is read as a mask.
pub(crate) enum TiffValues {
    /// Columns, rows and whole numbers from 0 to 65535.
    Whole(usize, usize, Vec<u16>),
    /// Columns, rows and indices into a colour palette.
    Indices(usize, usize, Vec<u16>),
    /// Colours.
    Color(DynamicImage),
}

/// The values of a TIFF page as stored, without rotation.
///
/// # Errors
/// The reason, a clause: as for [`read_image`], and if values are not whole numbers from 0 to 65535.
pub(crate) fn stored_values(path: &Path, frame: u32) -> Fallible<TiffValues> {
    Ok(match tiff::read_pixels(path, frame)? {
        stored::StoredPixels::Grey(grey) => {
            TiffValues::Whole(grey.columns, grey.rows, to_label_values(grey.pixels)?)
        }
        stored::StoredPixels::Palette {
            columns,
            rows,
            indices,
            colors,
        } if stored::is_grey(&colors) => {
            let levels = indices.into_iter().map(|index| {
                let [level, ..] = color_of_index(&colors, index);
                u16::from(level)
            });
            TiffValues::Whole(columns, rows, levels.collect())
        }
        stored::StoredPixels::Palette {
            columns,
            rows,
            indices,
            ..
        } => TiffValues::Indices(columns, rows, indices),
        stored::StoredPixels::Color(picture) => TiffValues::Color(picture),
    })
}

fn to_label_values(pixels: Pixels) -> Fallible<Vec<u16>> {
    match pixels {
        Pixels::U8(v) => Ok(v.into_iter().map(u16::from).collect()),
        Pixels::U16(v) => Ok(v),
        Pixels::I16(v) => v
            .into_iter()
            .map(|v| u16::try_from(v).map_err(|_| no_label_reason(v.into())))
            .collect(),
        Pixels::F32(v) => v.into_iter().map(label_from_real).collect(),
        Pixels::Rgb8(_) => Err("colour masks of this kind are not supported".into()),
    }
}

fn label_from_real(value: f32) -> Fallible<u16> {
    let is_whole = value.fract() == 0.0 && (0.0..=65_535.0).contains(&value);
    if is_whole {
        Ok(value as u16)
    } else {
        Err(no_label_reason(value.into()))
    }
}

fn no_label_reason(value: f64) -> String {
    format!("value {value} is not a label: labels are whole numbers from 0 to 255")
}

type Opened = (ImageReader<BufReader<File>>, Probe, Orientation);

/// Opens any image file except TIFF.
fn open_non_tiff(path: &Path) -> Fallible<Opened> {
    let first = open_reader(path)?;
    let format = first
        .format()
        .ok_or("not an image file (PNG, JPEG, TIFF, BMP or WebP)")?;
    if !KNOWN.contains(&format) {
        return Err(format!(
            "image format {format:?} is not supported (only PNG, JPEG, TIFF, BMP and WebP)"
        ));
    }
    if format == ImageFormat::Png && png_size(path) == Some((0, 0)) {
        return Err("the image has no pixels (0 x 0)".into());
    }
    let mut decoder = first.into_decoder().map_err(|e| image_error_reason(&e))?;
    let (columns, rows) = decoder.dimensions();
    if columns == 0 || rows == 0 {
        return Err(format!("the image has no pixels ({columns} x {rows})"));
    }
    if columns > MOST_SIDE || rows > MOST_SIDE || u64::from(columns) * u64::from(rows) > MOST_PIXELS
    {
        return Err(format!(
            "{columns} x {rows} pixels are more than the supported {MOST_SIDE} x {MOST_SIDE}"
        ));
    }
    let length = fs::metadata(path)
        .map_err(|e| labrum_core::reason_of(&e))?
        .len();
    check_decoded_size(decoder.total_bytes(), length)?;
    let orientation = flag::exif_orientation(&mut decoder, format, path);
    let (columns, rows) = orientation.shown_size((columns as usize, rows as usize));
    let parts = vec![PageStack {
        frames: vec![0],
        note: None,
    }];
    let cut_off = format == ImageFormat::Png && !has_png_end(path).unwrap_or(false);
    let notes = if cut_off {
        vec!["the file is truncated and cannot be displayed".to_owned()]
    } else {
        Vec::new()
    };
    let probe = Probe {
        columns,
        rows,
        color: decoder.color_type().has_color(),
        parts,
        notes,
    };
    Ok((open_reader(path)?, probe, orientation))
}

/// A reader at the beginning of the file, with its memory limited to [`MOST_BYTES`].
fn open_reader(path: &Path) -> Fallible<ImageReader<BufReader<File>>> {
    let file = File::open(path).map_err(|e| labrum_core::reason_of(&e))?;
    let mut reader = ImageReader::new(BufReader::new(file))
        .with_guessed_format()
        .map_err(|e| e.to_string())?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    Ok(reader)
}

/// Refuses a file of `length` bytes that claims to hold `decoded` bytes of pixels.
pub(super) fn check_decoded_size(decoded: u64, length: u64) -> Fallible<()> {
    let is_believed = decoded <= SMALL || decoded / MOST_RATIO <= length;
    if is_believed {
        Ok(())
    } else {
        Err(format!(
            "the file is damaged: {length} compressed bytes cannot hold {decoded} bytes of pixels"
        ))
    }
}

/// The size in the header chunk: the decoder reports a size of 0 only as damage.
fn png_size(path: &Path) -> Option<(u32, u32)> {
    let mut head = [0; 24];
    File::open(path).ok()?.read_exact(&mut head).ok()?;
    let [.., a, b, c, d, e, f, g, h] = head;
    let columns = u32::from_be_bytes([a, b, c, d]);
    let rows = u32::from_be_bytes([e, f, g, h]);
    Some((columns, rows))
}

/// True if the last chunk is present; decodes no pixels.
fn has_png_end(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut at = file.seek(SeekFrom::Start(8))?;
    let mut head = [0; 8];
    while at < length {
        file.read_exact(&mut head)?;
        if &head[4..] == b"IEND" {
            return Ok(true);
        }
        // Length, type, content and checksum of the chunk.
        at += 12 + u64::from(u32::from_be_bytes([head[0], head[1], head[2], head[3]]));
        file.seek(SeekFrom::Start(at))?;
    }
    Ok(false)
}

/// Decodes a page as stored, and tells how it is rotated or mirrored for display.
fn decode_as_stored(path: &Path, frame: u32) -> Fallible<(Image, Orientation)> {
    const NO_PIXELS: &str = "the image has no pixels";
    if format_at(path) == Some(ImageFormat::Tiff) {
        let image = image_from_tiff(tiff::read_pixels(path, frame)?).ok_or(NO_PIXELS)?;
        return Ok((image, tiff::page_orientation(path, frame)));
    }
    let (reader, _, orientation) = open_non_tiff(path)?;
    if frame > 0 {
        return Err(format!("the file has no page {}", frame.saturating_add(1)));
    }
    if reader.format() == Some(ImageFormat::Jpeg) {
        check_jpeg_end(path)?;
    }
    let decoded = reader.decode().map_err(|e| image_error_reason(&e))?;
    let columns = decoded.width() as usize;
    let rows = decoded.height() as usize;
    let image = Image::new(columns, rows, pixels_from_decoded(decoded)).ok_or(NO_PIXELS)?;
    Ok((image, orientation))
}

fn image_error_reason(error: &image::ImageError) -> String {
    use image::ImageError::{Decoding, IoError, Limits, Unsupported};
    match error {
        IoError(e) if e.kind() == io::ErrorKind::UnexpectedEof => "the file is truncated".into(),
        IoError(e) => labrum_core::reason_of(e),
        Limits(_) => "the image needs too much memory".into(),
        Unsupported(_) => format!("the pixel format is not supported ({error})"),
        Decoding(_) => format!("the file is damaged ({error})"),
        other => other.to_string(),
    }
}

/// Refuses a truncated JPEG: the decoder would silently fill the missing part with grey.
fn check_jpeg_end(path: &Path) -> Fallible<()> {
    const TAIL: u64 = 64 << 10;
    let mut tail = Vec::new();
    let mut file = File::open(path).map_err(|e| e.to_string())?;
    let length = file.metadata().map_err(|e| e.to_string())?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))
        .map_err(|e| e.to_string())?;
    file.read_to_end(&mut tail).map_err(|e| e.to_string())?;
    let ends = tail.windows(2).any(|pair| pair == [0xFF, 0xD9]);
    if ends {
        Ok(())
    } else {
        Err("the file is truncated".into())
    }
}

/// The pixel spacing from the table next to the image.
pub(crate) fn read_spacing(path: &Path) -> Option<PixelSpacing> {
    let name = path.file_stem()?.to_str()?;
    let mut table = csv::Reader::from_path(path.parent()?.join(SPACINGS)).ok()?;
    let headers = table.headers().ok()?.clone();
    let names = find_column(&headers, "name")?;
    let spacings = find_column(&headers, "pixel_spacing_mm")?;
    let row = table
        .records()
        .flatten()
        .find(|row| row.get(names) == Some(name))?;
    let side: f64 = row.get(spacings)?.trim().parse().ok()?;
    let sound = side.is_finite() && side > 0.0;
    sound.then_some(PixelSpacing {
        row: side,
        column: side,
        source: SpacingSource::Picture,
    })
}

fn find_column(headers: &csv::StringRecord, title: &str) -> Option<usize> {
    headers.iter().position(|header| header.trim() == title)
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_flag;
#[cfg(test)]
mod tests_tiff;

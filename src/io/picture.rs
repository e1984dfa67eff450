//! PNG, JPEG, TIFF and BMP.
//!
//! The resolution that such files may name is the printer's, not the patient's, and is not used. The size of a pixel
//! comes from a table `pixel_spacing_mm.csv` beside the picture, with the columns `name` (without extension) and
//! `pixel_spacing_mm`, where there is one.

use super::guard::contained;
use crate::{
    Error, Result,
    domain::{
        geometry::{PixelSpacing, SpacingSource},
        image::{Image, Pixels},
    },
};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::Path,
};

/// The error is the reason, a clause.
type Fallible<T> = std::result::Result<T, String>;

const TRIED: &str = "read the picture";
/// No side may be longer.
const MOST_SIDE: u32 = 16_384;
/// No picture may have more pixels.
const MOST_PIXELS: u64 = 268_435_456;
/// Decoding may not need more memory.
const MOST_BYTES: u64 = 2 << 30;

/// What a picture's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Width in pixels.
    pub columns: usize,
    /// Height in pixels.
    pub rows: usize,
    /// Colour.
    pub color: bool,
}

/// The format by content, `None` for anything but PNG, JPEG, TIFF and BMP.
pub(crate) fn format_of(head: &[u8]) -> Option<ImageFormat> {
    let known = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Tiff, ImageFormat::Bmp];
    image::guess_format(head).ok().filter(|format| known.contains(format))
}

/// Size and colour without decoding.
///
/// # Errors
/// Where the file is no picture, is damaged, is empty or is larger than 16384 x 16384.
pub fn probe(path: &Path) -> Result<Probe> {
    let failed = |reason: String| Error::at(TRIED, path, reason);
    let probed = contained(|| open(path).map(|(_, probe)| probe));
    probed.unwrap_or_else(|| Err("its header is damaged".into())).map_err(failed)
}

/// Reads a picture. Alpha is laid over black; 16-bit colour becomes 8-bit, 16-bit grey stays.
///
/// # Errors
/// As [`probe`], and where the pixels are damaged or cut off.
pub fn read(path: &Path) -> Result<Image> {
    let failed = |reason: String| Error::at(TRIED, path, reason);
    let decoded = contained(|| decode(path)).unwrap_or_else(|| Err("it is damaged".into())).map_err(failed)?;
    let (columns, rows) = (decoded.width() as usize, decoded.height() as usize);
    let mut image = Image::new(columns, rows, pixels(decoded)).ok_or_else(|| failed("it holds no pixels".into()))?;
    image.spacing = spacing(path);
    Ok(image)
}

fn open(path: &Path) -> Fallible<(ImageReader<BufReader<File>>, Probe)> {
    let limits = || {
        let mut limits = Limits::default();
        limits.max_alloc = Some(MOST_BYTES);
        limits
    };
    let reader = || -> Fallible<_> {
        let file = File::open(path).map_err(|e| super::dicom::reason_of(&e))?;
        let mut reader = ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(|e| e.to_string())?;
        reader.limits(limits());
        Ok(reader)
    };
    let first = reader()?;
    let format = first.format().ok_or("it is no picture that can be read (PNG, JPEG, TIFF or BMP)")?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Tiff | ImageFormat::Bmp) {
        return Err(format!("{format:?} pictures are not supported (PNG, JPEG, TIFF and BMP are)"));
    }
    let decoder = first.into_decoder().map_err(|e| reason(&e))?;
    let (columns, rows) = decoder.dimensions();
    if columns == 0 || rows == 0 {
        return Err(format!("it has no pixels ({columns} x {rows})"));
    }
    if columns > MOST_SIDE || rows > MOST_SIDE || u64::from(columns) * u64::from(rows) > MOST_PIXELS {
        return Err(format!("{columns} x {rows} pixels are more than {MOST_SIDE} x {MOST_SIDE}, the largest shown"));
    }
    let probe = Probe { columns: columns as usize, rows: rows as usize, color: decoder.color_type().has_color() };
    Ok((reader()?, probe))
}

fn decode(path: &Path) -> Fallible<DynamicImage> {
    let (reader, _) = open(path)?;
    if reader.format() == Some(ImageFormat::Jpeg) {
        check_jpeg_end(path)?;
    }
    reader.decode().map_err(|e| reason(&e))
}

fn reason(error: &image::ImageError) -> String {
    match error {
        image::ImageError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => "it is cut off".into(),
        image::ImageError::Limits(_) => "it needs too much memory".into(),
        other => other.to_string(),
    }
}

/// The decoder fills the missing part of a cut-off JPEG with grey and says nothing.
fn check_jpeg_end(path: &Path) -> Fallible<()> {
    const TAIL: u64 = 64 << 10;
    let mut tail = Vec::new();
    let mut file = File::open(path).map_err(|e| e.to_string())?;
    let length = file.metadata().map_err(|e| e.to_string())?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).map_err(|e| e.to_string())?;
    file.read_to_end(&mut tail).map_err(|e| e.to_string())?;
    let ends = tail.windows(2).any(|pair| pair == [0xFF, 0xD9]);
    if ends { Ok(()) } else { Err("it is cut off".into()) }
}

fn pixels(decoded: DynamicImage) -> Pixels {
    match decoded {
        DynamicImage::ImageLuma8(grey) => Pixels::U8(grey.into_raw()),
        DynamicImage::ImageLuma16(grey) => Pixels::U16(grey.into_raw()),
        DynamicImage::ImageLumaA8(grey) => Pixels::U8(grey.pixels().map(|p| over_black(p[0], p[1])).collect()),
        DynamicImage::ImageLumaA16(grey) => {
            let over = |value: u16, alpha: u16| ((u32::from(value) * u32::from(alpha) + 32_767) / 65_535) as u16;
            Pixels::U16(grey.pixels().map(|p| over(p[0], p[1])).collect())
        }
        DynamicImage::ImageRgb8(color) => Pixels::Rgb8(color.pixels().map(|p| p.0).collect()),
        other => {
            let color = other.into_rgba8();
            let over = |p: &image::Rgba<u8>| [over_black(p[0], p[3]), over_black(p[1], p[3]), over_black(p[2], p[3])];
            Pixels::Rgb8(color.pixels().map(over).collect())
        }
    }
}

fn over_black(value: u8, alpha: u8) -> u8 {
    ((u16::from(value) * u16::from(alpha) + 127) / 255) as u8
}

/// From the table beside the picture.
pub(crate) fn spacing(path: &Path) -> Option<PixelSpacing> {
    let name = path.file_stem()?.to_str()?;
    let mut table = csv::Reader::from_path(path.parent()?.join("pixel_spacing_mm.csv")).ok()?;
    let headers = table.headers().ok()?.clone();
    let column = |wanted: &str| headers.iter().position(|header| header.trim() == wanted);
    let (names, spacings) = (column("name")?, column("pixel_spacing_mm")?);
    let row = table.records().flatten().find(|row| row.get(names) == Some(name))?;
    let side: f64 = row.get(spacings)?.trim().parse().ok()?;
    let sound = side.is_finite() && side > 0.0;
    sound.then_some(PixelSpacing { row: side, column: side, source: SpacingSource::Picture })
}

//! PNG, JPEG, TIFF, BMP and WebP, turned as their orientation flag (EXIF, TIFF's tag 274) says.
//!
//! The resolution that such files may name is the printer's, not the patient's, and is not used. The size of a pixel
//! comes from a table `pixel_spacing_mm.csv` beside the picture, with the columns `name` (without extension) and
//! `pixel_spacing_mm`, where there is one.

mod directory;
mod flag;
mod imagej;
mod series;
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
pub(super) use series::{part_id, read_series};
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
/// The largest ratio of decoded to compressed bytes that is believed of large pictures; deflate reaches 1032.
const MOST_RATIO: u64 = 4000;
/// Pictures below this are decoded whatever the ratio: empty ones compress to almost nothing.
const SMALL: u64 = 64 << 20;

/// What a picture's header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Width in pixels, as it is shown.
    pub columns: usize,
    /// Height in pixels, as it is shown.
    pub rows: usize,
    /// Colour.
    pub color: bool,
    /// What belongs together: all pages of the file, or the stacks of its channels and times.
    pub parts: Vec<PageStack>,
    /// What a user should know.
    pub notes: Vec<String>,
}

/// Pages that are shown as one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageStack {
    /// Their numbers, 0-based.
    pub frames: Vec<u32>,
    /// Which part of the file it is.
    pub note: Option<String>,
}

/// The table that spacings are in.
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
/// Where the file is no picture, is damaged, is empty or is larger than 16384 x 16384.
pub fn probe_header(path: &Path) -> Result<Probe> {
    let failed = |reason: String| Error::at_path(TRIED, path, reason);
    let look = || match format_at(path) {
        Some(ImageFormat::Tiff) => tiff::read_content(path).map(|look| {
            let ((columns, rows), color, parts, notes) =
                (look.size, look.color, look.parts, look.notes);
            Probe {
                columns,
                rows,
                color,
                parts,
                notes,
            }
        }),
        _ => open_non_tiff(path).map(|(_, probe, _)| probe),
    };
    catch_panic(look)
        .unwrap_or_else(|| Err("its header is damaged".into()))
        .map_err(failed)
}

/// Reads a picture, or a page of one, as it is shown. Alpha is laid over black; 16-bit colour becomes 8-bit, grey keeps its
/// values.
///
/// # Errors
/// As [`probe_header`], and where the pixels are damaged or cut off.
pub fn read_image(path: &Path, frame: u32) -> Result<Image> {
    let failed = |reason: String| Error::at_path(TRIED, path, reason);
    let decoded = catch_panic(|| decode_as_stored(path, frame))
        .unwrap_or_else(|| Err("it is damaged".into()));
    let (image, orientation) = decoded.map_err(failed)?;
    Ok(Image {
        spacing: read_spacing(path),
        ..orientation.orient_image(image)
    })
}

/// How a picture, or a page of one, is turned from how it is stored; as stored where its flag cannot be read.
pub(crate) fn read_orientation(path: &Path, frame: u32) -> Orientation {
    let look = || match format_at(path) {
        Some(ImageFormat::Tiff) => tiff::page_orientation(path, frame),
        Some(_) => {
            open_non_tiff(path).map_or(Orientation::AS_STORED, |(_, _, orientation)| orientation)
        }
        None => Orientation::AS_STORED,
    };
    catch_panic(look).unwrap_or_default()
}

/// The values of a TIFF for who reads labels.
pub(crate) enum TiffValues {
    /// Columns, rows and whole numbers from 0 to 65535.
    Whole(usize, usize, Vec<u16>),
    /// Numbers of the colours of a palette.
    Indices(usize, usize, Vec<u16>),
    /// Colours.
    Color(DynamicImage),
}

/// The values of a page of a TIFF as they are stored, not turned.
///
/// # Errors
/// The reason, a clause: as for [`read_image`], and where values are no whole numbers from 0 to 65535.
pub(crate) fn stored_values(path: &Path, frame: u32) -> Fallible<TiffValues> {
    Ok(match tiff::read_pixels(path, frame)? {
        tiff::StoredPixels::Grey(grey) => {
            TiffValues::Whole(grey.columns, grey.rows, to_label_values(grey.pixels)?)
        }
        tiff::StoredPixels::Palette {
            columns,
            rows,
            indices,
            colors,
        } if unpack::is_grey(&colors) => {
            let grey = |index: u16| {
                colors
                    .get(usize::from(index))
                    .map_or(0, |[level, ..]| u16::from(*level))
            };
            TiffValues::Whole(columns, rows, indices.into_iter().map(grey).collect())
        }
        tiff::StoredPixels::Palette {
            columns,
            rows,
            indices,
            ..
        } => TiffValues::Indices(columns, rows, indices),
        tiff::StoredPixels::Color(picture) => TiffValues::Color(picture),
    })
}

fn to_label_values(pixels: Pixels) -> Fallible<Vec<u16>> {
    let no_label =
        |value: f64| format!("its value {value} is no label: labels are whole numbers up to 255");
    match pixels {
        Pixels::U8(v) => Ok(v.into_iter().map(u16::from).collect()),
        Pixels::U16(v) => Ok(v),
        Pixels::I16(v) => v
            .into_iter()
            .map(|v| u16::try_from(v).map_err(|_| no_label(v.into())))
            .collect(),
        Pixels::F32(v) => {
            let is_whole = |v: f32| v.fract() == 0.0 && (0.0..=65_535.0).contains(&v);
            v.into_iter()
                .map(|v| {
                    if is_whole(v) {
                        Ok(v as u16)
                    } else {
                        Err(no_label(v.into()))
                    }
                })
                .collect()
        }
        Pixels::Rgb8(_) => Err("it has colours, which name no labels".into()),
    }
}

type Opened = (ImageReader<BufReader<File>>, Probe, Orientation);

/// Any picture but TIFF.
fn open_non_tiff(path: &Path) -> Fallible<Opened> {
    let limits = || {
        let mut limits = Limits::default();
        limits.max_alloc = Some(MOST_BYTES);
        limits
    };
    let reader = || -> Fallible<_> {
        let file = File::open(path).map_err(|e| labrum_core::reason_of(&e))?;
        let mut reader = ImageReader::new(BufReader::new(file))
            .with_guessed_format()
            .map_err(|e| e.to_string())?;
        reader.limits(limits());
        Ok(reader)
    };
    let first = reader()?;
    let format = first
        .format()
        .ok_or("it is no picture that can be read (PNG, JPEG, TIFF, BMP or WebP)")?;
    if !KNOWN.contains(&format) {
        return Err(format!(
            "{format:?} pictures are not supported (PNG, JPEG, TIFF, BMP and WebP are)"
        ));
    }
    if format == ImageFormat::Png && png_size(path) == Some((0, 0)) {
        return Err("it has no pixels (0 x 0)".into());
    }
    let mut decoder = first.into_decoder().map_err(|e| image_error_reason(&e))?;
    let (columns, rows) = decoder.dimensions();
    if columns == 0 || rows == 0 {
        return Err(format!("it has no pixels ({columns} x {rows})"));
    }
    if columns > MOST_SIDE || rows > MOST_SIDE || u64::from(columns) * u64::from(rows) > MOST_PIXELS
    {
        return Err(format!(
            "{columns} x {rows} pixels are more than {MOST_SIDE} x {MOST_SIDE}, the largest shown"
        ));
    }
    let length = std::fs::metadata(path)
        .map_err(|e| labrum_core::reason_of(&e))?
        .len();
    check_decoded_size(decoder.total_bytes(), length)?;
    let orientation = flag::exif_orientation(&mut decoder, format, path);
    let (columns, rows) = orientation.shown_size((columns as usize, rows as usize));
    let parts = vec![PageStack {
        frames: vec![0],
        note: None,
    }];
    let cut_off = format == ImageFormat::Png && !png_is_whole(path);
    let notes = if cut_off {
        vec!["the file is cut off: it cannot be shown".to_owned()]
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
    Ok((reader()?, probe, orientation))
}

/// Refuses a file of `length` bytes that claims to hold `decoded`.
pub(super) fn check_decoded_size(decoded: u64, length: u64) -> Fallible<()> {
    let is_believed = decoded <= SMALL || decoded / MOST_RATIO <= length;
    if is_believed {
        Ok(())
    } else {
        Err(format!("{length} compressed bytes cannot hold {decoded}"))
    }
}

/// From the header chunk, which the decoder calls damaged where it says 0.
fn png_size(path: &Path) -> Option<(u32, u32)> {
    let mut head = [0; 24];
    File::open(path).ok()?.read_exact(&mut head).ok()?;
    let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    Some((word(16), word(20)))
}

/// True where the last chunk is there; no pixel is decoded.
fn png_is_whole(path: &Path) -> bool {
    let walk = || -> std::io::Result<bool> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut at = file.seek(SeekFrom::Start(8))?;
        let mut head = [0; 8];
        while at < length {
            file.read_exact(&mut head)?;
            if &head[4..] == b"IEND" {
                return Ok(true);
            }
            // Length, name, content, checksum.
            at += 12 + u64::from(u32::from_be_bytes([head[0], head[1], head[2], head[3]]));
            file.seek(SeekFrom::Start(at))?;
        }
        Ok(false)
    };
    walk().unwrap_or(false)
}

/// A picture as it is stored, and how it is turned.
fn decode_as_stored(path: &Path, frame: u32) -> Fallible<(Image, Orientation)> {
    let empty = || "it holds no pixels".to_owned();
    if format_at(path) == Some(ImageFormat::Tiff) {
        return Ok((
            tiff_image(tiff::read_pixels(path, frame)?).ok_or_else(empty)?,
            tiff::page_orientation(path, frame),
        ));
    }
    let (reader, _, orientation) = open_non_tiff(path)?;
    if frame > 0 {
        return Err(format!("it has no page {}", frame.saturating_add(1)));
    }
    if reader.format() == Some(ImageFormat::Jpeg) {
        check_jpeg_end(path)?;
    }
    let decoded = reader.decode().map_err(|e| image_error_reason(&e))?;
    let (columns, rows) = (decoded.width() as usize, decoded.height() as usize);
    Ok((
        Image::new(columns, rows, pixels_from_decoded(decoded)).ok_or_else(empty)?,
        orientation,
    ))
}

fn tiff_image(stored: tiff::StoredPixels) -> Option<Image> {
    match stored {
        tiff::StoredPixels::Grey(unpack::StoredGrey {
            columns,
            rows,
            mut pixels,
            inverted,
            bits,
        }) => {
            // Few bits are spread over all levels of grey, as every viewer does.
            if let (Pixels::U8(values), 1..8) = (&mut pixels, bits) {
                let highest = (1u16 << bits) - 1;
                values
                    .iter_mut()
                    .for_each(|v| *v = (u16::from(*v) * 255 / highest) as u8);
            }
            Some(Image {
                inverted,
                ..Image::new(columns, rows, pixels)?
            })
        }
        tiff::StoredPixels::Palette {
            columns,
            rows,
            indices,
            colors,
        } => {
            let color = |index: u16| colors.get(usize::from(index)).copied().unwrap_or_default();
            let pixels = if unpack::is_grey(&colors) {
                Pixels::U8(indices.into_iter().map(|index| color(index)[0]).collect())
            } else {
                Pixels::Rgb8(indices.into_iter().map(color).collect())
            };
            Image::new(columns, rows, pixels)
        }
        tiff::StoredPixels::Color(decoded) => Image::new(
            decoded.width() as usize,
            decoded.height() as usize,
            pixels_from_decoded(decoded),
        ),
    }
}

fn image_error_reason(error: &image::ImageError) -> String {
    use image::ImageError::{Decoding, IoError, Limits, Unsupported};
    match error {
        IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => "it is cut off".into(),
        IoError(e) => labrum_core::reason_of(e),
        Limits(_) => "it needs too much memory".into(),
        Unsupported(_) => format!("its kind of pixels is not supported ({error})"),
        Decoding(_) => format!("it is damaged ({error})"),
        other => other.to_string(),
    }
}

/// The decoder fills the missing part of a cut-off JPEG with grey and says nothing.
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
        Err("it is cut off".into())
    }
}

fn pixels_from_decoded(decoded: DynamicImage) -> Pixels {
    match decoded {
        DynamicImage::ImageLuma8(grey) => Pixels::U8(grey.into_raw()),
        DynamicImage::ImageLuma16(grey) => Pixels::U16(grey.into_raw()),
        DynamicImage::ImageLumaA8(grey) => {
            Pixels::U8(grey.pixels().map(|p| over_black(p[0], p[1])).collect())
        }
        DynamicImage::ImageLumaA16(grey) => {
            let over = |value: u16, alpha: u16| {
                ((u32::from(value) * u32::from(alpha) + 32_767) / 65_535) as u16
            };
            Pixels::U16(grey.pixels().map(|p| over(p[0], p[1])).collect())
        }
        DynamicImage::ImageRgb8(color) => Pixels::Rgb8(color.pixels().map(|p| p.0).collect()),
        other => {
            let color = other.into_rgba8();
            let over = |p: &image::Rgba<u8>| {
                [
                    over_black(p[0], p[3]),
                    over_black(p[1], p[3]),
                    over_black(p[2], p[3]),
                ]
            };
            Pixels::Rgb8(color.pixels().map(over).collect())
        }
    }
}

fn over_black(value: u8, alpha: u8) -> u8 {
    ((u16::from(value) * u16::from(alpha) + 127) / 255) as u8
}

/// From the table beside the picture.
pub(crate) fn read_spacing(path: &Path) -> Option<PixelSpacing> {
    let name = path.file_stem()?.to_str()?;
    let mut table = csv::Reader::from_path(path.parent()?.join(SPACINGS)).ok()?;
    let headers = table.headers().ok()?.clone();
    let column = |wanted: &str| headers.iter().position(|header| header.trim() == wanted);
    let (names, spacings) = (column("name")?, column("pixel_spacing_mm")?);
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

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_flag;
#[cfg(test)]
mod tests_tiff;

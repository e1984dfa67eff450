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
/// The largest ratio of decoded to compressed bytes that is believed of large pictures; deflate reaches 1032.
const MOST_RATIO: u64 = 4000;
/// Pictures below this are decoded whatever the ratio: empty ones compress to almost nothing.
const SMALL: u64 = 64 << 20;

/// What a picture's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Width in pixels.
    pub columns: usize,
    /// Height in pixels.
    pub rows: usize,
    /// Colour.
    pub color: bool,
    /// A TIFF with pages behind the first one, which alone is read.
    pub more_pages: bool,
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
    if format == ImageFormat::Png && png_size(path) == Some((0, 0)) {
        return Err("it has no pixels (0 x 0)".into());
    }
    let decoder = first.into_decoder().map_err(|e| reason(&e))?;
    let (columns, rows) = decoder.dimensions();
    if columns == 0 || rows == 0 {
        return Err(format!("it has no pixels ({columns} x {rows})"));
    }
    if columns > MOST_SIDE || rows > MOST_SIDE || u64::from(columns) * u64::from(rows) > MOST_PIXELS {
        return Err(format!("{columns} x {rows} pixels are more than {MOST_SIDE} x {MOST_SIDE}, the largest shown"));
    }
    let length = std::fs::metadata(path).map_err(|e| super::dicom::reason_of(&e))?.len();
    believe(decoder.total_bytes(), length)?;
    let more_pages = format == ImageFormat::Tiff && has_second_page(path).unwrap_or(false);
    let probe =
        Probe { columns: columns as usize, rows: rows as usize, color: decoder.color_type().has_color(), more_pages };
    Ok((reader()?, probe))
}

/// Refuses a file of `length` bytes that claims to hold `decoded`.
pub(super) fn believe(decoded: u64, length: u64) -> Fallible<()> {
    let is_believed = decoded <= SMALL || decoded / MOST_RATIO <= length;
    if is_believed { Ok(()) } else { Err(format!("{length} compressed bytes cannot hold {decoded}")) }
}

/// From the header chunk, which the decoder calls damaged where it says 0.
fn png_size(path: &Path) -> Option<(u32, u32)> {
    let mut head = [0; 24];
    File::open(path).ok()?.read_exact(&mut head).ok()?;
    let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    Some((word(16), word(20)))
}

/// Follows the first directory of a TIFF to the offset of the next one.
fn has_second_page(path: &Path) -> Option<bool> {
    let mut file = File::open(path).ok()?;
    let mut head = [0; 8];
    file.read_exact(&mut head).ok()?;
    let big_endian = head[0] == b'M';
    let number = |bytes: &[u8]| {
        let shift = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        if big_endian { bytes.iter().fold(0, shift) } else { bytes.iter().rev().fold(0, shift) }
    };
    let first = number(&head[4..]);
    let mut count = [0; 2];
    file.seek(SeekFrom::Start(first)).ok()?;
    file.read_exact(&mut count).ok()?;
    file.seek(SeekFrom::Start(first + 2 + 12 * number(&count))).ok()?;
    let mut next = [0; 4];
    file.read_exact(&mut next).ok()?;
    Some(number(&next) != 0)
}

fn decode(path: &Path) -> Fallible<DynamicImage> {
    let (reader, _) = open(path)?;
    if reader.format() == Some(ImageFormat::Jpeg) {
        check_jpeg_end(path)?;
    }
    reader.decode().map_err(|e| reason(&e))
}

fn reason(error: &image::ImageError) -> String {
    use image::ImageError::{Decoding, IoError, Limits, Unsupported};
    match error {
        IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => "it is cut off".into(),
        IoError(e) => super::dicom::reason_of(e),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use image::{GrayImage, ImageBuffer, Luma, LumaA, Rgb, Rgba};
    use std::path::PathBuf;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn save(&self, name: &str, image: impl Into<DynamicImage>) -> PathBuf {
            let path = self.0.path().join(name);
            image.into().save(&path).unwrap();
            path
        }

        fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
            let path = self.0.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        }
    }

    #[test]
    fn grey_of_8_and_16_bits_keeps_its_values() {
        let folder = Folder::new();
        let grey = GrayImage::from_raw(2, 1, vec![7, 250]).unwrap();
        for name in ["a.png", "a.tiff"] {
            assert_eq!(read(&folder.save(name, grey.clone())).unwrap().pixels, Pixels::U8(vec![7, 250]), "{name}");
        }
        let deep: ImageBuffer<Luma<u16>, _> = ImageBuffer::from_raw(2, 1, vec![7u16, 60_000]).unwrap();
        assert_eq!(read(&folder.save("deep.png", deep)).unwrap().pixels, Pixels::U16(vec![7, 60_000]));
    }

    #[test]
    fn colour_is_read_and_alpha_laid_over_black() {
        let folder = Folder::new();
        let opaque: ImageBuffer<Rgb<u8>, _> = ImageBuffer::from_raw(1, 1, vec![1, 2, 3]).unwrap();
        for name in ["a.png", "a.bmp", "a.tiff"] {
            let path = folder.save(name, opaque.clone());
            assert_eq!(read(&path).unwrap().pixels, Pixels::Rgb8(vec![[1, 2, 3]]), "{name}");
        }
        let clear: ImageBuffer<Rgba<u8>, _> = ImageBuffer::from_raw(2, 1, vec![9, 9, 9, 0, 200, 100, 0, 128]).unwrap();
        assert_eq!(read(&folder.save("b.png", clear)).unwrap().pixels, Pixels::Rgb8(vec![[0; 3], [100, 50, 0]]));
        let grey: ImageBuffer<LumaA<u8>, _> = ImageBuffer::from_raw(1, 1, vec![200, 51]).unwrap();
        assert_eq!(read(&folder.save("c.png", grey)).unwrap().pixels, Pixels::U8(vec![40]));
        let deep: ImageBuffer<Rgb<u16>, _> = ImageBuffer::from_raw(1, 1, vec![0u16, 257 * 7, 65_535]).unwrap();
        assert_eq!(read(&folder.save("d.png", deep)).unwrap().pixels, Pixels::Rgb8(vec![[0, 7, 255]]));
    }

    #[test]
    fn pictures_that_are_cut_off_are_refused() {
        let folder = Folder::new();
        let noise = GrayImage::from_fn(64, 64, |x, y| Luma([(x * 7 + y * 13) as u8]));
        for name in ["a.png", "a.jpg", "a.bmp", "a.tiff"] {
            let whole = std::fs::read(folder.save(name, noise.clone())).unwrap();
            let cut = folder.write(&format!("cut-{name}"), &whole[..whole.len() / 2]);
            assert!(read(&cut).is_err(), "{name}");
        }
    }

    #[test]
    fn empty_and_enormous_pictures_are_refused_before_they_are_decoded() {
        let folder = Folder::new();
        let header = |columns: u32, rows: u32| {
            let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0DIHDR".to_vec();
            bytes.extend(columns.to_be_bytes());
            bytes.extend(rows.to_be_bytes());
            bytes.extend([8, 0, 0, 0, 0]);
            let check = crc(&bytes[12..]);
            bytes.extend(check.to_be_bytes());
            bytes.extend(b"\0\0\0\0IDAT\x35\xAF\x06\x1E");
            bytes
        };
        let huge = probe(&folder.write("huge.png", &header(30_000, 30_000))).unwrap_err();
        assert!(huge.reason.contains("30000 x 30000"), "{huge}");
        let claim = probe(&folder.write("claim.png", &header(16_000, 16_000))).unwrap_err();
        assert!(claim.reason.contains("compressed bytes cannot hold 256000000"), "{claim}");
        let none = probe(&folder.write("none.png", &header(0, 0))).unwrap_err();
        assert_eq!(none.reason, "it has no pixels (0 x 0)");
        assert!(read(&folder.write("none.png", &header(0, 0))).is_err());
    }

    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xEDB8_8320 } else { c >> 1 })
        })
    }

    #[test]
    fn a_table_beside_the_picture_tells_the_size_of_its_pixels() {
        let folder = Folder::new();
        folder.write("pixel_spacing_mm.csv", b"name,pixel_spacing_mm\nother,9\nhead,0.25\n");
        let spacing = read(&folder.save("head.png", GrayImage::new(1, 1))).unwrap().spacing.unwrap();
        assert_eq!((spacing.row, spacing.column, spacing.source), (0.25, 0.25, SpacingSource::Picture));
        assert_eq!(read(&folder.save("hand.png", GrayImage::new(1, 1))).unwrap().spacing, None);
    }

    #[test]
    fn other_files_are_refused_with_the_reason() {
        let folder = Folder::new();
        let text = probe(&folder.write("a.png", b"words")).unwrap_err();
        assert_eq!(text.reason, "it is no picture that can be read (PNG, JPEG, TIFF or BMP)");
        assert_eq!(probe(&folder.0.path().join("none.png")).unwrap_err().reason, "there is no such file");
    }
}

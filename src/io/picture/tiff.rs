//! TIFF: grey of any depth and kind of number, palettes, colour, and several pages as a stack, classic and BigTIFF.
//!
//! The decoder underneath knows no palettes, no depths between 8 and 16 bits, and shows the first page. It reads the file
//! through [`Patched`]: with another first page, and with other numbers in its directory, under which it unpacks the very
//! same bytes.

use super::{
    MOST_BYTES, MOST_PIXELS, MOST_SIDE, PageStack, check_decoded_size,
    directory::{Directories, TiffPage, tag},
    imagej,
    unpack::{self, Patched, StoredGrey},
};
use image::{DynamicImage, ImageDecoder, codecs::tiff::TiffDecoder};
use labrum_core::{file_bytes::FileBytes, reason_of};
use labrum_core::{image::Pixels, orientation::Orientation};
use std::{fs::File, io::BufReader, path::Path};

/// The error is the reason, a clause.
type Fallible<T> = Result<T, String>;

/// What a TIFF holds.
pub(super) struct TiffContent {
    /// Columns and rows as they are shown.
    pub(super) size: (usize, usize),
    pub(super) color: bool,
    pub(super) parts: Vec<PageStack>,
    pub(super) notes: Vec<String>,
}

/// The pixels of a page as they are stored.
pub(super) enum StoredPixels {
    /// Values.
    Grey(StoredGrey),
    /// Of each pixel the number of its colour, and the colours.
    Palette {
        columns: usize,
        rows: usize,
        indices: Vec<u16>,
        colors: Vec<[u8; 3]>,
    },
    /// Red, green and blue.
    Color(DynamicImage),
}

/// What the directory of a page says of its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PixelKind {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) bits: u64,
    pub(super) samples: u64,
    /// 1 unsigned, 2 signed, 3 floating point.
    pub(super) format: u64,
    pub(super) photometric: u64,
    pub(super) compression: u64,
}

impl PixelKind {
    fn from_page(file: &mut Directories, page: &TiffPage) -> Fallible<Self> {
        let side = |value: Option<u64>| usize::try_from(value.unwrap_or(0)).unwrap_or(usize::MAX);
        let (columns, rows) = (
            side(file.first_number(page, tag::IMAGE_WIDTH)),
            side(file.first_number(page, tag::IMAGE_LENGTH)),
        );
        if columns == 0 || rows == 0 {
            return Err(format!("it has no pixels ({columns} x {rows})"));
        }
        let most = MOST_SIDE as usize;
        if columns > most || rows > most || (columns * rows) as u64 > MOST_PIXELS {
            return Err(format!(
                "{columns} x {rows} pixels are more than {most} x {most}, the largest shown"
            ));
        }
        let bits = file.field_numbers(page, tag::BITS_PER_SAMPLE);
        let format = file.first_number(page, tag::SAMPLE_FORMAT).unwrap_or(1);
        let kind = Self {
            columns,
            rows,
            bits: bits.first().copied().unwrap_or(1),
            samples: file.first_number(page, tag::SAMPLES_PER_PIXEL).unwrap_or(1),
            // Numbers of an undefined kind are whole ones.
            format: if format == 4 { 1 } else { format },
            photometric: file
                .first_number(page, tag::PHOTOMETRIC)
                .ok_or("it does not say what its values mean")?,
            compression: file.first_number(page, tag::COMPRESSION).unwrap_or(1),
        };
        // What is compressed may be larger than the file, within reason.
        check_decoded_size(kind.unpacked_bytes(), file.len()).map(|()| kind)
    }

    /// FileBytes of all pixels, unpacked.
    pub(super) fn unpacked_bytes(&self) -> u64 {
        (self.columns * self.rows) as u64
            * (self.bits.min(64) * self.samples.min(1 << 16)).div_ceil(8)
    }

    /// Neither grey nor a palette.
    pub(super) fn is_color(&self) -> bool {
        !matches!(self.photometric, 0 | 1 | 3)
    }
}

/// What is in the file, from its directories.
pub(super) fn read_content(path: &Path) -> Fallible<TiffContent> {
    let mut file = open_directories(path)?;
    let first = file.pages.first().cloned().ok_or("it has no page")?;
    let kind = PixelKind::from_page(&mut file, &first)?;
    let orientation = file.page_orientation(&first);
    let is_palette_grey =
        kind.photometric == 3 && unpack::is_grey(&unpack::palette_colors(&mut file, &first));
    let color = kind.is_color() || kind.photometric == 3 && !is_palette_grey;
    let mut look = TiffContent {
        size: orientation.shown_size((kind.columns, kind.rows)),
        color,
        parts: Vec::new(),
        notes: Vec::new(),
    };
    if let Some(stack) = imagej::bare_stack(&mut file, &first, &kind) {
        look.parts = imagej::page_stacks(
            &file.image_description(&first),
            (0..stack.count as u32).collect(),
        );
        look.notes.extend(stack.note);
        return Ok(look);
    }
    let (mut frames, mut others) = (Vec::new(), 0);
    for (number, page) in (0u32..).zip(file.pages.clone()) {
        // Reduced copies for a preview, and masks of transparency, are no slices.
        let is_copy = number > 0
            && file
                .first_number(&page, tag::NEW_SUBFILE_TYPE)
                .is_some_and(|kind| kind & 5 != 0);
        let alike = |other: PixelKind| {
            (other.columns, other.rows, other.is_color())
                == (kind.columns, kind.rows, kind.is_color())
        };
        match PixelKind::from_page(&mut file, &page) {
            _ if is_copy => {}
            Ok(other) if alike(other) && file.page_orientation(&page) == orientation => {
                frames.push(number)
            }
            _ => others += 1,
        }
    }
    look.parts = imagej::page_stacks(&file.image_description(&first), frames);
    if others > 0 {
        let pages = if others == 1 {
            "1 of its pages has".to_owned()
        } else {
            format!("{others} of its pages have")
        };
        look.notes.push(format!(
            "{pages} another size or kind than the first and cannot be part of the stack"
        ));
    }
    if file.is_cut {
        look.notes.push(format!(
            "what follows its {} pages is damaged",
            file.pages.len()
        ));
    }
    Ok(look)
}

/// How a page is to be turned.
pub(super) fn page_orientation(path: &Path, frame: u32) -> Orientation {
    let Ok(mut file) = open_directories(path) else {
        return Orientation::AS_STORED;
    };
    let page = file
        .pages
        .get(frame as usize)
        .or(file.pages.first())
        .cloned();
    page.map_or(Orientation::AS_STORED, |page| file.page_orientation(&page))
}

/// The pixels of a page, or of a slice of a bare stack.
pub(super) fn read_pixels(path: &Path, frame: u32) -> Fallible<StoredPixels> {
    let mut file = open_directories(path)?;
    let first = file.pages.first().cloned().ok_or("it has no page")?;
    let kind = PixelKind::from_page(&mut file, &first)?;
    if let Some(stack) = imagej::bare_stack(&mut file, &first, &kind) {
        return stack
            .read_slice(&mut file, frame as usize, &kind)
            .map(StoredPixels::Grey);
    }
    let page = file
        .pages
        .get(frame as usize)
        .cloned()
        .ok_or(format!("it has no page {}", frame.saturating_add(1)))?;
    let kind = PixelKind::from_page(&mut file, &page)?;
    match kind.photometric {
        0 | 1 => unpack::grey_pixels(path, &mut file, &page, &kind).map(StoredPixels::Grey),
        3 => {
            let colors = unpack::palette_colors(&mut file, &page);
            let grey = unpack::grey_pixels(path, &mut file, &page, &kind)?;
            let indices = match grey.pixels {
                Pixels::U8(values) => values.into_iter().map(u16::from).collect(),
                Pixels::U16(values) => values,
                _ => return Err("its palette has no whole numbers".into()),
            };
            Ok(StoredPixels::Palette {
                columns: grey.columns,
                rows: grey.rows,
                indices,
                colors,
            })
        }
        _ => decode_color(path, &file, &page).map(StoredPixels::Color),
    }
}

fn open_directories(path: &Path) -> Fallible<Directories> {
    let bytes = FileBytes::open(path).map_err(|e| reason_of(&e))?;
    Directories::from_bytes(bytes).ok_or_else(|| "its header is damaged or cut off".to_owned())
}

fn decode_color(path: &Path, file: &Directories, page: &TiffPage) -> Fallible<DynamicImage> {
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    let reader = Patched::new(
        File::open(path).map_err(|e| reason_of(&e))?,
        vec![unpack::page_first(file, page)],
    );
    let mut decoder =
        TiffDecoder::new(BufReader::new(reader)).map_err(|e| super::image_error_reason(&e))?;
    check_decoded_size(decoder.total_bytes(), file.len())?;
    decoder
        .set_limits(limits)
        .map_err(|e| super::image_error_reason(&e))?;
    DynamicImage::from_decoder(decoder).map_err(|e| super::image_error_reason(&e))
}

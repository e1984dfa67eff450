//! Classic TIFF and BigTIFF: grey of any bit depth and number type, palettes, colour, and several pages as a stack.
//!
//! The underlying decoder supports neither palettes nor bit depths between 8 and 16, and decodes only the first page.
//! Therefore it reads the file through [`Patched`], which makes the wanted page the first one and changes numbers in its
//! directory so that the decoder unpacks the same bytes as a supported format.

use super::{
    MOST_BYTES, PageStack, check_decoded_size,
    directory::{Directories, TiffPage, tag},
    imagej,
    pixel_kind::PixelKind,
    stored::{self, StoredPixels},
    unpack::{self, Patched},
};
use image::{DynamicImage, ImageDecoder, codecs::tiff::TiffDecoder};
use labrum_core::{file_bytes::FileBytes, reason_of};
use labrum_core::{image::Pixels, orientation::Orientation};
use std::{fs::File, io::BufReader, path::Path};

/// The error is the reason, a clause.
type Fallible<T> = Result<T, String>;

/// What a TIFF holds.
pub(super) struct TiffContent {
    /// Columns and rows as displayed.
    pub(super) size: (usize, usize),
    pub(super) color: bool,
    pub(super) parts: Vec<PageStack>,
    pub(super) notes: Vec<String>,
}

/// Reads the content of the file from its directories.
pub(super) fn read_content(path: &Path) -> Fallible<TiffContent> {
    let mut file = open_directories(path)?;
    let first = file.pages.first().cloned().ok_or("the file has no pages")?;
    let kind = PixelKind::from_page(&mut file, &first)?;
    let orientation = file.page_orientation(&first);
    let is_palette_grey =
        kind.photometric == 3 && stored::is_grey(&unpack::palette_colors(&mut file, &first));
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
    let mut frames = Vec::new();
    let mut others = 0;
    for (number, page) in (0u32..).zip(file.pages.clone()) {
        // Thumbnails and transparency masks are not slices.
        let is_copy = number > 0
            && file
                .first_number(&page, tag::NEW_SUBFILE_TYPE)
                .is_some_and(|kind| kind & 5 != 0);
        match PixelKind::from_page(&mut file, &page) {
            _ if is_copy => {}
            Ok(other) if kind.is_alike(&other) && file.page_orientation(&page) == orientation => {
                frames.push(number)
            }
            _ => others += 1,
        }
    }
    look.parts = imagej::page_stacks(&file.image_description(&first), frames);
    if others > 0 {
        let pages = if others == 1 {
            "1 page was".to_owned()
        } else {
            format!("{others} pages were")
        };
        look.notes.push(format!(
            "{pages} skipped: the size or pixel format differs from that of the first page"
        ));
    }
    if file.is_cut {
        look.notes.push(format!(
            "the file is damaged after page {}",
            file.pages.len()
        ));
    }
    Ok(look)
}

/// How a page is rotated or mirrored for display.
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
    let first = file.pages.first().cloned().ok_or("the file has no pages")?;
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
        .ok_or(format!("the file has no page {}", frame.saturating_add(1)))?;
    let kind = PixelKind::from_page(&mut file, &page)?;
    match kind.photometric {
        0 | 1 => unpack::grey_pixels(path, &mut file, &page, &kind).map(StoredPixels::Grey),
        3 => {
            let colors = unpack::palette_colors(&mut file, &page);
            let grey = unpack::grey_pixels(path, &mut file, &page, &kind)?;
            let indices = match grey.pixels {
                Pixels::U8(values) => values.into_iter().map(u16::from).collect(),
                Pixels::U16(values) => values,
                _ => return Err("the palette indices are not whole numbers".into()),
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
    Directories::from_bytes(bytes)
        .ok_or_else(|| "the file header is damaged or truncated".to_owned())
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

//! The pixels of a TIFF page as they are stored.

use image::DynamicImage;
use labrum_core::image::Pixels;

/// Grey values as stored.
pub(super) struct StoredGrey {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) pixels: Pixels,
    /// True if the lowest value is white.
    pub(super) inverted: bool,
    /// Bits per value.
    pub(super) bits: u64,
}

/// The pixels of a page as stored.
pub(super) enum StoredPixels {
    /// Grey values.
    Grey(StoredGrey),
    /// An index into `colors` for each pixel.
    Palette {
        columns: usize,
        rows: usize,
        indices: Vec<u16>,
        colors: Vec<[u8; 3]>,
    },
    /// Red, green and blue.
    Color(DynamicImage),
}

/// True for a palette of grey levels only.
pub(super) fn is_grey(colors: &[[u8; 3]]) -> bool {
    colors.iter().all(|[r, g, b]| r == g && g == b)
}

//! The pixel format of a TIFF page.

use super::{
    MOST_PIXELS, MOST_SIDE, check_decoded_size,
    directory::{Directories, TiffPage, tag},
};

/// Size and pixel format of a page, from its directory.
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
    pub(super) fn from_page(file: &mut Directories, page: &TiffPage) -> Result<Self, String> {
        let columns = side_length(file, page, tag::IMAGE_WIDTH);
        let rows = side_length(file, page, tag::IMAGE_LENGTH);
        if columns == 0 || rows == 0 {
            return Err(format!("the image has no pixels ({columns} x {rows})"));
        }
        let most = MOST_SIDE as usize;
        if columns > most || rows > most || (columns * rows) as u64 > MOST_PIXELS {
            return Err(format!(
                "{columns} x {rows} pixels are more than the supported {most} x {most}"
            ));
        }
        let bits = file.field_numbers(page, tag::BITS_PER_SAMPLE);
        let format = file.first_number(page, tag::SAMPLE_FORMAT).unwrap_or(1);
        let kind = Self {
            columns,
            rows,
            bits: bits.first().copied().unwrap_or(1),
            samples: file.first_number(page, tag::SAMPLES_PER_PIXEL).unwrap_or(1),
            // Samples of undefined format are treated as unsigned integers.
            format: if format == 4 { 1 } else { format },
            photometric: file
                .first_number(page, tag::PHOTOMETRIC)
                .ok_or("the photometric interpretation is missing")?,
            compression: file.first_number(page, tag::COMPRESSION).unwrap_or(1),
        };
        // Compressed pixels may be larger than the file, within reason.
        check_decoded_size(kind.unpacked_bytes(), file.len()).map(|()| kind)
    }

    /// Size of all pixels in bytes, uncompressed.
    pub(super) fn unpacked_bytes(&self) -> u64 {
        (self.columns * self.rows) as u64
            * (self.bits.min(64) * self.samples.min(1 << 16)).div_ceil(8)
    }

    /// True for pixels that are neither grey nor palette indices.
    pub(super) fn is_color(&self) -> bool {
        !matches!(self.photometric, 0 | 1 | 3)
    }

    /// True if both can be slices of one stack: of the same size, and both in colour or neither.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        self.columns == other.columns
            && self.rows == other.rows
            && self.is_color() == other.is_color()
    }
}

/// Width or height in pixels; 0 if the page does not state it.
fn side_length(file: &mut Directories, page: &TiffPage, field: u16) -> usize {
    let length = file.first_number(page, field).unwrap_or(0);
    usize::try_from(length).unwrap_or(usize::MAX)
}

//! Converts decoded values to the pixels of an image: applies palettes, scales values of few bits, blends alpha with black.

use super::stored::{self, StoredGrey, StoredPixels};
use image::DynamicImage;
use labrum_core::image::{Image, Pixels};

/// `None` if the number of pixels does not match rows and columns.
pub(super) fn image_from_tiff(stored: StoredPixels) -> Option<Image> {
    match stored {
        StoredPixels::Grey(StoredGrey {
            columns,
            rows,
            mut pixels,
            inverted,
            bits,
        }) => {
            // Values below 8 bits are scaled to all grey levels, as in every viewer.
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
        StoredPixels::Palette {
            columns,
            rows,
            indices,
            colors,
        } => {
            let shown = indices
                .into_iter()
                .map(|index| color_of_index(&colors, index));
            let pixels = if stored::is_grey(&colors) {
                Pixels::U8(shown.map(|[level, ..]| level).collect())
            } else {
                Pixels::Rgb8(shown.collect())
            };
            Image::new(columns, rows, pixels)
        }
        StoredPixels::Color(decoded) => Image::new(
            decoded.width() as usize,
            decoded.height() as usize,
            pixels_from_decoded(decoded),
        ),
    }
}

/// The colour of a palette index; black if the palette is too short.
#[inline]
pub(super) fn color_of_index(colors: &[[u8; 3]], index: u16) -> [u8; 3] {
    colors.get(usize::from(index)).copied().unwrap_or_default()
}

pub(super) fn pixels_from_decoded(decoded: DynamicImage) -> Pixels {
    match decoded {
        DynamicImage::ImageLuma8(grey) => Pixels::U8(grey.into_raw()),
        DynamicImage::ImageLuma16(grey) => Pixels::U16(grey.into_raw()),
        DynamicImage::ImageLumaA8(grey) => {
            Pixels::U8(grey.pixels().map(|p| over_black(p[0], p[1])).collect())
        }
        DynamicImage::ImageLumaA16(grey) => {
            Pixels::U16(grey.pixels().map(|p| over_black_16(p[0], p[1])).collect())
        }
        DynamicImage::ImageRgb8(color) => Pixels::Rgb8(color.pixels().map(|p| p.0).collect()),
        other => {
            let color = other.into_rgba8();
            Pixels::Rgb8(color.pixels().map(|p| color_over_black(p.0)).collect())
        }
    }
}

#[inline]
fn color_over_black([red, green, blue, alpha]: [u8; 4]) -> [u8; 3] {
    [red, green, blue].map(|value| over_black(value, alpha))
}

#[inline]
pub(super) fn over_black(value: u8, alpha: u8) -> u8 {
    ((u16::from(value) * u16::from(alpha) + 127) / 255) as u8
}

/// As [`over_black`], for 16 bits.
#[inline]
pub(super) fn over_black_16(value: u16, alpha: u16) -> u16 {
    ((u32::from(value) * u32::from(alpha) + 32_767) / 65_535) as u16
}

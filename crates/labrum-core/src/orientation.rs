//! The eight orientations that stored rows and columns can have on the screen.

use super::{
    geometry::PixelSpacing,
    image::{Image, Pixels},
    mask::Mask,
};
use serde::{Deserialize, Serialize};

/// Orientation of stored pixels on the screen: transposition first, then reversal of columns or rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orientation {
    /// Stored rows are displayed as columns and vice versa.
    pub transposed: bool,
    /// The first stored column is displayed last.
    pub columns_reversed: bool,
    /// The first stored row is displayed last.
    pub rows_reversed: bool,
}

impl Orientation {
    /// As stored.
    pub const AS_STORED: Self = Self {
        transposed: false,
        columns_reversed: false,
        rows_reversed: false,
    };

    /// From the value of the EXIF and TIFF tag Orientation (274); invalid values mean as stored.
    pub fn from_exif(value: u16) -> Self {
        let [transposed, columns_reversed, rows_reversed] = match value {
            2 => [false, true, false],
            3 => [false, true, true],
            4 => [false, false, true],
            5 => [true, false, false],
            6 => [true, false, true],
            7 => [true, true, true],
            8 => [true, true, false],
            _ => [false; 3],
        };
        Self {
            transposed,
            columns_reversed,
            rows_reversed,
        }
    }

    /// The inverse orientation, from the screen to the file.
    pub fn inverse(self) -> Self {
        if !self.transposed {
            return self;
        }
        Self {
            transposed: true,
            columns_reversed: self.rows_reversed,
            rows_reversed: self.columns_reversed,
        }
    }

    /// Displayed size (columns, rows) for a stored size.
    pub fn shown_size(self, (columns, rows): (usize, usize)) -> (usize, usize) {
        if self.transposed {
            (rows, columns)
        } else {
            (columns, rows)
        }
    }

    /// The stored pixel (column, row) displayed at (`x`, `y`), for a stored size of `columns` x `rows`.
    pub fn stored_pixel(
        self,
        (columns, rows): (usize, usize),
        (x, y): (usize, usize),
    ) -> (usize, usize) {
        let (column, row) = if self.transposed { (y, x) } else { (x, y) };
        (
            place_along_axis(column, columns.max(1), self.columns_reversed),
            place_along_axis(row, rows.max(1), self.rows_reversed),
        )
    }

    /// Reorders `columns` x `rows` stored values for display, row-major.
    pub fn orient_values<T: Copy>(self, columns: usize, rows: usize, stored: &[T]) -> Vec<T> {
        let (width, height) = self.shown_size((columns, rows));
        let mut shown = Vec::with_capacity(width * height);
        for y in 0..height {
            shown.extend((0..width).filter_map(|x| {
                let (column, row) = self.stored_pixel((columns, rows), (x, y));
                stored.get(row * columns + column).copied()
            }));
        }
        shown
    }

    /// Pixel spacing as displayed.
    pub fn orient_spacing(self, stored: PixelSpacing) -> PixelSpacing {
        if !self.transposed {
            return stored;
        }
        PixelSpacing {
            row: stored.column,
            column: stored.row,
            ..stored
        }
    }

    /// Reorders pixels and spacing of an image for display. Its plane, regions and overlays must not be set yet.
    pub fn orient_image(self, stored: Image) -> Image {
        if self == Self::AS_STORED {
            return stored;
        }
        let (columns, rows) = stored.columns_and_rows();
        let pixels = match &stored.pixels {
            Pixels::U8(v) => Pixels::U8(self.orient_values(columns, rows, v)),
            Pixels::U16(v) => Pixels::U16(self.orient_values(columns, rows, v)),
            Pixels::I16(v) => Pixels::I16(self.orient_values(columns, rows, v)),
            Pixels::F32(v) => Pixels::F32(self.orient_values(columns, rows, v)),
            Pixels::Rgb8(v) => Pixels::Rgb8(self.orient_values(columns, rows, v)),
        };
        let (columns, rows) = self.shown_size((columns, rows));
        let spacing = stored.spacing.map(|spacing| self.orient_spacing(spacing));
        Image {
            columns,
            rows,
            pixels,
            spacing,
            ..stored
        }
    }

    /// Reorders a mask for display.
    pub fn orient_mask(self, stored: Mask) -> Mask {
        if self == Self::AS_STORED {
            return stored;
        }
        let size = stored.columns_and_rows();
        let (columns, rows) = self.shown_size(size);
        let labels = self.orient_values(size.0, size.1, stored.pixel_labels());
        Mask::from_labels(columns, rows, labels).unwrap_or(stored)
    }
}

/// Index `at` of `count` (at least 1), counted from the other end if `reversed`.
#[inline]
fn place_along_axis(at: usize, count: usize, reversed: bool) -> usize {
    if reversed {
        (count - 1).saturating_sub(at)
    } else {
        at
    }
}

/// How a mask was oriented to match its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskOrientation {
    /// By the orientation flag of its own file, which matches.
    AsShown,
    /// Used as stored, as it has no orientation flag, although it would also fit if rotated like the image.
    AsShownInDoubt,
    /// Used as stored, ignoring the orientation flag of its own file.
    OwnFlagLeftOut,
    /// Rotated like the image, as it was drawn on the stored pixels.
    TurnedLikeImage,
}

/// Orients a mask for an image displayed with `shown` columns and rows: by its own flag (`own`) if the size then
/// matches, else as stored, else, if it has no flag, like the image (`image`).
///
/// If the size is ambiguous (mirrored, rotated by 180°, square), the mask's own flag decides. A mask that never matches
/// is returned as its own flag says, with the wrong size.
pub fn fit_mask_to_image(
    stored: Mask,
    own: Orientation,
    image: Orientation,
    shown: (usize, usize),
) -> (Mask, MaskOrientation) {
    let size = stored.columns_and_rows();
    if own.shown_size(size) == shown {
        let is_in_doubt = own == Orientation::AS_STORED
            && image != Orientation::AS_STORED
            && image.shown_size(size) == shown;
        (
            own.orient_mask(stored),
            if is_in_doubt {
                MaskOrientation::AsShownInDoubt
            } else {
                MaskOrientation::AsShown
            },
        )
    } else if size == shown {
        (stored, MaskOrientation::OwnFlagLeftOut)
    } else if own == Orientation::AS_STORED && image.shown_size(size) == shown {
        (image.orient_mask(stored), MaskOrientation::TurnedLikeImage)
    } else {
        (own.orient_mask(stored), MaskOrientation::AsShown)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::geometry::SpacingSource;

    /// The displayed rows of an image with the stored rows "abc" and "def".
    fn shown(value: u16) -> Vec<String> {
        let orientation = Orientation::from_exif(value);
        let (width, _) = orientation.shown_size((3, 2));
        let turned = orientation.orient_values(3, 2, b"abcdef");
        turned
            .chunks(width)
            .map(|row| String::from_utf8(row.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn all_eight_exif_orientations_follow_the_standard() {
        let expected: [&[&str]; 8] = [
            &["abc", "def"],
            &["cba", "fed"],
            &["fed", "cba"],
            &["def", "abc"],
            &["ad", "be", "cf"],
            &["da", "eb", "fc"],
            &["fc", "eb", "da"],
            &["cf", "be", "ad"],
        ];
        for (value, rows) in (1..).zip(expected) {
            assert_eq!(shown(value), rows, "{value}");
        }
        for value in [0, 9, 65_535] {
            assert_eq!(Orientation::from_exif(value), Orientation::AS_STORED);
        }
    }

    #[test]
    fn the_inverse_restores_the_stored_pixels() {
        for value in 1..=8 {
            let there = Orientation::from_exif(value);
            let (width, height) = there.shown_size((3, 2));
            let turned = there.orient_values(3, 2, b"abcdef");
            assert_eq!(
                there.inverse().orient_values(width, height, &turned),
                b"abcdef",
                "{value}"
            );
        }
    }

    #[test]
    fn a_quarter_turn_swaps_the_pixel_spacing() {
        let image = Image::new(3, 2, Pixels::U8(vec![0; 6])).unwrap();
        let spacing = PixelSpacing {
            row: 2.0,
            column: 1.0,
            source: SpacingSource::Picture,
        };
        let image = Orientation::from_exif(6).orient_image(Image {
            spacing: Some(spacing),
            ..image
        });
        assert_eq!((image.columns, image.rows), (2, 3));
        assert_eq!(image.spacing.map(|s| (s.row, s.column)), Some((1.0, 2.0)));
    }

    #[test]
    fn a_mask_is_oriented_by_its_size_or_else_by_its_own_flag() {
        let [plain, turned, upside_down] = [1, 6, 3].map(Orientation::from_exif);
        let wide = || Mask::from_labels(3, 2, (1..=6).collect()).unwrap();
        let upright = turned.orient_mask(wide());
        // Image: stored 3 x 2, shown 2 x 3.
        let laid = |mask, own| fit_mask_to_image(mask, own, turned, (2, 3));
        assert_eq!(
            laid(upright.clone(), plain),
            (upright.clone(), MaskOrientation::AsShown)
        );
        assert_eq!(
            laid(wide(), turned),
            (upright.clone(), MaskOrientation::AsShown)
        );
        assert_eq!(
            laid(wide(), plain),
            (upright.clone(), MaskOrientation::TurnedLikeImage)
        );
        assert_eq!(
            laid(upright.clone(), turned),
            (upright.clone(), MaskOrientation::OwnFlagLeftOut)
        );
        // Upside down: both sizes are equal.
        assert_eq!(
            fit_mask_to_image(wide(), plain, upside_down, (3, 2)),
            (wide(), MaskOrientation::AsShownInDoubt)
        );
        assert_eq!(
            fit_mask_to_image(wide(), plain, plain, (3, 2)),
            (wide(), MaskOrientation::AsShown)
        );
        assert_eq!(
            fit_mask_to_image(wide(), upside_down, plain, (3, 2))
                .0
                .pixel_labels(),
            [6, 5, 4, 3, 2, 1]
        );
        // No orientation fits.
        assert_eq!(
            fit_mask_to_image(wide(), plain, plain, (2, 3)).0.columns(),
            3
        );
    }
}

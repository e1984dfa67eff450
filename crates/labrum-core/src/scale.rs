//! Length scale of an image: one pixel spacing for the whole image, or regions with their own scales, as written by
//! ultrasound systems.

use super::{geometry::PixelSpacing, mask::Mask};
use serde::{Deserialize, Serialize};
use std::{cmp, ops::RangeInclusive};

/// Why lengths are given in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLength {
    /// The file has no pixel spacing.
    Unknown,
    /// The file has only a pixel aspect ratio.
    ShapeOnly,
    /// Part of the label or measurement lies outside all regions.
    OutsideRegions,
    /// The label or measurement spans several regions.
    AcrossRegions,
    /// Its region does not measure lengths in both directions, but time or velocity.
    NoLengthsInRegion,
}

impl NoLength {
    /// The reason as a clause: "the pixel spacing is unknown".
    pub fn reason_clause(self) -> &'static str {
        match self {
            Self::Unknown => "the pixel spacing is unknown",
            Self::ShapeOnly => "only the pixel aspect ratio is known",
            Self::OutsideRegions => "part of it lies outside the calibrated ultrasound regions",
            Self::AcrossRegions => "no single ultrasound region contains all of it",
            Self::NoLengthsInRegion => {
                "the ultrasound region does not show lengths in both directions"
            }
        }
    }

    /// The reason as a sentence for display.
    pub fn reason_sentence(self) -> String {
        format!("Lengths are in pixels: {}.", self.reason_clause())
    }
}

/// A region of an ultrasound image (item of the Sequence of Ultrasound Regions).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScaledRegion {
    /// First (column, row).
    pub low: [u32; 2],
    /// Last (column, row), inclusive.
    pub high: [u32; 2],
    /// Pixel spacing; `None` if the region does not show lengths in both directions.
    pub spacing: Option<PixelSpacing>,
    /// Region Flags: where regions overlap, the region with priority applies.
    pub has_priority: bool,
}

impl ScaledRegion {
    /// True if it contains pixel (`column`, `row`).
    pub fn contains_pixel(&self, column: usize, row: usize) -> bool {
        self.spans_place(0, column) && self.spans_place(1, row)
    }

    /// True if it contains a column (axis 0) or a row (axis 1).
    #[inline]
    fn spans_place(&self, axis: usize, place: usize) -> bool {
        (self.low[axis] as usize..=self.high[axis] as usize).contains(&place)
    }

    /// Number of columns (axis 0) or rows (axis 1).
    fn side_length(&self, axis: usize) -> u64 {
        u64::from(self.high[axis].saturating_sub(self.low[axis])) + 1
    }

    fn pixel_area(&self) -> u64 {
        self.side_length(0) * self.side_length(1)
    }

    /// Ranks overlapping regions: those with priority first, then smaller ones, which would otherwise be hidden.
    fn overlap_rank(&self) -> (bool, cmp::Reverse<u64>) {
        (self.has_priority, cmp::Reverse(self.pixel_area()))
    }

    fn has_scale_of(&self, other: &Self) -> bool {
        match (self.spacing, other.spacing) {
            (Some(a), Some(b)) => is_same_spacing(a, b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }

    /// True if `other` may apply to shared pixels and has a different scale.
    fn is_covered_by(&self, other: &Self) -> bool {
        !other.has_scale_of(self) && other.overlap_rank() >= self.overlap_rank()
    }
}

/// True if two spacings agree within 0.1 %.
fn is_same_spacing(a: PixelSpacing, b: PixelSpacing) -> bool {
    is_nearly_equal(a.row, b.row) && is_nearly_equal(a.column, b.column)
}

fn is_nearly_equal(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-3 * a.abs()
}

/// Length scale of an image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scale {
    /// Pixel spacing of the whole image.
    pub spacing: Option<PixelSpacing>,
    /// Regions with their own scale. If there are any, lengths are known only within them.
    pub regions: Vec<ScaledRegion>,
}

impl From<Option<PixelSpacing>> for Scale {
    fn from(spacing: Option<PixelSpacing>) -> Self {
        Self {
            spacing,
            regions: Vec::new(),
        }
    }
}

/// The spacing shared by all regions; `None` if there are no regions, they differ, or one shows no lengths.
pub fn common_spacing(regions: &[ScaledRegion]) -> Option<PixelSpacing> {
    let first = regions.first()?.spacing?;
    regions
        .iter()
        .all(|region| {
            region
                .spacing
                .is_some_and(|other| is_same_spacing(first, other))
        })
        .then_some(first)
}

impl Scale {
    /// Pixel spacing that applies to all pixels of `label`.
    ///
    /// # Errors
    /// If there is no such spacing: the reason.
    pub fn of_label(&self, mask: &Mask, label: u8) -> Result<PixelSpacing, NoLength> {
        let columns = mask.columns().max(1);
        let labels = mask.pixel_labels().iter().enumerate();
        let pixels = labels.filter(|(_, l)| **l == label);
        self.of_pixels(pixels.map(|(i, _)| (i % columns, i / columns)))
    }

    /// Pixel spacing that applies to all of these pixels (column, row), which may occur several times.
    ///
    /// # Errors
    /// If there is no such spacing: the reason.
    pub fn of_pixels(
        &self,
        pixels: impl IntoIterator<Item = (usize, usize)>,
    ) -> Result<PixelSpacing, NoLength> {
        if self.regions.is_empty() {
            return match self.spacing {
                Some(spacing) if spacing.is_physical() => Ok(spacing),
                Some(_) => Err(NoLength::ShapeOnly),
                None => Err(NoLength::Unknown),
            };
        }
        let mut total = 0;
        let mut inside = vec![0; self.regions.len()];
        let mut is_anywhere = true;
        for (column, row) in pixels {
            total += 1;
            let mut is_in_one = false;
            for (region, count) in self.regions.iter().zip(&mut inside) {
                let holds = region.contains_pixel(column, row);
                *count += usize::from(holds);
                is_in_one |= holds;
            }
            is_anywhere &= is_in_one;
        }
        self.whole_region(&inside, total)
            .unwrap_or(Err(match is_anywhere {
                true => NoLength::AcrossRegions,
                false => NoLength::OutsideRegions,
            }))
    }

    /// Spacing of the region that contains all pixels and applies to them; `None` if there is no such region.
    fn whole_region(
        &self,
        inside: &[usize],
        total: usize,
    ) -> Option<Result<PixelSpacing, NoLength>> {
        let touched: Vec<(&ScaledRegion, usize)> = self
            .regions
            .iter()
            .zip(inside.iter().copied())
            .filter(|(_, count)| *count > 0)
            .collect();
        let region = touched
            .iter()
            .filter(|(_, count)| *count == total)
            .map(|(region, _)| *region)
            .filter(|region| !touched.iter().any(|(other, _)| region.is_covered_by(other)))
            .max_by_key(|region| region.overlap_rank())?;
        Some(region.spacing.ok_or(NoLength::NoLengthsInRegion))
    }

    /// Pixel spacing that applies to the whole image.
    pub fn uniform_spacing(&self) -> Option<PixelSpacing> {
        if self.regions.is_empty() {
            return self.spacing.filter(PixelSpacing::is_physical);
        }
        common_spacing(&self.regions)
    }

    /// Pixel spacing that applies to the whole range of `columns` in a row.
    pub fn along_row(&self, row: usize, columns: RangeInclusive<usize>) -> Option<PixelSpacing> {
        self.along_axis(0, columns, |column| self.spacing_at(column, row))
    }

    /// Pixel spacing that applies to the whole range of `rows` in a column.
    pub fn along_column(&self, column: usize, rows: RangeInclusive<usize>) -> Option<PixelSpacing> {
        self.along_axis(1, rows, |row| self.spacing_at(column, row))
    }

    /// Pixel spacing that applies to a range of columns (axis 0) or rows (axis 1), of which `spacing_at` gives each.
    fn along_axis(
        &self,
        axis: usize,
        range: RangeInclusive<usize>,
        spacing_at: impl Fn(usize) -> Option<PixelSpacing>,
    ) -> Option<PixelSpacing> {
        if let Some(common) = self.uniform_spacing() {
            return Some(common);
        }
        // The scale changes only at region borders, so only these need to be checked.
        let borders = self.regions.iter().flat_map(|r| {
            let behind = (r.high[axis] as usize).saturating_add(1);
            [r.low[axis] as usize, behind]
        });
        let inside = borders.filter(|place| range.contains(place));
        let first = spacing_at(*range.start())?;
        inside
            .chain([*range.end()])
            .all(|place| spacing_at(place).is_some_and(|s| is_same_spacing(first, s)))
            .then_some(first)
    }

    /// Pixel spacing at a pixel.
    pub fn spacing_at(&self, column: usize, row: usize) -> Option<PixelSpacing> {
        if self.regions.is_empty() {
            return self.spacing.filter(PixelSpacing::is_physical);
        }
        let here = self
            .regions
            .iter()
            .filter(|region| region.contains_pixel(column, row));
        here.max_by_key(|region| region.overlap_rank())?.spacing
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::geometry::SpacingSource;

    fn region(low: [u32; 2], high: [u32; 2], mm: Option<f64>) -> ScaledRegion {
        let spacing = mm.map(|side| PixelSpacing {
            row: side,
            column: side / 2.0,
            source: SpacingSource::UltrasoundRegion,
        });
        ScaledRegion {
            low,
            high,
            spacing,
            has_priority: true,
        }
    }

    /// An image of 20 x 10 with label 1 at these pixels.
    fn mask(pixels: &[(usize, usize)]) -> Mask {
        let label = |i: usize| u8::from(pixels.contains(&(i % 20, i / 20)));
        Mask::from_labels(20, 10, (0..200).map(label).collect()).unwrap()
    }

    #[test]
    fn a_label_has_the_scale_of_its_region() {
        let regions = vec![
            region([0, 0], [9, 9], Some(0.4)),
            region([10, 0], [15, 9], Some(0.1)),
            region([16, 0], [18, 9], None),
        ];
        // Pixel Spacing of the whole image does not apply to its regions.
        let spacing = Some(PixelSpacing {
            row: 9.0,
            column: 9.0,
            source: SpacingSource::PixelSpacing,
        });
        let scale = Scale { spacing, regions };
        let of =
            |pixels: &[(usize, usize)]| scale.of_label(&mask(pixels), 1).map(|s| (s.row, s.column));
        assert_eq!(of(&[(0, 0), (9, 9)]), Ok((0.4, 0.2)));
        assert_eq!(of(&[(10, 0), (15, 9)]), Ok((0.1, 0.05)));
        assert_eq!(of(&[(9, 4), (10, 4)]), Err(NoLength::AcrossRegions));
        assert_eq!(of(&[(15, 4), (16, 4)]), Err(NoLength::AcrossRegions));
        assert_eq!(of(&[(17, 4)]), Err(NoLength::NoLengthsInRegion));
        assert_eq!(of(&[(18, 4), (19, 4)]), Err(NoLength::OutsideRegions));
        assert_eq!(of(&[(19, 4)]), Err(NoLength::OutsideRegions));
        assert_eq!(
            (
                scale.spacing_at(3, 3).unwrap().row,
                scale.spacing_at(17, 3),
                scale.spacing_at(19, 3)
            ),
            (0.4, None, None)
        );
    }

    #[test]
    fn a_colour_flow_box_splits_the_image_only_if_its_scale_differs() {
        let of = |inner: Option<f64>, pixels: &[(usize, usize)]| {
            let regions = vec![
                region([0, 0], [19, 9], Some(0.4)),
                region([5, 2], [9, 6], inner),
            ];
            Scale {
                spacing: None,
                regions,
            }
            .of_label(&mask(pixels), 1)
            .map(|s| s.row)
        };
        assert_eq!(of(Some(0.4), &[(4, 4), (5, 4)]), Ok(0.4));
        assert_eq!(
            of(Some(0.1), &[(4, 4), (5, 4)]),
            Err(NoLength::AcrossRegions)
        );
        assert_eq!(of(Some(0.1), &[(6, 4)]), Ok(0.1));
        assert_eq!(of(None, &[(6, 4)]), Err(NoLength::NoLengthsInRegion));
        assert_eq!(of(Some(0.1), &[(15, 4)]), Ok(0.4));
    }

    #[test]
    fn regions_that_agree_give_the_scale_of_the_image_and_others_give_none() {
        let alike = [
            region([0, 0], [9, 9], Some(0.4)),
            region([10, 0], [19, 9], Some(0.4)),
        ];
        assert_eq!(common_spacing(&alike).map(|s| s.row), Some(0.4));
        assert_eq!(
            common_spacing(&[alike[0], region([10, 0], [19, 9], Some(0.1))]),
            None
        );
        assert_eq!(
            common_spacing(&[alike[0], region([10, 0], [19, 9], None)]),
            None,
            "the other region has no lengths"
        );
        assert_eq!(common_spacing(&[]), None);
        let all = Scale {
            spacing: None,
            regions: alike.to_vec(),
        };
        assert_eq!(all.along_row(3, 0..=99).map(|s| s.row), Some(0.4));
    }

    #[test]
    fn a_row_within_one_region_has_its_scale_and_a_row_across_regions_has_none() {
        let regions = vec![
            region([0, 0], [9, 9], Some(0.4)),
            region([10, 0], [15, 9], Some(0.1)),
            region([2, 2], [4, 4], None),
        ];
        let scale = Scale {
            spacing: None,
            regions,
        };
        let along = |row, columns| scale.along_row(row, columns).map(|s| s.row);
        assert_eq!(along(0, 0..=9), Some(0.4));
        assert_eq!(along(0, 10..=15), Some(0.1));
        assert_eq!(
            [along(0, 8..=12), along(0, 12..=18), along(3, 0..=9)],
            [None; 3]
        );
        assert_eq!(along(3, 6..=9), Some(0.4));
        let down = |column, rows| scale.along_column(column, rows).map(|s| s.row);
        assert_eq!(down(0, 0..=9), Some(0.4));
        assert_eq!(down(12, 3..=9), Some(0.1));
        assert_eq!([down(3, 0..=9), down(0, 5..=12)], [None; 2]);
        assert_eq!(down(3, 5..=9), Some(0.4));
    }
}

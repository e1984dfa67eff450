//! What a length on a picture is: one distance between pixels for all of it, or regions with scales of their own, as
//! ultrasound machines write them.

use super::{geometry::PixelSpacing, mask::Mask};
use serde::{Deserialize, Serialize};

/// Why lengths are told in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLength {
    /// The file tells no distance between pixels.
    Unknown,
    /// It tells their shape alone.
    ShapeOnly,
    /// Parts of it lie in no region that has a scale.
    OutsideRegions,
    /// It lies in several regions.
    AcrossRegions,
    /// Its region measures something else than lengths in both directions: time, velocity.
    NoLengthsInRegion,
}

impl NoLength {
    /// The reason as a clause: "no distance between pixels is known".
    pub fn reason_clause(self) -> &'static str {
        match self {
            Self::Unknown => "no distance between pixels is known",
            Self::ShapeOnly => "only the shape of the pixels is known, not their size",
            Self::OutsideRegions => {
                "parts of it lie outside of the ultrasound regions, which alone have a scale"
            }
            Self::AcrossRegions => "it lies across ultrasound regions with scales of their own",
            Self::NoLengthsInRegion => {
                "its ultrasound region does not show lengths in both directions"
            }
        }
    }

    /// The reason as a sentence for the window.
    pub fn reason_sentence(self) -> String {
        format!("Lengths are in pixels: {}.", self.reason_clause())
    }
}

/// A region of an ultrasound picture (item of the Sequence of Ultrasound Regions).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScaledRegion {
    /// First column and row.
    pub low: [u32; 2],
    /// Last column and row, which belong to it.
    pub high: [u32; 2],
    /// The distance between pixels; `None` where it does not show lengths in both directions.
    pub spacing: Option<PixelSpacing>,
    /// Region Flags: where regions overlap, the pixels are those of one that has priority.
    pub has_priority: bool,
}

impl ScaledRegion {
    /// True where pixel (`column`, `row`) is in it.
    pub fn contains_pixel(&self, column: usize, row: usize) -> bool {
        let within =
            |v: usize, i: usize| (self.low[i] as usize..=self.high[i] as usize).contains(&v);
        within(column, 0) && within(row, 1)
    }

    fn pixel_area(&self) -> u64 {
        let side = |i: usize| u64::from(self.high[i].saturating_sub(self.low[i])) + 1;
        side(0) * side(1)
    }

    /// Whose pixels are seen where both are: those with priority, then the smaller one's, which else could not be seen.
    fn overlap_rank(&self) -> (bool, std::cmp::Reverse<u64>) {
        (self.has_priority, std::cmp::Reverse(self.pixel_area()))
    }

    fn has_scale_of(&self, other: &Self) -> bool {
        match (self.spacing, other.spacing) {
            (Some(a), Some(b)) => is_same_spacing(a, b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }
}

/// Within a thousandth.
fn is_same_spacing(a: PixelSpacing, b: PixelSpacing) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-3 * a.abs();
    close(a.row, b.row) && close(a.column, b.column)
}

/// The scale of a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scale {
    /// Of the whole picture.
    pub spacing: Option<PixelSpacing>,
    /// Where there are any, lengths are known in them alone.
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

/// The spacing that all regions agree on; `None` where there are none, they differ, or one shows no lengths: what is true
/// for a part is not true for the picture.
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
    /// The distance between pixels for what covers the pixels of `label`, all of them.
    ///
    /// # Errors
    /// Why there is none.
    pub fn of_label(&self, mask: &Mask, label: u8) -> Result<PixelSpacing, NoLength> {
        if self.regions.is_empty() {
            return match self.spacing {
                Some(spacing) if spacing.is_physical() => Ok(spacing),
                Some(_) => Err(NoLength::ShapeOnly),
                None => Err(NoLength::Unknown),
            };
        }
        let columns = mask.columns().max(1);
        let pixels = || {
            mask.pixel_labels()
                .iter()
                .enumerate()
                .filter(|(_, l)| **l == label)
        };
        let total = pixels().count();
        let mut inside = vec![0; self.regions.len()];
        let mut is_anywhere = true;
        for (i, _) in pixels() {
            let (column, row) = (i % columns, i / columns);
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

    /// The spacing of the region that holds all pixels, and whose pixels they are; `None` where there is no such region.
    fn whole_region(
        &self,
        inside: &[usize],
        total: usize,
    ) -> Option<Result<PixelSpacing, NoLength>> {
        let touched = || {
            self.regions
                .iter()
                .zip(inside)
                .filter(|(_, count)| **count > 0)
        };
        let holders = touched()
            .filter(|(_, count)| **count == total)
            .map(|(region, _)| region);
        let is_covered = |region: &ScaledRegion| {
            touched().any(|(other, _)| {
                !other.has_scale_of(region) && other.overlap_rank() >= region.overlap_rank()
            })
        };
        let region = holders
            .filter(|region| !is_covered(region))
            .max_by_key(|region| region.overlap_rank())?;
        Some(region.spacing.ok_or(NoLength::NoLengthsInRegion))
    }

    /// The distance between pixels that is true for all of the picture.
    pub fn uniform_spacing(&self) -> Option<PixelSpacing> {
        if self.regions.is_empty() {
            return self.spacing.filter(PixelSpacing::is_physical);
        }
        common_spacing(&self.regions)
    }

    /// The distance between pixels that is true all along a row from one column to another, both belonging to it.
    pub fn along_row(
        &self,
        row: usize,
        columns: std::ops::RangeInclusive<usize>,
    ) -> Option<PixelSpacing> {
        if let Some(common) = self.uniform_spacing() {
            return Some(common);
        }
        // A region begins or ends between columns, so its borders are all that has to be looked at.
        let borders = self
            .regions
            .iter()
            .flat_map(|r| [r.low[0] as usize, (r.high[0] as usize).saturating_add(1)]);
        let inside = borders.filter(|column| columns.contains(column));
        let first = self.spacing_at(*columns.start(), row)?;
        inside
            .chain([*columns.end()])
            .all(|c| {
                self.spacing_at(c, row)
                    .is_some_and(|s| is_same_spacing(first, s))
            })
            .then_some(first)
    }

    /// The distance between pixels at a pixel.
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

    /// Pixels of label 1 on a picture of 20 x 10.
    fn mask(pixels: &[(usize, usize)]) -> Mask {
        let label = |i: usize| u8::from(pixels.contains(&(i % 20, i / 20)));
        Mask::from_labels(20, 10, (0..200).map(label).collect()).unwrap()
    }

    #[test]
    fn a_label_has_the_scale_of_the_region_that_it_lies_in() {
        let regions = vec![
            region([0, 0], [9, 9], Some(0.4)),
            region([10, 0], [15, 9], Some(0.1)),
            region([16, 0], [18, 9], None),
        ];
        // Pixel Spacing of the whole picture is no scale for a part of it.
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
    fn a_box_of_colour_flow_in_the_picture_parts_it_only_where_its_scale_differs() {
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
    fn regions_that_agree_are_the_scale_of_the_picture_and_others_are_none() {
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
            "the other shows no lengths"
        );
        assert_eq!(common_spacing(&[]), None);
        let all = Scale {
            spacing: None,
            regions: alike.to_vec(),
        };
        assert_eq!(all.along_row(3, 0..=99).map(|s| s.row), Some(0.4));
    }

    #[test]
    fn a_row_across_regions_has_no_scale_and_one_within_a_region_has_its() {
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
    }
}

//! Prompts: clicks, boxes and scribbles that indicate an object, and clicks of a simulated user.

pub mod stored;

use super::{
    distance::distance_to,
    region::{Region, Span},
    tools::fill::connected_region,
};
use serde::{Deserialize, Serialize};

/// One prompt for the object to segment.
///
/// Points are x, then y, in pixels of the image: x to the right and y down from the upper left
/// corner of the first pixel, whose centre is (0.5, 0.5). They may lie outside of the image. In
/// JSON: `{"click": {"at": [3.5, 8.5], "adds": true}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prompt {
    /// A point on the object or on the background.
    Click {
        /// Position.
        at: [f64; 2],
        /// True for a positive click, on the object.
        adds: bool,
    },
    /// A rectangle around the object, not necessarily close.
    Box {
        /// One of its corners.
        from: [f64; 2],
        /// The opposite corner, in any direction.
        to: [f64; 2],
    },
    /// A line inside the object or inside the background.
    Scribble {
        /// Points in the order of drawing, joined by straight lines.
        points: Vec<[f64; 2]>,
        /// True for a positive scribble, inside the object.
        adds: bool,
    },
}

/// An input channel of a network that is computed from the image and its prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComputedChannel {
    /// The probability from a random walker whose seeds are the prompts.
    Walker,
    /// Proximity to the positive prompts by geodesic distance.
    Proximity,
}

impl Prompt {
    /// True for positive prompts (a box is one), false for negative ones.
    pub fn adds(&self) -> bool {
        match self {
            Self::Click { adds, .. } | Self::Scribble { adds, .. } => *adds,
            Self::Box { .. } => true,
        }
    }

    /// The smallest and the largest x and y, in pixels of the image; plus and minus infinity for a
    /// scribble without points, so that it does not widen common bounds.
    pub fn bounds(&self) -> ([f64; 2], [f64; 2]) {
        match self {
            Self::Click { at, .. } => (*at, *at),
            Self::Box { from, to } => bounds_of(&[*from, *to]),
            Self::Scribble { points, .. } => bounds_of(points),
        }
    }

    /// The same prompt at other places: `f` converts each of its points. A box becomes the one around its four converted
    /// corners.
    pub fn map_places(&self, f: impl Fn([f64; 2]) -> [f64; 2]) -> Self {
        match self {
            Self::Click { at, adds } => Self::Click {
                at: f(*at),
                adds: *adds,
            },
            Self::Box { from, to } => {
                let corners = [*from, [to[0], from[1]], *to, [from[0], to[1]]];
                let (low, high) = bounds_of(&corners.map(f));
                Self::Box {
                    from: low,
                    to: high,
                }
            }
            Self::Scribble { points, adds } => Self::Scribble {
                points: points.iter().map(|at| f(*at)).collect(),
                adds: *adds,
            },
        }
    }
}

/// An object that a person has segmented with prompts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromptedObject {
    /// Value of its label in masks, 1..=255.
    pub label: u8,
    /// Its prompts, oldest first.
    pub prompts: Vec<Prompt>,
}

impl PromptedObject {
    /// The same object in an image that is `factor` times as large.
    pub fn scaled(&self, factor: f64) -> Self {
        let scale = |prompt: &Prompt| prompt.map_places(|at| at.map(|v| v * factor));
        Self {
            label: self.label,
            prompts: self.prompts.iter().map(scale).collect(),
        }
    }
}

/// The level, 0..=255, that a probability of 0..=1 is kept as between prompts: a byte for each pixel
/// of the image. The object holds the levels from 128 on, which are the probabilities from 0.5 on.
pub fn level_of_probability(probability: f32) -> u8 {
    (probability.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}

/// The probability, 0..=1, that a level stands for.
pub fn probability_of_level(level: u8) -> f32 {
    f32::from(level) / 255.0
}

/// The smallest and the largest x and y; plus and minus infinity without points.
fn bounds_of(points: &[[f64; 2]]) -> ([f64; 2], [f64; 2]) {
    let nowhere = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    points.iter().fold(nowhere, |(low, high), p| {
        (
            [low[0].min(p[0]), low[1].min(p[1])],
            [high[0].max(p[0]), high[1].max(p[1])],
        )
    })
}

/// The next click of a simulated user who corrects `found` towards the ground truth `truth`: in the
/// largest error component (4-connected), at the centre of the pixel farthest from its outside; of
/// several such pixels the first in row order.
///
/// Positive for missing pixels, negative for extra ones. Of components of equal size the missing
/// ones come first, then the uppermost. Beyond the image border counts as outside. `None` if the
/// masks are equal. Both masks hold `columns * rows` pixels, row by row. This is how papers on
/// interactive segmentation count clicks (Xu et al. 2016, "Deep Interactive Object Selection";
/// Sofiiuk et al. 2022, "Reviving Iterative Training with Mask Guidance for Interactive
/// Segmentation").
pub fn next_click(truth: &[bool], found: &[bool], columns: usize, rows: usize) -> Option<Prompt> {
    let missing = largest_piece(&pixels_without(truth, found), columns, rows);
    let extra = largest_piece(&pixels_without(found, truth), columns, rows);
    let adds = missing.len() >= extra.len();
    let at = deepest_point(if adds { &missing } else { &extra })?;
    Some(Prompt::Click { at, adds })
}

/// The pixels of `mask` that are not in `other`.
fn pixels_without(mask: &[bool], other: &[bool]) -> Vec<bool> {
    mask.iter().zip(other).map(|(a, b)| *a && !*b).collect()
}

/// The largest 4-connected component of a mask; of several of equal size the one whose first pixel
/// comes first in row order. Empty if the mask is.
fn largest_piece(mask: &[bool], columns: usize, rows: usize) -> Region {
    let mut seen = vec![false; mask.len()];
    let mut largest = Region::default();
    let mut pixels = 0;
    for row in 0..rows {
        for column in 0..columns {
            let i = row * columns + column;
            if !mask[i] || seen[i] {
                continue;
            }
            let piece = connected_region(columns, rows, (column, row), |k| mask[k]);
            for Span { row, start, end } in piece.spans() {
                seen[row * columns + start..row * columns + end].fill(true);
            }
            if piece.len() > pixels {
                pixels = piece.len();
                largest = piece;
            }
        }
    }
    largest
}

/// The centre of the pixel farthest from the outside of the region; of several the first in row
/// order. `None` for an empty region.
fn deepest_point(region: &Region) -> Option<[f64; 2]> {
    let bounds = region.bounds();
    // A margin of one pixel, because beyond the image border is outside the region.
    let width = bounds.columns.len() + 2;
    let height = bounds.rows.len() + 2;
    let mut outside = vec![true; width * height];
    for span in region.spans() {
        let first = (span.row + 1 - bounds.rows.start) * width + 1;
        let inside =
            first + span.start - bounds.columns.start..first + span.end - bounds.columns.start;
        outside[inside].fill(false);
    }
    let mut deepest = (0, 0.0);
    let depths = distance_to(&outside, width, height, [1.0, 1.0]);
    for (i, depth) in depths.into_iter().enumerate() {
        if depth > deepest.1 {
            deepest = (i, depth);
        }
    }
    let x = deepest.0 % width;
    let y = deepest.0 / width;
    (deepest.1 > 0.0).then(|| {
        [
            (bounds.columns.start + x) as f64 - 0.5,
            (bounds.rows.start + y) as f64 - 0.5,
        ]
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: usize = 12;
    const ROWS: usize = 10;

    /// Ground truth and prediction: `m` is missing, `x` extra, `b` in both.
    fn masks(picture: &[&str]) -> (Vec<bool>, Vec<bool>, usize) {
        let pixels: Vec<char> = picture.iter().flat_map(|row| row.chars()).collect();
        (
            pixels.iter().map(|c| "mb".contains(*c)).collect(),
            pixels.iter().map(|c| "xb".contains(*c)).collect(),
            picture[0].len(),
        )
    }

    fn clicked(picture: &[&str]) -> Option<([f64; 2], bool)> {
        let (truth, found, columns) = masks(picture);
        match next_click(&truth, &found, columns, picture.len())? {
            Prompt::Click { at, adds } => Some((at, adds)),
            _ => None,
        }
    }

    /// Squared distance from a pixel to the nearest one outside the component.
    fn squared_depth(piece: &Region, x: usize, y: usize) -> usize {
        let rim = (x + 1).min(y + 1).min(COLUMNS - x).min(ROWS - y);
        (0..COLUMNS * ROWS)
            .map(|i| (i % COLUMNS, i / COLUMNS))
            .filter(|(column, row)| !piece.contains(*column, *row))
            .map(|(column, row)| column.abs_diff(x).pow(2) + row.abs_diff(y).pow(2))
            .fold(rim * rim, usize::min)
    }

    fn click_by_search(truth: &[bool], found: &[bool]) -> Option<Prompt> {
        let mut best: Option<(Region, usize, Prompt)> = None;
        let missing = (true, pixels_without(truth, found));
        let extra = (false, pixels_without(found, truth));
        for (adds, error) in [missing, extra] {
            for i in (0..error.len()).filter(|i| error[*i]) {
                let (x, y) = (i % COLUMNS, i / COLUMNS);
                let piece = connected_region(COLUMNS, ROWS, (x, y), |k| error[k]);
                let depth = squared_depth(&piece, x, y);
                // Depth is compared within a component only.
                let is_better = best.as_ref().is_none_or(|(old, old_depth, _)| {
                    piece.len() > old.len() || (piece == *old && depth > *old_depth)
                });
                if is_better {
                    let at = [x as f64 + 0.5, y as f64 + 0.5];
                    best = Some((piece, depth, Prompt::Click { at, adds }));
                }
            }
        }
        best.map(|(_, _, click)| click)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_click_agrees_with_an_exhaustive_search(
            truth in proptest::collection::vec(proptest::bool::weighted(0.7), COLUMNS * ROWS),
            found in proptest::collection::vec(proptest::bool::weighted(0.4), COLUMNS * ROWS),
        ) {
            let click = next_click(&truth, &found, COLUMNS, ROWS);
            prop_assert_eq!(click, click_by_search(&truth, &found));
        }
    }

    /// Expected: `click()` of clicks.py, which uses scipy's `label` and `distance_transform_edt`.
    #[test]
    fn clicks_agree_with_the_script_that_measures_other_programs() {
        let blob = [
            "..........",
            "..mmmmm...",
            "..mmmmm.x.",
            "..mmmbm...",
            "..mmmmm...",
            "..........",
        ];
        assert_eq!(clicked(&blob), Some(([3.5, 2.5], true)));
        let at_the_rim = ["mmmmm", "mmmmm", "mmmmm", "mmmmm", "....."];
        assert_eq!(clicked(&at_the_rim), Some(([1.5, 1.5], true)));
        let as_large = [".xxxx.mmm.", ".xxxx.mmm.", ".xxxx.mmm.", ".........."];
        assert_eq!(clicked(&as_large), Some(([2.5, 1.5], false)));
        let joined_by_a_corner = ["mm..", "..mm", "xxx."];
        assert_eq!(clicked(&joined_by_a_corner), Some(([0.5, 2.5], false)));
        let of_one_size = [".mm....", "..m....", "....xx.", ".....x."];
        assert_eq!(clicked(&of_one_size), Some(([1.5, 0.5], true)));
    }

    #[test]
    fn a_level_stands_for_its_own_probability() {
        for level in 0..=u8::MAX {
            let probability = probability_of_level(level);
            assert_eq!(level_of_probability(probability), level);
            assert_eq!(probability >= 0.5, level >= 128);
        }
        assert_eq!(level_of_probability(0.5), 128);
        assert_eq!(level_of_probability(0.499_999_97), 127);
        assert_eq!([-1.0, 2.0, f32::NAN].map(level_of_probability), [0, 255, 0]);
    }

    #[test]
    fn there_is_no_click_without_an_error() {
        assert_eq!(clicked(&["bbb", "b.b"]), None);
        assert_eq!(next_click(&[], &[], 0, 0), None);
    }

    #[test]
    fn prompts_have_a_sign_and_bounds() {
        let click = Prompt::Click {
            at: [3.0, 8.5],
            adds: false,
        };
        assert!(!click.adds());
        assert_eq!(click.bounds(), ([3.0, 8.5], [3.0, 8.5]));
        let rectangle = Prompt::Box {
            from: [9.0, 2.0],
            to: [4.0, 6.0],
        };
        assert!(rectangle.adds());
        assert_eq!(rectangle.bounds(), ([4.0, 2.0], [9.0, 6.0]));
        let points = vec![[1.0, 5.0], [2.0, -1.0], [0.5, 3.0]];
        let scribble = Prompt::Scribble { points, adds: true };
        assert_eq!(scribble.bounds(), ([0.5, -1.0], [2.0, 5.0]));
    }

    #[test]
    fn prompts_are_placed_anew_and_boxes_stay_upright() {
        let turned = |[x, y]: [f64; 2]| [-y, x];
        let rectangle = Prompt::Box {
            from: [9.0, 2.0],
            to: [4.0, 6.0],
        };
        let expected = Prompt::Box {
            from: [-6.0, 4.0],
            to: [-2.0, 9.0],
        };
        assert_eq!(rectangle.map_places(turned), expected);
        let object = PromptedObject {
            label: 3,
            prompts: vec![
                Prompt::Click {
                    at: [4.0, 6.0],
                    adds: false,
                },
                Prompt::Scribble {
                    points: vec![[2.0, 1.0], [3.0, 8.0]],
                    adds: true,
                },
            ],
        };
        let half = object.scaled(0.5);
        assert_eq!(half.label, 3);
        assert_eq!(half.prompts[0].bounds(), ([2.0, 3.0], [2.0, 3.0]));
        assert_eq!(half.prompts[1].bounds(), ([1.0, 0.5], [1.5, 4.0]));
        assert!(!half.prompts[0].adds() && half.prompts[1].adds());
    }

    #[test]
    fn prompts_are_written_as_json_and_read_back() {
        let prompts = [
            Prompt::Click {
                at: [0.5, 1.5],
                adds: true,
            },
            Prompt::Box {
                from: [0.0, 1.0],
                to: [2.0, 3.0],
            },
            Prompt::Scribble {
                points: vec![[1.0, 2.0]],
                adds: false,
            },
        ];
        let text = serde_json::to_string(&prompts).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"[{"click":{"at":[0.5,1.5],"adds":true}},"#,
                r#"{"box":{"from":[0.0,1.0],"to":[2.0,3.0]}},"#,
                r#"{"scribble":{"points":[[1.0,2.0]],"adds":false}}]"#
            )
        );
        assert_eq!(serde_json::from_str::<Vec<Prompt>>(&text).unwrap(), prompts);
    }
}

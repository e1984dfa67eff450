//! Shutters: the part of an image outside of which pixels are hidden. PS3.3 C.7.6.11.

use super::GraphicPoint;
use crate::region::{Region, Span};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The part of an image that is shown, in pixels from its upper left corner. A pixel is shown if its centre is inside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Shutter {
    /// A rectangle.
    Rectangle {
        /// Left and upper edge.
        low: GraphicPoint,
        /// Right and lower edge.
        high: GraphicPoint,
    },
    /// A circle.
    Circle {
        /// Its centre.
        center: GraphicPoint,
        /// Its radius in pixels.
        radius: f32,
    },
    /// A polygon with at least three corners; the last is joined to the first.
    Polygon(Vec<GraphicPoint>),
}

impl Shutter {
    /// The columns of a row that it shows, in order, as stretches from the centre of a pixel to another one.
    fn shown_stretches(&self, row: usize) -> Vec<[f32; 2]> {
        let y = row as f32 + 0.5;
        match self {
            Self::Rectangle { low, high } if (low[1]..=high[1]).contains(&y) => {
                vec![[low[0], high[0]]]
            }
            Self::Rectangle { .. } => Vec::new(),
            Self::Circle { center, radius } => {
                let square = radius * radius - (y - center[1]).powi(2);
                if square < 0.0 {
                    return Vec::new();
                }
                let half = square.sqrt();
                vec![[center[0] - half, center[0] + half]]
            }
            Self::Polygon(corners) => stretches_of_polygon(corners, y),
        }
    }

    /// The columns of a row whose centres it shows, in order.
    fn shown_columns(&self, row: usize, columns: usize) -> Vec<Range<usize>> {
        /// Centres on the edge are inside, also after rounding.
        const SLACK: f32 = 1e-3;
        let last = columns as f32;
        self.shown_stretches(row)
            .into_iter()
            .map(|[left, right]| {
                let start = (left - 0.5 - SLACK).ceil().clamp(0.0, last) as usize;
                let end = ((right - 0.5 + SLACK).floor() + 1.0).clamp(0.0, last) as usize;
                start..end.max(start)
            })
            .collect()
    }
}

/// Where a row at height `y` is inside of a polygon (even-odd rule).
fn stretches_of_polygon(corners: &[GraphicPoint], y: f32) -> Vec<[f32; 2]> {
    let next = corners.iter().cycle().skip(1);
    let mut crossings: Vec<f32> = corners
        .iter()
        .zip(next)
        .filter(|(a, b)| (a[1] <= y) != (b[1] <= y))
        .map(|(a, b)| a[0] + (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]))
        .collect();
    crossings.sort_by(f32::total_cmp);
    crossings.as_chunks::<2>().0.to_vec()
}

/// The pixels of an image that one of the shutters hides: those outside of any of them.
pub fn hidden_pixels(shutters: &[Shutter], columns: usize, rows: usize) -> Region {
    let mut hidden = Vec::new();
    for row in 0..rows {
        for shutter in shutters {
            let mut from = 0;
            for shown in shutter.shown_columns(row, columns) {
                hidden.push(Span {
                    row,
                    start: from,
                    end: shown.start.max(from),
                });
                from = from.max(shown.end);
            }
            hidden.push(Span {
                row,
                start: from,
                end: columns,
            });
        }
    }
    Region::from_spans(hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which pixels of an image are shown, row by row.
    fn picture(shutters: &[Shutter], columns: usize, rows: usize) -> Vec<String> {
        let hidden = hidden_pixels(shutters, columns, rows);
        let letter = |column, row| {
            if hidden.contains(column, row) {
                '.'
            } else {
                '#'
            }
        };
        (0..rows)
            .map(|row| (0..columns).map(|column| letter(column, row)).collect())
            .collect()
    }

    #[test]
    fn without_shutters_nothing_is_hidden() {
        assert!(hidden_pixels(&[], 5, 4).is_empty());
    }

    #[test]
    fn a_rectangle_shows_the_pixels_between_its_edges() {
        let rectangle = Shutter::Rectangle {
            low: [1.0, 1.0],
            high: [4.0, 3.0],
        };
        assert_eq!(
            picture(&[rectangle], 6, 4),
            ["......", ".###..", ".###..", "......"]
        );
    }

    #[test]
    fn a_circle_shows_the_pixels_with_their_centre_in_it() {
        let circle = Shutter::Circle {
            center: [2.5, 2.5],
            radius: 2.0,
        };
        assert_eq!(
            picture(&[circle], 5, 5),
            ["..#..", ".###.", "#####", ".###.", "..#.."]
        );
    }

    #[test]
    fn a_polygon_with_a_notch_shows_both_sides_of_it() {
        let notched = Shutter::Polygon(vec![
            [0.0, 0.0],
            [2.0, 0.0],
            [2.0, 2.0],
            [4.0, 2.0],
            [4.0, 0.0],
            [6.0, 0.0],
            [6.0, 3.0],
            [0.0, 3.0],
        ]);
        assert_eq!(
            picture(&[notched], 7, 4),
            ["##..##.", "##..##.", "######.", "......."]
        );
    }

    #[test]
    fn several_shutters_show_what_is_inside_of_all() {
        let left = Shutter::Rectangle {
            low: [0.0, 0.0],
            high: [3.0, 2.0],
        };
        let right = Shutter::Rectangle {
            low: [2.0, -5.0],
            high: [90.0, 90.0],
        };
        assert_eq!(picture(&[left, right], 5, 3), ["..#..", "..#..", "....."]);
    }
}

//! Which part of the image the network sees, and which of its changes to the mask are kept.

use super::{
    encode::along,
    shapes::{bounds_of, connected_pieces},
    view::{Bounds, View},
};
use labrum_core::prompts::{Prompt, level_of_probability, probability_of_level};

/// Pixels with at least this probability belong to the object.
pub const THRESHOLD: f32 = 0.5;
/// Factor by which the margin grows if the mask touches the border of the view.
pub const WIDER: f64 = 2.5;
/// Distance within which a click or scribble touches a connected component, in pixels; larger in proportion if the longer
/// side of the image exceeds 256 pixels.
const REACH: f64 = 3.0;

/// The pixels that belong to the object.
pub fn to_mask(probabilities: &[f32]) -> Vec<bool> {
    probabilities.iter().map(|p| *p >= THRESHOLD).collect()
}

/// The bounds of prompts and mask, in pixels of the image; `None` if there are neither.
pub fn bounds_of_all(prompts: &[Prompt], mask: &[bool], columns: usize) -> Option<Bounds> {
    let of_mask = bounds_of(mask, columns).map(|rect| {
        (
            [rect.columns.start as f64, rect.rows.start as f64],
            [rect.columns.end as f64, rect.rows.end as f64],
        )
    });
    prompts
        .iter()
        .map(Prompt::bounds)
        .chain(of_mask)
        .filter(|(low, high)| low.iter().chain(high).all(|v| v.is_finite()))
        .reduce(|(low, high), (other_low, other_high)| {
            (
                [low[0].min(other_low[0]), low[1].min(other_low[1])],
                [high[0].max(other_high[0]), high[1].max(other_high[1])],
            )
        })
}

/// True if the mask touches a side of the view that is not also a side of the image: the object may extend beyond the
/// view. `inside` is the mask in the view, `side * side` pixels.
pub fn touches_border(
    inside: &[bool],
    side: usize,
    view: &View,
    columns: usize,
    rows: usize,
) -> bool {
    let margin = view.scale(side);
    let ends = [
        (view.left > margin, 0, side),
        (
            view.left + view.side < columns as f64 - margin,
            side - 1,
            side,
        ),
    ];
    let on_columns = ends.iter().any(|&(open, column, step)| {
        open && inside.iter().skip(column).step_by(step).any(|flag| *flag)
    });
    let last = side * (side - 1);
    let on_rows = (view.top > margin && inside[..side].contains(&true))
        || (view.top + view.side < rows as f64 - margin && inside[last..].contains(&true));
    on_columns || on_rows
}

/// Removes the connected components of the object that no positive prompt touches (a click, a scribble or a box), by
/// lowering their probabilities below the threshold. Changes nothing if there is no positive prompt.
pub fn keep_prompted_pieces(
    probabilities: &mut [f32],
    prompts: &[Prompt],
    columns: usize,
    rows: usize,
) {
    if !prompts.iter().any(Prompt::adds) {
        return;
    }
    let adding = prompts.iter().filter(|prompt| prompt.adds());
    let is_prompted = prompted_pixels(adding, columns, rows);
    for piece in connected_pieces(&to_mask(probabilities), columns) {
        if !piece.iter().any(|at| is_prompted[*at]) {
            for at in piece {
                probabilities[at] = probabilities[at].min(THRESHOLD - 0.01);
            }
        }
    }
}

/// The new probabilities, except where they change the mask in a connected component that the newest prompt does not touch:
/// there the old ones are kept (progressive merge: Chen et al. 2022, "FocalClick").
pub fn merge_changes(
    old: &[f32],
    new: &[f32],
    newest: &Prompt,
    columns: usize,
    rows: usize,
) -> Vec<f32> {
    let before = to_mask(old);
    let after = to_mask(new);
    let is_prompted = prompted_pixels([newest], columns, rows);
    let mut merged = new.to_vec();
    for adds in [true, false] {
        let changed: Vec<bool> = before
            .iter()
            .zip(&after)
            .map(|(before, after)| before != after && *after == adds)
            .collect();
        for piece in connected_pieces(&changed, columns) {
            if !piece.iter().any(|at| is_prompted[*at]) {
                for at in piece {
                    merged[at] = old[at];
                }
            }
        }
    }
    merged
}

/// Adds the pixels under positive clicks and scribbles to the object and removes those under negative ones, so that every
/// prompt has an effect.
pub fn obey_prompts(probabilities: &mut [f32], prompts: &[Prompt], columns: usize, rows: usize) {
    for prompt in prompts {
        let (places, adds) = match prompt {
            Prompt::Click { at, adds } => (vec![*at], *adds),
            Prompt::Scribble { points, adds } => (along(points), *adds),
            Prompt::Box { .. } => continue,
        };
        let pixels = places.into_iter();
        for at in pixels.filter_map(|at| pixel_of(at, columns, rows)) {
            probabilities[at] = if adds {
                probabilities[at].max(THRESHOLD + 0.01)
            } else {
                probabilities[at].min(THRESHOLD - 0.01)
            };
        }
    }
}

/// Rounds probabilities to the levels that are kept between prompts ([`level_of_probability`]), so that the answer to the
/// next prompt is the same whether they were kept as levels, as in the window, or not.
pub fn round_to_levels(probabilities: &mut [f32]) {
    for probability in probabilities {
        *probability = probability_of_level(level_of_probability(*probability));
    }
}

/// Index of the pixel at a point; `None` outside of the image.
fn pixel_of([x, y]: [f64; 2], columns: usize, rows: usize) -> Option<usize> {
    let is_within = x >= 0.0 && y >= 0.0 && x < columns as f64 && y < rows as f64;
    is_within.then(|| y as usize * columns + x as usize)
}

/// The pixels that the prompts touch: those near clicks and scribbles, and those in boxes.
fn prompted_pixels<'a>(
    prompts: impl IntoIterator<Item = &'a Prompt>,
    columns: usize,
    rows: usize,
) -> Vec<bool> {
    let reach = REACH * (columns.max(rows) as f64 / 256.0).max(1.0);
    let mut plane = vec![false; columns * rows];
    for prompt in prompts {
        let rectangles = match prompt {
            Prompt::Click { at, .. } => vec![square_around(*at, reach)],
            Prompt::Scribble { points, .. } => along(points)
                .into_iter()
                .map(|at| square_around(at, reach))
                .collect(),
            Prompt::Box { from, to } => vec![(
                [from[0].min(to[0]), from[1].min(to[1])],
                [from[0].max(to[0]), from[1].max(to[1])],
            )],
        };
        for rectangle in rectangles {
            fill_rectangle(&mut plane, columns, rows, rectangle);
        }
    }
    plane
}

fn square_around(at: [f64; 2], reach: f64) -> Bounds {
    (at.map(|v| v - reach), at.map(|v| v + reach))
}

/// Sets the pixels that a rectangle touches.
fn fill_rectangle(plane: &mut [bool], columns: usize, rows: usize, (low, high): Bounds) {
    let start = |axis: usize, end: usize| low[axis].floor().clamp(0.0, end as f64) as usize;
    let end = |axis: usize, end: usize| high[axis].ceil().clamp(0.0, end as f64) as usize;
    for row in start(1, rows)..end(1, rows) {
        let first = row * columns;
        plane[first + start(0, columns)..first + end(0, columns)].fill(true);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const COLUMNS: usize = 20;
    const ROWS: usize = 10;

    fn click(x: f64, y: f64, adds: bool) -> Prompt {
        Prompt::Click { at: [x, y], adds }
    }

    /// Probabilities that are 0.9 in some columns and 0.1 elsewhere.
    fn stripes(of: &[[usize; 2]]) -> Vec<f32> {
        (0..COLUMNS * ROWS)
            .map(|at| {
                let column = at % COLUMNS;
                let is_in = of.iter().any(|[a, b]| (*a..*b).contains(&column));
                if is_in { 0.9 } else { 0.1 }
            })
            .collect()
    }

    #[test]
    fn bounds_hold_prompts_and_mask() {
        let mask = to_mask(&stripes(&[[4, 6]]));
        let prompts = [click(9.5, 3.5, false)];
        let bounds = bounds_of_all(&prompts, &mask, COLUMNS).unwrap();
        assert_eq!(bounds, ([4.0, 0.0], [9.5, 10.0]));
        assert_eq!(bounds_of_all(&[], &[false; 200], COLUMNS), None);
    }

    #[test]
    fn components_without_a_click_are_removed() {
        let mut found = stripes(&[[2, 5], [12, 15]]);
        keep_prompted_pieces(&mut found, &[click(3.5, 5.5, true)], COLUMNS, ROWS);
        assert_eq!(to_mask(&found), to_mask(&stripes(&[[2, 5]])));
        let mut all = stripes(&[[2, 5], [12, 15]]);
        keep_prompted_pieces(&mut all, &[click(18.5, 5.5, false)], COLUMNS, ROWS);
        assert_eq!(all, stripes(&[[2, 5], [12, 15]]));
    }

    #[test]
    fn a_click_changes_only_the_component_that_it_touches() {
        let old = stripes(&[[2, 5]]);
        let new = stripes(&[[2, 8], [12, 15]]);
        let merged = merge_changes(&old, &new, &click(6.5, 5.5, true), COLUMNS, ROWS);
        assert_eq!(to_mask(&merged), to_mask(&stripes(&[[2, 8]])));
        let gone = stripes(&[[12, 15]]);
        let merged = merge_changes(&old, &gone, &click(3.5, 5.5, false), COLUMNS, ROWS);
        assert!(!to_mask(&merged).contains(&true));
    }

    #[test]
    fn the_pixel_under_a_click_is_what_the_click_says() {
        let mut found = stripes(&[[2, 5]]);
        let prompts = [click(3.5, 5.5, false), click(9.5, 0.5, true)];
        obey_prompts(&mut found, &prompts, COLUMNS, ROWS);
        let mask = to_mask(&found);
        assert!(!mask[5 * COLUMNS + 3] && mask[9] && mask[5 * COLUMNS + 4]);
    }

    #[test]
    fn a_mask_at_the_border_of_the_image_does_not_extend_beyond_it() {
        let view = View {
            left: 0.0,
            top: 0.0,
            side: 10.0,
        };
        let touching =
            |column: usize| -> Vec<bool> { (0..100).map(|at| at % 10 == column).collect() };
        let inner_rows = |mask: Vec<bool>| -> Vec<bool> {
            let rows = mask.into_iter().enumerate();
            rows.map(|(at, flag)| flag && (1..9).contains(&(at / 10)))
                .collect()
        };
        assert!(!touches_border(&inner_rows(touching(0)), 10, &view, 20, 10));
        assert!(touches_border(&inner_rows(touching(9)), 10, &view, 20, 10));
        assert!(!touches_border(&inner_rows(touching(5)), 10, &view, 20, 10));
    }
}

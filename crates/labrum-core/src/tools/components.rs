//! Connected components of a region: the largest one, islands and holes.

use super::{
    super::region::{PixelRect, Region, Span},
    subtract_from_window,
};
use std::cmp::Reverse;

/// Connectivity of pixels in adjacent rows.
#[derive(Clone, Copy)]
enum Joined {
    /// Shared sides (4-connected), for background.
    BySides,
    /// Shared sides or corners (8-connected), for shapes.
    ByCorners,
}

/// The 8-connected components, largest first.
pub fn connected_components(region: &Region) -> Vec<Region> {
    let mut pieces = connected_pieces(region.spans(), Joined::ByCorners);
    pieces.sort_by_cached_key(|p| Reverse(p.len()));
    pieces
}

/// The largest component; the topmost one if several have the same size.
pub fn largest_component(region: &Region) -> Region {
    connected_components(region)
        .into_iter()
        .next()
        .unwrap_or_default()
}

/// The region without components of fewer than `smaller_than` pixels.
pub fn without_islands(region: &Region, smaller_than: usize) -> Region {
    union_pieces(
        connected_pieces(region.spans(), Joined::ByCorners)
            .into_iter()
            .filter(|p| p.len() >= smaller_than),
    )
}

/// The holes: pixels outside the region that are not 4-connected to the border of the image.
pub fn enclosed_holes(region: &Region) -> Region {
    let bounds = region.bounds();
    let outside = subtract_from_window(&bounds, region);
    let pieces = connected_pieces(outside.spans(), Joined::BySides).into_iter();
    // A piece that reaches the edge of the bounds is connected to the image border, as nothing lies in between.
    union_pieces(pieces.filter(|p| !p.spans().iter().any(|s| reaches_edge(s, &bounds))))
}

/// True if a span touches a side of the bounds.
#[inline]
fn reaches_edge(span: &Span, bounds: &PixelRect) -> bool {
    span.row == bounds.rows.start
        || span.row + 1 == bounds.rows.end
        || span.start == bounds.columns.start
        || span.end == bounds.columns.end
}

/// The region with its holes filled.
pub fn fill_holes(region: &Region) -> Region {
    region.union(&enclosed_holes(region))
}

fn union_pieces(pieces: impl Iterator<Item = Region>) -> Region {
    Region::from_spans(pieces.flat_map(|p| p.spans().to_vec()).collect())
}

/// The components, in the order of their first spans.
fn connected_pieces(spans: &[Span], how: Joined) -> Vec<Region> {
    let mut parents = build_span_forest(spans, how);
    let mut pieces: Vec<Vec<Span>> = Vec::new();
    let mut piece_of_root = vec![0; spans.len()];
    for (i, span) in spans.iter().enumerate() {
        let root = find_root(&mut parents, i);
        if root == i {
            piece_of_root[i] = pieces.len();
            pieces.push(Vec::new());
        }
        pieces[piece_of_root[root]].push(*span);
    }
    pieces.into_iter().map(Region::from_spans).collect()
}

/// Union-find forest over the spans: one tree per component, with its first span as root.
fn build_span_forest(spans: &[Span], how: Joined) -> Vec<usize> {
    let reach = match how {
        Joined::BySides => 0,
        Joined::ByCorners => 1,
    };
    let mut parents: Vec<usize> = (0..spans.len()).collect();
    let mut above = 0;
    for (i, span) in spans.iter().enumerate() {
        while (spans[above].row + 1, spans[above].end + reach) <= (span.row, span.start) {
            above += 1;
        }
        let joined = (above..i)
            .take_while(|k| spans[*k].row + 1 == span.row && spans[*k].start < span.end + reach);
        for k in joined {
            let a = find_root(&mut parents, i);
            let b = find_root(&mut parents, k);
            parents[a.max(b)] = a.min(b);
        }
    }
    parents
}

/// The root of a span's tree, with path halving.
fn find_root(parents: &mut [usize], mut i: usize) -> usize {
    while parents[i] != i {
        parents[i] = parents[parents[i]];
        i = parents[i];
    }
    i
}

#[cfg(test)]
mod tests {
    use super::{super::fill::connected_region, *};
    use crate::region::PixelRect;
    use proptest::prelude::*;

    const SIDE: usize = 13;

    fn region() -> impl Strategy<Value = Region> {
        let cells = proptest::collection::vec(proptest::bool::weighted(0.45), SIDE * SIDE);
        cells.prop_map(|c| {
            Region::from_fn(&PixelRect::full_frame(SIDE, SIDE), |x, y| c[y * SIDE + x])
        })
    }

    fn pixels(region: &Region) -> Vec<(usize, usize)> {
        region
            .spans()
            .iter()
            .flat_map(|s| (s.start..s.end).map(|x| (x, s.row)))
            .collect()
    }

    fn touch(a: &Region, b: &Region) -> bool {
        let b = pixels(b);
        pixels(a).iter().any(|p| {
            b.iter()
                .any(|q| p.0.abs_diff(q.0) <= 1 && p.1.abs_diff(q.1) <= 1)
        })
    }

    /// True if the region is 8-connected.
    fn is_one_piece(region: &Region) -> bool {
        let mut left = pixels(region);
        let mut open: Vec<_> = left.pop().into_iter().collect();
        while let Some(p) = open.pop() {
            let near = |q: &(usize, usize)| p.0.abs_diff(q.0) <= 1 && p.1.abs_diff(q.1) <= 1;
            open.extend(left.extract_if(.., |q| near(q)));
        }
        left.is_empty()
    }

    proptest! {
        #[test]
        fn components_are_connected_separate_and_cover_the_region(region in region()) {
            let found = connected_components(&region);
            prop_assert_eq!(&union_pieces(found.iter().cloned()), &region);
            prop_assert!(found.is_sorted_by(|a, b| a.len() >= b.len()));
            for (i, piece) in found.iter().enumerate() {
                prop_assert!(is_one_piece(piece));
                prop_assert!(found[..i].iter().all(|other| !touch(piece, other)));
            }
            prop_assert_eq!(largest_component(&region), found.first().cloned().unwrap_or_default());
            for pixels in [0, 1, 3, 1000] {
                let large = found.iter().filter(|p| p.len() >= pixels).cloned();
                prop_assert_eq!(without_islands(&region, pixels), union_pieces(large));
            }
        }

        #[test]
        fn holes_are_what_a_fill_from_the_border_does_not_reach(region in region()) {
            let outside = |x: usize, y: usize| connected_region(SIDE, SIDE, (x, y), |i| !region.contains(i % SIDE, i / SIDE));
            let rim = (0..SIDE).flat_map(|i| [(i, 0), (i, SIDE - 1), (0, i), (SIDE - 1, i)]);
            let reached = rim.fold(Region::default(), |r, (x, y)| r.union(&outside(x, y)));
            let expected = Region::full_frame(SIDE, SIDE).difference(&region).difference(&reached);
            prop_assert_eq!(&enclosed_holes(&region), &expected);
            prop_assert_eq!(fill_holes(&region), region.union(&expected));
        }
    }

    #[test]
    fn an_empty_region_has_no_components() {
        let none = Region::default();
        assert!(
            connected_components(&none).is_empty()
                && largest_component(&none).is_empty()
                && fill_holes(&none).is_empty()
        );
    }
}

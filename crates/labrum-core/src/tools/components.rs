//! Pieces of a region: the largest, islands, holes.

use super::{
    super::region::{Region, Span},
    subtract_from_window,
};
use std::cmp::Reverse;

/// How pixels of neighbouring rows have to lie to be of one piece.
#[derive(Clone, Copy)]
enum Joined {
    /// By a side: 4-connected, as background is.
    BySides,
    /// By a side or a corner: 8-connected, as shapes are.
    ByCorners,
}

/// The pieces that are joined by sides or corners of pixels (8-connected), the largest first.
pub fn connected_components(region: &Region) -> Vec<Region> {
    let mut pieces = connected_pieces(region.spans(), Joined::ByCorners);
    pieces.sort_by_cached_key(|p| Reverse(p.len()));
    pieces
}

/// The largest piece; of several as large the uppermost.
pub fn largest_component(region: &Region) -> Region {
    connected_components(region)
        .into_iter()
        .next()
        .unwrap_or_default()
}

/// The region without its pieces of fewer than `smaller_than` pixels.
pub fn without_islands(region: &Region, smaller_than: usize) -> Region {
    union_pieces(
        connected_pieces(region.spans(), Joined::ByCorners)
            .into_iter()
            .filter(|p| p.len() >= smaller_than),
    )
}

/// The pixels that the region encloses: those outside of it that no way along sides of pixels joins to the border of
/// the picture.
pub fn enclosed_holes(region: &Region) -> Region {
    let bounds = region.bounds();
    // What reaches the edge of the bounds reaches the border: beyond them nothing is in the way.
    let open = |s: &Span| {
        s.row == bounds.rows.start
            || s.row + 1 == bounds.rows.end
            || s.start == bounds.columns.start
            || s.end == bounds.columns.end
    };
    let outside = subtract_from_window(&bounds, region);
    union_pieces(
        connected_pieces(outside.spans(), Joined::BySides)
            .into_iter()
            .filter(|p| !p.spans().iter().any(open)),
    )
}

/// The region with its holes.
pub fn fill_holes(region: &Region) -> Region {
    region.union(&enclosed_holes(region))
}

fn union_pieces(pieces: impl Iterator<Item = Region>) -> Region {
    Region::from_spans(pieces.flat_map(|p| p.spans().to_vec()).collect())
}

/// The pieces in the order of their first span.
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

/// A forest over the spans with one tree for each piece; the root is its first span.
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
        let touching = |s: &Span| s.row + 1 == span.row && s.start < span.end + reach;
        for k in (above..i).take_while(|k| touching(&spans[*k])) {
            let (a, b) = (find_root(&mut parents, i), find_root(&mut parents, k));
            parents[a.max(b)] = a.min(b);
        }
    }
    parents
}

/// The root of a span's tree; the way to it is halved for the next search.
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

    /// True where steps of a king in chess lead from the first pixel to all.
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
        fn pieces_are_whole_apart_and_together_the_region(region in region()) {
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
    fn nothing_has_no_pieces() {
        let none = Region::default();
        assert!(
            connected_components(&none).is_empty()
                && largest_component(&none).is_empty()
                && fill_holes(&none).is_empty()
        );
    }
}

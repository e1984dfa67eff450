//! Superpixels: an image divided into regions of similar grey, from which objects can be assembled.

use crate::blur::{convolve_separable, half_gaussian};

/// Standard deviation of the initial Gaussian smoothing, in pixels, as in the paper.
const SMOOTHING: f32 = 0.8;

/// The superpixel number of each pixel, from 0 without gaps, in row order of their first pixels.
///
/// Felzenszwalb and Huttenlocher 2004, "Efficient Graph-Based Image Segmentation", on 8-connected
/// pixels: in ascending order of grey difference, two regions are joined if the difference between
/// them is at most, for both, the largest one inside the region plus `scale` divided by its number
/// of pixels. A larger `scale` (in grey values; 0.1..3 is useful) gives larger superpixels; 0.4 is
/// a scale of 100 in programs with grey values up to 255. Superpixels below `min_size` pixels are
/// then joined with the neighbour of the smallest difference.
///
/// Smoothing turns a sharp edge into a slope of a few pixels: if that has `min_size` pixels or
/// more, it is a thin superpixel of its own, as in other programs.
///
/// `grey` holds `columns * rows` values of 0..=1, row after row, fewer than 2^30.
pub fn superpixels(
    grey: &[f32],
    columns: usize,
    rows: usize,
    scale: f32,
    min_size: usize,
) -> Vec<u32> {
    let mut smooth = grey.to_vec();
    convolve_separable(&mut smooth, columns, &half_gaussian(SMOOTHING));
    let edges = sorted_edges(&smooth, columns, rows);
    let mut forest = Forest::with_single_pixels(columns * rows, scale);
    for edge in &edges {
        let (a, b) = forest.roots_of(edge.ends(columns));
        let limit = forest.limits[a].min(forest.limits[b]);
        if a != b && edge.difference() <= limit {
            let root = forest.join_trees(a, b);
            forest.limits[root] = edge.difference() + scale / forest.sizes[root] as f32;
        }
    }
    for edge in &edges {
        let (a, b) = forest.roots_of(edge.ends(columns));
        let smaller = forest.sizes[a].min(forest.sizes[b]) as usize;
        if a != b && smaller < min_size {
            forest.join_trees(a, b);
        }
    }
    forest.numbers_in_row_order()
}

/// The neighbours of each superpixel (4-connected), in ascending order, without duplicates.
///
/// `numbers` are those of [`superpixels`], `columns * rows`, row by row, from 0 without gaps.
pub fn neighbours(numbers: &[u32], columns: usize, rows: usize) -> Vec<Vec<u32>> {
    let numbers = &numbers[..numbers.len().min(columns * rows)];
    let beside = numbers
        .chunks_exact(columns.max(1))
        .flat_map(|row| row.iter().zip(row.iter().skip(1)));
    let below = numbers.iter().zip(numbers.iter().skip(columns));
    let mut pairs: Vec<(u32, u32)> = beside
        .chain(below)
        .filter(|(a, b)| a != b)
        .map(|(a, b)| (*a.min(b), *a.max(b)))
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    let count = numbers.iter().max().map_or(0, |last| *last as usize + 1);
    let mut found = vec![Vec::new(); count];
    // The pairs are sorted, so that each list is ascending.
    for (a, b) in pairs {
        found[a as usize].push(b);
        found[b as usize].push(a);
    }
    found
}

/// A pair of neighbouring pixels: the bits of their grey difference, then the index of the first
/// pixel, then two bits for the direction of the second. Edges sort by difference and then in row
/// order (floats that are not negative sort like their bits).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Edge(u64);

impl Edge {
    fn new(difference: f32, first: usize, direction: usize) -> Self {
        Self(u64::from(difference.to_bits()) << 32 | (first << 2 | direction) as u64)
    }

    fn difference(self) -> f32 {
        f32::from_bits((self.0 >> 32) as u32)
    }

    /// The indices of both pixels.
    fn ends(self, columns: usize) -> (usize, usize) {
        let first = (self.0 as u32 >> 2) as usize;
        (
            first,
            first + direction_offset(self.0 as usize & 3, columns),
        )
    }
}

/// Index offset from a pixel to its neighbour: right, or in the row below left, straight or right.
fn direction_offset(direction: usize, columns: usize) -> usize {
    match direction {
        0 => 1,
        _ => columns + direction - 2,
    }
}

/// All pairs of 8-connected pixels, in ascending order of difference.
fn sorted_edges(grey: &[f32], columns: usize, rows: usize) -> Vec<Edge> {
    let mut edges = Vec::with_capacity(4 * columns * rows);
    for y in 0..rows {
        for x in 0..columns {
            let there_is = [
                x + 1 < columns,
                x > 0 && y + 1 < rows,
                y + 1 < rows,
                x + 1 < columns && y + 1 < rows,
            ];
            let first = y * columns + x;
            for direction in (0..4).filter(|d| there_is[*d]) {
                let second = first + direction_offset(direction, columns);
                let difference = (grey[first] - grey[second]).abs();
                edges.push(Edge::new(difference, first, direction));
            }
        }
    }
    edges.sort_unstable();
    edges
}

/// Regions as a union-find forest of pixels.
struct Forest {
    /// Parent of each pixel; a root is its own.
    parents: Vec<u32>,
    /// Number of pixels of the tree; valid at roots.
    sizes: Vec<u32>,
    /// The largest grey difference at which the tree may be joined; valid at roots.
    limits: Vec<f32>,
}

impl Forest {
    fn with_single_pixels(pixels: usize, scale: f32) -> Self {
        Self {
            parents: (0..pixels as u32).collect(),
            sizes: vec![1; pixels],
            limits: vec![scale; pixels],
        }
    }

    /// The root of a pixel's tree, with path halving.
    fn root_of(&mut self, pixel: usize) -> usize {
        let mut i = pixel as u32;
        while self.parents[i as usize] != i {
            let above = self.parents[self.parents[i as usize] as usize];
            self.parents[i as usize] = above;
            i = above;
        }
        i as usize
    }

    fn roots_of(&mut self, (a, b): (usize, usize)) -> (usize, usize) {
        (self.root_of(a), self.root_of(b))
    }

    /// Joins the trees of two roots; returns the root of both.
    fn join_trees(&mut self, a: usize, b: usize) -> usize {
        let (large, small) = if self.sizes[a] >= self.sizes[b] {
            (a, b)
        } else {
            (b, a)
        };
        self.parents[small] = large as u32;
        self.sizes[large] += self.sizes[small];
        large
    }

    /// The tree number of each pixel, from 0 in order of their first pixels.
    fn numbers_in_row_order(&mut self) -> Vec<u32> {
        let mut number_of_root: Vec<Option<u32>> = vec![None; self.parents.len()];
        let mut next = 0;
        let mut numbers = Vec::with_capacity(self.parents.len());
        for pixel in 0..self.parents.len() {
            let root = self.root_of(pixel);
            numbers.push(*number_of_root[root].get_or_insert_with(|| {
                next += 1;
                next - 1
            }));
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::{super::components::connected_components, *};
    use crate::region::{PixelRect, Region};
    use proptest::prelude::*;

    const COLUMNS: usize = 14;
    const ROWS: usize = 11;

    fn grey() -> impl Strategy<Value = Vec<f32>> {
        proptest::collection::vec(0.0f32..=1.0, COLUMNS * ROWS)
    }

    fn region_of(numbers: &[u32], number: u32) -> Region {
        Region::from_fn(&PixelRect::full_frame(COLUMNS, ROWS), |x, y| {
            numbers[y * COLUMNS + x] == number
        })
    }

    proptest! {
        #[test]
        fn every_superpixel_is_connected_and_large_enough(
            grey in grey(),
            scale in 0.0f32..4.0,
            min_size in 0usize..40,
        ) {
            let numbers = superpixels(&grey, COLUMNS, ROWS, scale, min_size);
            prop_assert_eq!(numbers.len(), COLUMNS * ROWS);
            let mut count = 0;
            for number in &numbers {
                prop_assert!(*number <= count, "numbers go up by one in row order");
                count = count.max(number + 1);
            }
            for number in 0..count {
                let region = region_of(&numbers, number);
                prop_assert!(region.len() >= min_size);
                prop_assert_eq!(connected_components(&region).len(), 1);
            }
        }

        #[test]
        fn noise_below_the_threshold_does_not_split(grey in grey(), scale in 0.1f32..3.0) {
            let noise = 0.99 * scale / (COLUMNS * ROWS) as f32;
            let faint: Vec<f32> = grey.iter().map(|v| 0.3 + noise * v).collect();
            let numbers = superpixels(&faint, COLUMNS, ROWS, scale, 0);
            prop_assert!(numbers.iter().all(|n| *n == 0));
        }

        #[test]
        fn neighbours_share_a_side(grey in grey()) {
            let numbers = superpixels(&grey, COLUMNS, ROWS, 0.3, 3);
            let found = neighbours(&numbers, COLUMNS, ROWS);
            for (number, near) in found.iter().enumerate() {
                let expected: Vec<u32> = (0..found.len() as u32)
                    .filter(|other| *other != number as u32)
                    .filter(|other| share_a_side(&numbers, number as u32, *other))
                    .collect();
                prop_assert_eq!(near, &expected);
            }
        }
    }

    fn share_a_side(numbers: &[u32], a: u32, b: u32) -> bool {
        (0..numbers.len()).any(|i| {
            let right = (i % COLUMNS + 1 < COLUMNS).then_some(i + 1);
            let below = (i + COLUMNS < numbers.len()).then_some(i + COLUMNS);
            right
                .into_iter()
                .chain(below)
                .any(|j| (numbers[i], numbers[j]) == (a, b) || (numbers[i], numbers[j]) == (b, a))
        })
    }

    fn check_blocks(
        shades: [f32; 3],
        scale: f32,
        min_size: usize,
        block_at: fn(usize, usize) -> u32,
    ) {
        let (columns, rows) = (48, 32);
        let blocks: Vec<u32> = (0..columns * rows)
            .map(|i| block_at(i % columns, i / columns))
            .collect();
        let grey: Vec<f32> = blocks.iter().map(|b| shades[*b as usize]).collect();
        assert!(superpixels(&grey, columns, rows, scale, min_size) == blocks);
    }

    /// scikit-image's `felzenszwalb` also finds three regions with these parameters.
    #[test]
    fn an_image_of_flat_blocks_gives_the_blocks() {
        check_blocks([0.2, 0.6, 0.3], 0.5, 60, |x, _| x as u32 / 16);
        check_blocks([0.2, 0.6, 0.9], 0.2, 100, |x, y| match (x, y) {
            (4..24, 4..24) => 1,
            (30..44, 8..28) => 2,
            _ => 0,
        });
    }

    #[test]
    fn the_neighbours_of_a_bar_are_the_bars_on_both_sides() {
        let numbers = [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2];
        let expected = [vec![1], vec![0, 2], vec![1]];
        assert_eq!(neighbours(&numbers, 6, 2), expected);
    }

    #[test]
    fn an_image_without_pixels_has_no_superpixels() {
        assert!(superpixels(&[], 0, 3, 1.0, 5).is_empty());
        assert!(neighbours(&[], 0, 3).is_empty());
        assert_eq!(superpixels(&[0.5], 1, 1, 1.0, 5), [0]);
    }
}

//! Random walker segmentation: the probability that a random walk, which tends not to cross edges, reaches the object before
//! the background.

use std::ops::Range;

/// What is known about a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seed {
    /// It belongs to the object.
    Object,
    /// It belongs to the background.
    Background,
    /// Nothing is known.
    Unknown,
}

/// Strength of edges: the default of `beta` in scikit-image.
const EDGE_WEIGHT: f32 = 130.0;
/// Added to the weight of each step, so that it is never 0. Between equal grey levels the weight is 1.
const LEAST_WEIGHT: f32 = 1e-6;
/// Root mean square residual at which the solver stops.
const TOLERANCE: f32 = 2e-3;
/// Maximum number of iterations at each resolution.
const MOST_STEPS: usize = 60;
/// The resolution is halved as long as both sides stay at least this long, in pixels.
const SHORTEST_SIDE: usize = 16;

/// For each pixel the probability, 0..=1, that a random walk from there reaches a seed of the object before one of the
/// background. 0 everywhere if there is no seed of the object.
///
/// A step to one of the four neighbours has the weight `exp(-13 d^2 / s)`, where `d` is the difference of `grey` (0..=1)
/// between the two pixels and `s` the standard deviation of `grey`, as in scikit-image. `grey` and `seeds` hold
/// `columns * rows` pixels, row after row. Grady 2006, "Random Walks for Image Segmentation".
///
/// The linear equations are solved approximately by conjugate gradients, starting from the solution at half the resolution.
/// Values are accurate to a few hundredths.
pub fn random_walker(grey: &[f32], columns: usize, rows: usize, seeds: &[Seed]) -> Vec<f32> {
    let pixels = columns * rows;
    if pixels == 0 || grey.len() != pixels || seeds.len() != pixels {
        return vec![0.0; pixels];
    }
    if !seeds.contains(&Seed::Object) {
        return vec![0.0; pixels];
    }
    let deviation = standard_deviation(grey).max(1e-3);
    solve_level(
        grey,
        columns,
        rows,
        seeds,
        -EDGE_WEIGHT / (10.0 * deviation),
    )
}

fn standard_deviation(values: &[f32]) -> f32 {
    let count = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / count;
    let squares: f32 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (squares / count).sqrt()
}

/// Solves the equations, starting from the solution at half the resolution if the image is large enough.
fn solve_level(
    grey: &[f32],
    columns: usize,
    rows: usize,
    seeds: &[Seed],
    exponent: f32,
) -> Vec<f32> {
    let mut start = if columns.min(rows) < 2 * SHORTEST_SIDE {
        vec![0.5; grey.len()]
    } else {
        let half_columns = columns.div_ceil(2);
        let half_rows = rows.div_ceil(2);
        let (half_grey, half_seeds) = halve(grey, columns, rows, seeds);
        let coarse = solve_level(&half_grey, half_columns, half_rows, &half_seeds, exponent);
        (0..grey.len())
            .map(|at| coarse[at / columns / 2 * half_columns + at % columns / 2])
            .collect()
    };
    for (value, seed) in start.iter_mut().zip(seeds) {
        match seed {
            Seed::Object => *value = 1.0,
            Seed::Background => *value = 0.0,
            Seed::Unknown => {}
        }
    }
    Equations::new(grey, columns, seeds, exponent).solve(&mut start);
    for value in &mut start {
        *value = value.clamp(0.0, 1.0);
    }
    start
}

/// Halves the resolution: means of blocks of 2x2 pixels, and their seeds; a block with seeds of both kinds has none.
fn halve(grey: &[f32], columns: usize, rows: usize, seeds: &[Seed]) -> (Vec<f32>, Vec<Seed>) {
    let half_columns = columns.div_ceil(2);
    let half_rows = rows.div_ceil(2);
    let mut sums = vec![(0.0f32, 0.0f32); half_columns * half_rows];
    let mut kinds = vec![(false, false); half_columns * half_rows];
    for (at, (level, seed)) in grey.iter().zip(seeds).enumerate() {
        let block = at / columns / 2 * half_columns + at % columns / 2;
        sums[block].0 += level;
        sums[block].1 += 1.0;
        kinds[block].0 |= *seed == Seed::Object;
        kinds[block].1 |= *seed == Seed::Background;
    }
    let means = sums.iter().map(|(sum, count)| sum / count).collect();
    let seeds = kinds
        .into_iter()
        .map(|kind| match kind {
            (true, false) => Seed::Object,
            (false, true) => Seed::Background,
            _ => Seed::Unknown,
        })
        .collect();
    (means, seeds)
}

/// The equations: each pixel without a seed is the weighted mean of its neighbours.
struct Equations {
    columns: usize,
    /// Weight of the step to the pixel on the right; 0 in the last column.
    right: Vec<f32>,
    /// Weight of the step to the pixel below; 0 in the last row.
    below: Vec<f32>,
    /// Reciprocal of the sum of a pixel's weights; 0 for seeds, which are fixed.
    scale: Vec<f32>,
}

impl Equations {
    fn new(grey: &[f32], columns: usize, seeds: &[Seed], exponent: f32) -> Self {
        let pixels = grey.len();
        let weight = |a: f32, b: f32| (exponent * (a - b) * (a - b)).exp() + LEAST_WEIGHT;
        let mut right = vec![0.0; pixels];
        let mut below = vec![0.0; pixels];
        let mut sums = vec![0.0f32; pixels];
        for at in 0..pixels {
            if (at + 1) % columns != 0 {
                right[at] = weight(grey[at], grey[at + 1]);
                sums[at] += right[at];
                sums[at + 1] += right[at];
            }
            if at + columns < pixels {
                below[at] = weight(grey[at], grey[at + columns]);
                sums[at] += below[at];
                sums[at + columns] += below[at];
            }
        }
        let scale = sums
            .into_iter()
            .zip(seeds)
            .map(|(sum, seed)| {
                if *seed == Seed::Unknown && sum > 0.0 {
                    1.0 / sum
                } else {
                    0.0
                }
            })
            .collect();
        Self {
            columns,
            right,
            below,
            scale,
        }
    }

    /// Applies the graph Laplacian: for each pixel without a seed the weighted sum of the differences to its neighbours, 0 for
    /// seeds.
    fn apply(&self, values: &[f32], out: &mut [f32]) {
        out.fill(0.0);
        for first in (0..values.len()).step_by(self.columns) {
            let row = first..first + self.columns;
            self.add_steps_along(&values[row.clone()], row.clone(), out);
            if row.end < values.len() {
                self.add_steps_down(values, row, out);
            }
        }
        for (out, scale) in out.iter_mut().zip(&self.scale) {
            if *scale == 0.0 {
                *out = 0.0;
            }
        }
    }

    fn add_steps_along(&self, values: &[f32], row: Range<usize>, out: &mut [f32]) {
        let last = values.len() - 1;
        let weights = &self.right[row.clone()];
        let out = &mut out[row];
        for at in 0..last {
            out[at] += weights[at] * (values[at] - values[at + 1]);
        }
        for at in 0..last {
            out[at + 1] -= weights[at] * (values[at] - values[at + 1]);
        }
    }

    fn add_steps_down(&self, values: &[f32], row: Range<usize>, out: &mut [f32]) {
        let (upper, lower) = out.split_at_mut(row.end);
        let here = &values[row.clone()];
        let under = &values[row.end..row.end + self.columns];
        let steps = self.below[row.clone()].iter().zip(here).zip(under);
        let outs = upper[row].iter_mut().zip(lower);
        for ((upper, lower), ((weight, here), under)) in outs.zip(steps) {
            let flow = weight * (here - under);
            *upper += flow;
            *lower -= flow;
        }
    }

    /// Conjugate gradients with Jacobi preconditioning (Hestenes and Stiefel 1952).
    fn solve(&self, values: &mut [f32]) {
        let pixels = values.len();
        let mut residual = vec![0.0; pixels];
        self.apply(values, &mut residual);
        residual.iter_mut().for_each(|r| *r = -*r);
        let mut direction: Vec<f32> = residual.iter().zip(&self.scale).map(product).collect();
        let mut energy = dot(&residual, &direction);
        let unknown = self.scale.iter().filter(|scale| **scale > 0.0).count();
        let enough = TOLERANCE * TOLERANCE * unknown as f32;
        let mut image = vec![0.0; pixels];
        for _ in 0..MOST_STEPS {
            if energy <= enough {
                return;
            }
            self.apply(&direction, &mut image);
            let curvature = dot(&direction, &image);
            if curvature <= 0.0 {
                return;
            }
            let step = energy / curvature;
            for (value, direction) in values.iter_mut().zip(&direction) {
                *value += step * direction;
            }
            for (residual, image) in residual.iter_mut().zip(&image) {
                *residual -= step * image;
            }
            for ((scaled, residual), scale) in image.iter_mut().zip(&residual).zip(&self.scale) {
                *scaled = residual * scale;
            }
            let new_energy = dot(&residual, &image);
            let kept = new_energy / energy;
            for (direction, scaled) in direction.iter_mut().zip(&image) {
                *direction = scaled + kept * *direction;
            }
            energy = new_energy;
        }
    }
}

fn product((a, b): (&f32, &f32)) -> f32 {
    a * b
}

/// Dot product in eight partial sums, so that the compiler can vectorise it.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut parts = [0.0f32; 8];
    let a_blocks = a.chunks_exact(8);
    let b_blocks = b.chunks_exact(8);
    let rest: f32 = a_blocks
        .remainder()
        .iter()
        .zip(b_blocks.remainder())
        .map(product)
        .sum();
    for (a, b) in a_blocks.zip(b_blocks) {
        for (part, product) in parts.iter_mut().zip(a.iter().zip(b).map(product)) {
            *part += product;
        }
    }
    parts.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 40;

    /// A bright disk on a dark background.
    fn disk(at: usize) -> bool {
        let (x, y) = ((at % SIDE) as f32 - 18.0, (at / SIDE) as f32 - 20.0);
        x * x + y * y < 100.0
    }

    fn grey() -> Vec<f32> {
        (0..SIDE * SIDE)
            .map(|at| if disk(at) { 0.8 } else { 0.2 })
            .collect()
    }

    fn seeds(object: usize) -> Vec<Seed> {
        (0..SIDE * SIDE)
            .map(|at| {
                let (column, row) = (at % SIDE, at / SIDE);
                if at == object {
                    Seed::Object
                } else if column == 0 || row == 0 || column == SIDE - 1 || row == SIDE - 1 {
                    Seed::Background
                } else {
                    Seed::Unknown
                }
            })
            .collect()
    }

    #[test]
    fn a_disk_is_found_from_one_seed() {
        let found = random_walker(&grey(), SIDE, SIDE, &seeds(20 * SIDE + 14));
        for (at, probability) in found.iter().enumerate() {
            assert_eq!(*probability > 0.5, disk(at), "{at}: {probability}");
        }
    }

    /// Along a line without edges the probability decreases linearly (gambler's ruin).
    #[test]
    fn without_edges_it_falls_evenly_between_the_seeds() {
        let mut seeds = vec![Seed::Unknown; 11];
        seeds[0] = Seed::Object;
        seeds[10] = Seed::Background;
        let found = random_walker(&[0.5; 11], 11, 1, &seeds);
        for (at, probability) in found.iter().enumerate() {
            let exact = 1.0 - at as f32 / 10.0;
            assert!((probability - exact).abs() < 0.01, "{at}: {probability}");
        }
    }

    #[test]
    fn seeds_keep_their_values_and_without_an_object_there_is_nothing() {
        let seeds = seeds(20 * SIDE + 14);
        let found = random_walker(&grey(), SIDE, SIDE, &seeds);
        for (probability, seed) in found.iter().zip(&seeds) {
            assert!((0.0..=1.0).contains(probability));
            match seed {
                Seed::Object => assert_eq!(*probability, 1.0),
                Seed::Background => assert_eq!(*probability, 0.0),
                Seed::Unknown => {}
            }
        }
        let without: Vec<Seed> = seeds
            .iter()
            .map(|seed| match seed {
                Seed::Object => Seed::Unknown,
                seed => *seed,
            })
            .collect();
        let found = random_walker(&grey(), SIDE, SIDE, &without);
        assert!(found.iter().all(|probability| *probability == 0.0));
        assert!(random_walker(&[], 0, 0, &[]).is_empty());
    }
}

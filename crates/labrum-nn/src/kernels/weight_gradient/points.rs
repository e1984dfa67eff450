//! The weight gradient of a 3x3 convolution at Winograd's points.

use super::super::conv_sizes::ConvSizes;
use super::super::products::PairJob;
use super::super::scratch::with_scratch;
use super::super::simd::{MAX_LANES, detected_arch};
use super::super::strip::{StripLayout, padded_width};
use super::super::winograd::{A, B, POINTS, ROWS, tap_gradients};
use super::{
    GroupPlanes, ParameterGradients, SHARES, STRIP, Sums, VECTORS, add_up, add_up_channels,
};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::{array, ops::Range};

/// Number of values of a strip pair: it should stay in the L2 cache with the rows that all points are mixed from.
const POINT_STRIP: usize = STRIP / 3;

impl GroupPlanes<'_> {
    /// The gradients for 3x3 at Winograd's points: three products for each of six points instead of nine for each of
    /// four rows.
    pub(super) fn gradients_at_points(&self) -> ParameterGradients {
        let s = self.s;
        let layouts = [
            StripLayout::new(s.in_per_group(), s.columns, 1),
            StripLayout::new(s.out_per_group(), s.columns, 0),
        ];
        let row_length: usize = layouts.iter().map(StripLayout::row_length).sum();
        let least = (VECTORS * MAX_LANES).div_ceil(padded_width(s.columns));
        // Groups of four rows, numbered through all samples.
        let all = s.batch * s.rows.div_ceil(ROWS);
        let quads = (POINT_STRIP / row_length).max(least).min(all).max(1);
        let strips: Vec<Range<usize>> = (0..all)
            .step_by(quads)
            .map(|first| first..(first + quads).min(all))
            .collect();
        let share = strips.len().div_ceil(SHARES).max(1);
        let together = points_together(strips.len().div_ceil(share));
        let tasks: Vec<(&[Range<usize>], usize)> = strips
            .chunks(share)
            .flat_map(|strips| {
                (0..POINTS)
                    .step_by(together)
                    .map(move |first| (strips, first))
            })
            .collect();
        let sums: Vec<Sums> = tasks
            .into_par_iter()
            .map(|(strips, first)| {
                self.sum_strips_at_points(layouts, quads, strips, first..first + together)
            })
            .collect();
        let of_point: Vec<Vec<f32>> = (0..POINTS)
            .map(|point| {
                let of_tasks = sums[point / together..].iter().step_by(POINTS / together);
                add_up(of_tasks.map(|sums| &sums.products[point % together]))
            })
            .collect();
        ParameterGradients {
            weight: taps_from_points(&of_point, s),
            bias: add_up_channels(&sums),
        }
    }

    /// Sums over strips of up to `quads` groups of four rows at these points; only the task of the first point adds up
    /// the channels.
    fn sum_strips_at_points(
        &self,
        [input, output]: [StripLayout; 2],
        quads: usize,
        strips: &[Range<usize>],
        points: Range<usize>,
    ) -> Sums {
        let s = self.s;
        let length = s.out_per_group() * s.in_per_group() * 3;
        let mut products = vec![vec![0.0; length]; points.len()];
        let mut channels = vec![0.0; s.out_per_group()];
        let room = input.strip_length(quads);
        with_scratch(room + output.strip_length(quads), |values, lists| {
            let (strip, gradient) = values.split_at_mut(room);
            lists.list_columns(s.in_per_group(), input.channel_pitch());
            for range in strips {
                // One point after the other, while the rows that they are mixed from are in the cache.
                for (point, out) in points.clone().zip(&mut products) {
                    for (i, quad) in range.clone().enumerate() {
                        let to_input = &mut strip[i * input.row_length()..][..input.row_length()];
                        self.mix_input(point, quad, input, to_input);
                        let to_gradient =
                            &mut gradient[i * output.row_length()..][..output.row_length()];
                        self.mix_gradient(point, quad, output, to_gradient);
                    }
                    strip[range.len() * input.row_length()..][..input.lead].fill(0.0);
                    detected_arch().dispatch(PairJob {
                        input,
                        output,
                        rows: range.len(),
                        border: 1,
                        strip: &*strip,
                        gradient: &*gradient,
                        windows: &lists.windows,
                        out,
                    });
                }
                if points.start == 0 {
                    for quad in range.clone() {
                        let (sample, first) = self.quad_start(quad);
                        let count = ROWS.min(s.rows - first);
                        self.add_channel_sums(sample, first, count, &mut channels);
                    }
                }
            }
        });
        Sums { products, channels }
    }

    /// Sample and first row of a group of four rows.
    fn quad_start(&self, quad: usize) -> (usize, usize) {
        let of_sample = self.s.rows.div_ceil(ROWS);
        (quad / of_sample, quad % of_sample * ROWS)
    }

    fn mix_input(&self, point: usize, quad: usize, layout: StripLayout, to: &mut [f32]) {
        let (sample, first) = self.quad_start(quad);
        let mix = Mix {
            shares: B[point],
            first: first as isize - 1,
            rows: self.s.rows,
        };
        mix_rows(mix, self.input(sample), layout, to);
    }

    fn mix_gradient(&self, point: usize, quad: usize, layout: StripLayout, to: &mut [f32]) {
        let (sample, first) = self.quad_start(quad);
        let mix = Mix {
            shares: array::from_fn(|row| A.get(row).map_or(0.0, |row| row[point])),
            first: first as isize,
            rows: self.s.rows,
        };
        mix_rows(mix, self.gradient(sample), layout, to);
    }
}

/// Number of points of one task: as many as leave two tasks for each thread. It does not change the sums.
fn points_together(shares: usize) -> usize {
    let wanted = 2 * rayon::current_num_threads();
    [POINTS, 3, 2]
        .into_iter()
        .find(|together| shares * (POINTS / together) >= wanted)
        .unwrap_or(1)
}

/// The gradients of the taps of a group, `[out][in][3][3]`, from those at the points, `[out][in][3]` each.
fn taps_from_points(of_point: &[Vec<f32>], s: ConvSizes) -> Vec<f32> {
    let depth = s.in_per_group() * 3;
    let mut out = vec![0.0; s.out_per_group() * s.tap_count()];
    for channel in 0..s.out_per_group() {
        for i in 0..depth {
            let from = i / 3;
            let column = i % 3;
            let taps = tap_gradients(array::from_fn(|point| of_point[point][channel * depth + i]));
            for (row, tap) in taps.into_iter().enumerate() {
                out[channel * s.tap_count() + (from * 3 + row) * 3 + column] = tap;
            }
        }
    }
    out
}

/// A weighted sum of six rows from `first` on; rows outside `rows` are zeros.
struct Mix {
    shares: [f32; POINTS],
    first: isize,
    rows: usize,
}

/// Computes the sum for every channel of `planes`, into one row of a strip.
fn mix_rows(mix: Mix, planes: &[f32], layout: StripLayout, strip: &mut [f32]) {
    let terms: Vec<(f32, usize)> = (0..POINTS)
        .map(|i| (mix.shares[i], mix.first + i as isize))
        .filter(|(share, row)| *share != 0.0 && (0..mix.rows as isize).contains(row))
        .map(|(share, row)| (share, row as usize * layout.columns))
        .collect();
    detected_arch().dispatch(MixJob {
        terms: &terms,
        planes,
        pixels: mix.rows * layout.columns,
        layout,
        strip,
    });
}

struct MixJob<'a> {
    /// Weight of each row, and its start in the plane.
    terms: &'a [(f32, usize)],
    planes: &'a [f32],
    pixels: usize,
    layout: StripLayout,
    strip: &'a mut [f32],
}

impl WithSimd for MixJob<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self {
            terms,
            planes,
            pixels,
            layout,
            strip,
        } = self;
        let columns = layout.columns;
        for (plane, to) in planes
            .chunks_exact(pixels)
            .zip(strip.chunks_exact_mut(layout.channel_pitch()))
        {
            to[..layout.lead].fill(0.0);
            to[layout.lead + columns..].fill(0.0);
            let to = &mut to[layout.lead..layout.lead + columns];
            // One term after another: the row is in the L1 cache, and each pass vectorises well.
            to.fill(0.0);
            for (share, row) in terms {
                to.iter_mut()
                    .zip(&plane[*row..])
                    .for_each(|(to, value)| *to += share * value);
            }
        }
    }
}

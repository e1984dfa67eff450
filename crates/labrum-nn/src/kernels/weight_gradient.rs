//! The gradients of weights and bias of a convolution: products of the output gradient with the shifted input.

mod points;

use super::conv_sizes::ConvSizes;
use super::products::PairJob;
use super::scratch::with_scratch;
use super::simd::{MAX_LANES, detected_arch, sum_values};
use super::strip::{StripLayout, padded_width};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Number of values of a strip pair that should stay in the L2 cache.
const STRIP: usize = 96 * 1024;
/// Minimum number of vectors of a strip: with fewer, adding up the lanes takes longer than the products.
const VECTORS: usize = 64;
/// Number of separate sums for each point, among which the strips are divided. It does not depend on the number of
/// threads, so that results do not either.
const SHARES: usize = 4;

/// Gradients of the weights [Co,Ci/groups,k,k] and of the bias [Co].
pub(super) struct ParameterGradients {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// The gradients of weights and bias from x [B,Ci,H,W] and the output gradient [B,Co,H,W].
pub(super) fn for_dense(x: &[f32], grad: &[f32], s: ConvSizes) -> ParameterGradients {
    let s = s.flattened_rows();
    let mut all = ParameterGradients {
        weight: Vec::with_capacity(s.out_channels * s.tap_count()),
        bias: Vec::with_capacity(s.out_channels),
    };
    for group in 0..s.groups {
        let planes = GroupPlanes { x, grad, s, group };
        let of_group = if s.kernel == 3 {
            planes.gradients_at_points()
        } else {
            planes.plain_gradients()
        };
        all.weight.extend(of_group.weight);
        all.bias.extend(of_group.bias);
    }
    all
}

/// The input and the output gradient of one group.
#[derive(Clone, Copy)]
struct GroupPlanes<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    s: ConvSizes,
    group: usize,
}

/// Sums over some strips: products, for each point where there are several, and the output gradient of each channel.
struct Sums {
    products: Vec<Vec<f32>>,
    channels: Vec<f64>,
}

impl<'a> GroupPlanes<'a> {
    /// The input planes in one sample.
    fn input(&self, sample: usize) -> &'a [f32] {
        let s = self.s;
        let first = sample * s.in_channels + self.group * s.in_per_group();
        &self.x[first * s.pixel_count()..][..s.in_per_group() * s.pixel_count()]
    }

    /// The planes of the output gradient in one sample.
    fn gradient(&self, sample: usize) -> &'a [f32] {
        let s = self.s;
        let first = sample * s.out_channels + self.group * s.out_per_group();
        &self.grad[first * s.pixel_count()..][..s.out_per_group() * s.pixel_count()]
    }

    /// Adds the sums of `count` rows of the output gradient to those of each channel.
    fn add_channel_sums(&self, sample: usize, first: usize, count: usize, sums: &mut [f64]) {
        let columns = self.s.columns;
        let planes = self.gradient(sample).chunks_exact(self.s.pixel_count());
        for (sum, plane) in sums.iter_mut().zip(planes) {
            *sum += sum_of_plane(&plane[first * columns..(first + count) * columns]);
        }
    }

    /// The gradients for any kernel size.
    fn plain_gradients(&self) -> ParameterGradients {
        let s = self.s;
        let input = StripLayout::new(s.in_per_group(), s.columns, s.border_width());
        let output = StripLayout::new(s.out_per_group(), s.columns, 0);
        let least = (VECTORS * MAX_LANES).div_ceil(padded_width(s.columns));
        let rows = (STRIP / (input.row_length() + output.row_length()))
            .max(least)
            .min(s.rows);
        let strips: Vec<(usize, usize)> = (0..s.batch)
            .flat_map(|b| (0..s.rows).step_by(rows).map(move |first| (b, first)))
            .collect();
        let sums: Vec<Sums> = strips
            .par_chunks(strips.len().div_ceil(SHARES).max(1))
            .map(|strips| self.sum_plain_strips([input, output], rows, strips))
            .collect();
        ParameterGradients {
            weight: add_up(sums.iter().map(|sums| &sums.products[0])),
            bias: add_up_channels(&sums),
        }
    }

    /// Sums over strips of up to `rows` rows, given as (sample, first row).
    fn sum_plain_strips(
        &self,
        [input, output]: [StripLayout; 2],
        rows: usize,
        strips: &[(usize, usize)],
    ) -> Sums {
        let (s, k) = (self.s, self.s.kernel);
        let mut out = vec![0.0; s.out_per_group() * s.tap_count()];
        let mut channels = vec![0.0; s.out_per_group()];
        let room = input.strip_length(rows + 2 * s.border_width());
        with_scratch(room + output.strip_length(rows), |values, lists| {
            let (strip, gradient) = values.split_at_mut(room);
            lists.windows.clear();
            lists.windows.extend((0..s.tap_count()).map(|t| {
                t / (k * k) * input.channel_pitch() + t / k % k * input.row_length() + t % k
            }));
            for &(sample, first) in strips {
                let count = rows.min(s.rows - first);
                let above = first as isize - s.border_width() as isize;
                let with_border = count + 2 * s.border_width();
                input.gather_rows(self.input(sample), s.rows, above, with_border, strip);
                let below = self.gradient(sample);
                output.gather_rows(below, s.rows, first as isize, count, gradient);
                self.add_channel_sums(sample, first, count, &mut channels);
                detected_arch().dispatch(PairJob {
                    input,
                    output,
                    rows: count,
                    border: s.border_width(),
                    strip,
                    gradient,
                    windows: &lists.windows,
                    out: &mut out,
                });
            }
        });
        Sums {
            products: vec![out],
            channels,
        }
    }
}

fn add_up<'a>(mut parts: impl Iterator<Item = &'a Vec<f32>>) -> Vec<f32> {
    let mut sum = parts.next().cloned().unwrap_or_default();
    for part in parts {
        sum.iter_mut()
            .zip(part)
            .for_each(|(sum, value)| *sum += value);
    }
    sum
}

fn add_up_channels(parts: &[Sums]) -> Vec<f32> {
    let count = parts.first().map_or(0, |part| part.channels.len());
    (0..count)
        .map(|channel| parts.iter().map(|part| part.channels[channel]).sum::<f64>() as f32)
        .collect()
}

/// Summed in parts: a running sum of all pixels in f32 would lose digits.
pub(super) fn sum_of_plane(plane: &[f32]) -> f64 {
    let parts = plane.chunks(1024);
    parts
        .map(|part| f64::from(detected_arch().dispatch(PlaneSum(part))))
        .sum()
}

struct PlaneSum<'a>(&'a [f32]);

impl WithSimd for PlaneSum<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        sum_values(simd, self.0)
    }
}

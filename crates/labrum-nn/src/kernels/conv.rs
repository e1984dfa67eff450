//! Convolution on the CPU, stride 1, zero padding k/2, any groups; forward and all gradients.
//!
//! With zeros around each plane, tap (ky, kx) of input channel c is the same plane read from another offset. So the input
//! is a matrix of *windows* that overlap in memory (im2col without the copy), one for each channel and tap, and forward is
//! `out = W windows`, the weight gradient `dW = dout windows^T`: two products that stay in registers. The input gradient
//! is a forward pass with turned weights.

use super::{dense, depthwise, weight_gradient};
use rayon::prelude::*;

/// Sizes of one convolution.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConvSizes {
    pub batch: usize,
    pub in_channels: usize,
    pub out_channels: usize,
    pub groups: usize,
    pub rows: usize,
    pub columns: usize,
    pub kernel: usize,
}

impl ConvSizes {
    /// The convolution that takes the output gradient back to the input.
    fn transposed(self) -> Self {
        Self {
            in_channels: self.out_channels,
            out_channels: self.in_channels,
            ..self
        }
    }

    /// The same with other rows where the kernel has no neighbours: of a few vectors, so that the channels of a row lie
    /// close together.
    pub(super) fn flattened_rows(self) -> Self {
        const COLUMNS: usize = 64;
        let pixels = self.pixel_count();
        match self.kernel {
            1 if pixels.is_multiple_of(COLUMNS) => Self {
                rows: pixels / COLUMNS,
                columns: COLUMNS,
                ..self
            },
            _ => self,
        }
    }

    pub(super) fn border_width(&self) -> usize {
        self.kernel / 2
    }

    pub(super) fn pixel_count(&self) -> usize {
        self.rows * self.columns
    }

    pub(super) fn in_per_group(&self) -> usize {
        self.in_channels / self.groups
    }

    pub(super) fn out_per_group(&self) -> usize {
        self.out_channels / self.groups
    }

    /// Weights of one output channel.
    pub(super) fn tap_count(&self) -> usize {
        self.in_per_group() * self.kernel * self.kernel
    }

    fn is_depthwise(&self) -> bool {
        self.in_per_group() == 1 && self.out_per_group() == 1
    }
}

/// out [B,Co,H,W] = conv(x [B,Ci,H,W], weight [Co,Ci/groups,k,k]) + bias [Co].
pub(super) fn forward(x: &[f32], weight: &[f32], bias: Option<&[f32]>, s: ConvSizes) -> Vec<f32> {
    if s.is_depthwise() {
        depthwise::forward(x, weight, bias, s)
    } else {
        dense::forward(x, weight, bias, s)
    }
}

/// What a convolution hands back: the gradients of input, weight and bias, each where it is wanted.
pub(super) struct Gradients {
    pub input: Option<Vec<f32>>,
    pub weight: Option<Vec<f32>>,
    pub bias: Option<Vec<f32>>,
}

/// Gradients from `grad` [B,Co,H,W]; `wanted` says which: input, weight, bias.
pub(super) fn backward(
    x: &[f32],
    weight: &[f32],
    grad: &[f32],
    s: ConvSizes,
    wanted: [bool; 3],
) -> Gradients {
    let weight_gradient = if s.is_depthwise() {
        depthwise::weight_gradient
    } else {
        weight_gradient::for_dense
    };
    Gradients {
        input: wanted[0]
            .then(|| forward(grad, &transpose_weights(weight, s), None, s.transposed())),
        weight: wanted[1].then(|| weight_gradient(x, grad, s)),
        bias: wanted[2].then(|| bias_gradient(grad, s)),
    }
}

/// Weights with input and output channels exchanged within each group, and the taps in reverse order.
fn transpose_weights(weight: &[f32], s: ConvSizes) -> Vec<f32> {
    let (ci, co, kk) = (s.in_per_group(), s.out_per_group(), s.kernel * s.kernel);
    let mut out = vec![0.0; weight.len()];
    for g in 0..s.groups {
        for o in 0..co {
            for i in 0..ci {
                let from = &weight[((g * co + o) * ci + i) * kk..][..kk];
                let to = &mut out[((g * ci + i) * co + o) * kk..][..kk];
                to.iter_mut()
                    .zip(from.iter().rev())
                    .for_each(|(t, f)| *t = *f);
            }
        }
    }
    out
}

fn bias_gradient(grad: &[f32], s: ConvSizes) -> Vec<f32> {
    let of_plane = |b: usize, c: usize| -> f64 {
        let plane = &grad[(b * s.out_channels + c) * s.pixel_count()..][..s.pixel_count()];
        plane
            .chunks(256)
            .map(|part| f64::from(part.iter().sum::<f32>()))
            .sum()
    };
    (0..s.out_channels)
        .into_par_iter()
        .map(|c| (0..s.batch).map(|b| of_plane(b, c)).sum::<f64>() as f32)
        .collect()
}

//! Convolution on the CPU with stride 1, zero padding k/2 and any number of groups: forward pass and all gradients.
//!
//! With zeros around each plane, tap (ky, kx) of input channel c is the same plane read from another offset. So the
//! input is a matrix of *windows* that overlap in memory (im2col without the copy), one for each channel and tap. The
//! forward pass is `out = W windows`, the weight gradient `dW = dout windows^T`: two products whose sums stay in
//! registers. The input gradient is a forward pass with flipped weights.

use super::tally::{self, Pass, Traffic};
use super::weight_gradient::{self, ParameterGradients};
use super::{conv_sizes::ConvSizes, dense, depthwise};

/// out [B,Co,H,W] = conv(x [B,Ci,H,W], weight [Co,Ci/groups,k,k]) + bias [Co].
pub(super) fn forward(x: &[f32], weight: &[f32], bias: Option<&[f32]>, s: ConvSizes) -> Vec<f32> {
    if s.is_depthwise() {
        depthwise::forward(x, weight, bias, s)
    } else {
        dense::forward(x, weight, bias, s)
    }
}

/// Gradients of input, weight and bias; `None` where not wanted.
pub(super) struct Gradients {
    pub input: Option<Vec<f32>>,
    pub weight: Option<Vec<f32>>,
    pub bias: Option<Vec<f32>>,
}

/// Gradients from `grad` [B,Co,H,W]; `wanted` selects input, weight and bias.
pub(super) fn backward(
    x: &[f32],
    weights: &[f32],
    grad: &[f32],
    s: ConvSizes,
    wanted: [bool; 3],
) -> Gradients {
    let parameters = (wanted[1] || wanted[2]).then(|| parameter_gradients(x, grad, s));
    let (weight, bias) = parameters.map(|p| (p.weight, p.bias)).unzip();
    Gradients {
        input: wanted[0].then(|| input_gradient(weights, grad, s)),
        weight: weight.filter(|_| wanted[1]),
        bias: bias.filter(|_| wanted[2]),
    }
}

fn input_gradient(weight: &[f32], grad: &[f32], s: ConvSizes) -> Vec<f32> {
    let traffic = Traffic::of_values(grad.len() + weight.len(), s.input_length());
    tally::count(s.layer(), Pass::InputGradient, traffic, || {
        forward(grad, &transpose_weights(weight, s), None, s.transposed())
    })
}

fn parameter_gradients(x: &[f32], grad: &[f32], s: ConvSizes) -> ParameterGradients {
    let written = s.out_channels * (s.tap_count() + 1);
    let traffic = Traffic::of_values(x.len() + grad.len(), written);
    let gradients = if s.is_depthwise() {
        depthwise::parameter_gradients
    } else {
        weight_gradient::for_dense
    };
    tally::count(s.layer(), Pass::ParameterGradient, traffic, || {
        gradients(x, grad, s)
    })
}

/// Weights with input and output channels swapped within each group, and the taps in reverse order.
fn transpose_weights(weight: &[f32], s: ConvSizes) -> Vec<f32> {
    let ci = s.in_per_group();
    let co = s.out_per_group();
    let kk = s.kernel * s.kernel;
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

//! Depthwise convolution of a unit, with GELU, norm and residual: a thread computes four channels of neighbouring
//! pixels of a row.

use super::super::folded::{FoldedConv, FoldedNorm};
use super::device::Gpu;
use super::quad::{Quad, gelu, zero_sums};
use burn_wgpu::CubeTensor;
use cubecl::prelude::*;

/// Number of neighbouring columns that a thread computes.
const WIDE: usize = 4;

/// x + norm(GELU(depthwise(x))).
pub(super) struct Depthwise {
    kernel: usize,
    /// [k,k,C]
    weight: CubeTensor,
    /// Bias, scale and shift [3,C].
    finish: CubeTensor,
}

impl Depthwise {
    pub(super) fn upload(gpu: &Gpu, kernel: usize, conv: &FoldedConv, norm: &FoldedNorm) -> Self {
        let channels = conv.output_channels();
        let taps = kernel * kernel;
        let weight = (0..conv.weight.len())
            .map(|i| conv.weight[i % channels * taps + i / channels])
            .collect();
        Self {
            kernel,
            weight: gpu.upload(weight),
            finish: gpu.upload([&conv.bias[..], &norm.scale, &norm.shift].concat()),
        }
    }

    /// x [B,H,W,C] to out of the same shape.
    pub(super) fn run_layer(&self, gpu: &Gpu, x: &CubeTensor, out: &CubeTensor) {
        let [batch, rows, columns, channels] = out.meta.shape().dims();
        let tiles = batch * rows * columns.div_ceil(WIDE) * (channels / 4);
        let (count, threads) = gpu.launch_size(tiles, 1);
        depthwise_kernel::launch(
            &gpu.client,
            count,
            threads,
            x.clone().into_tensor_arg(),
            self.weight.clone().into_tensor_arg(),
            self.finish.clone().into_tensor_arg(),
            out.clone().into_tensor_arg(),
            self.kernel,
        );
    }
}

/// x and out [B,H,W,C], weight [k,k,C], finish [3,C].
#[cube(launch)]
fn depthwise_kernel(
    x: &Tensor<Quad>,
    weight: &Tensor<Quad>,
    finish: &Tensor<Quad>,
    out: &mut Tensor<Quad>,
    #[comptime] k: usize,
) {
    let border = comptime!(k / 2);
    let rows = x.shape(1);
    let columns = x.shape(2);
    let quads = x.shape(3) / 4;
    let groups = columns.div_ceil(WIDE);
    let quad = ABSOLUTE_POS % quads;
    let first = ABSOLUTE_POS / quads % groups * WIDE;
    // Rows are numbered through all samples.
    let row = ABSOLUTE_POS / quads / groups;
    if row < x.shape(0) * rows {
        let mut sums = zero_sums(WIDE);
        let mut window = Array::<Quad>::new(comptime!(WIDE + k - 1));
        for tap_row in 0..k {
            let under = row % rows + tap_row;
            if under >= border && under < rows + border {
                let from = (row + tap_row - border) * columns;
                #[unroll]
                for i in 0..comptime!(WIDE + k - 1) {
                    let column = first + i;
                    let mut value = Quad::new(0.0f32);
                    if column >= border && column < columns + border {
                        value = x[(from + column - border) * quads + quad];
                    }
                    window[i] = value;
                }
                #[unroll]
                for tap in 0..k {
                    let factors = weight[(tap_row * k + tap) * quads + quad];
                    #[unroll]
                    for i in 0..WIDE {
                        sums[i] += factors * window[comptime!(i + tap)];
                    }
                }
            }
        }
        let bias = finish[quad];
        let scale = finish[quads + quad];
        let shift = finish[2 * quads + quad];
        #[unroll]
        for i in 0..WIDE {
            if first + i < columns {
                let place = (row * columns + first + i) * quads + quad;
                out[place] = x[place] + scale * gelu(sums[i] + bias) + shift;
            }
        }
    }
}

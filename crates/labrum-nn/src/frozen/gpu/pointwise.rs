//! 1x1 convolutions with bias and GELU: a thread computes eight channels of four pixels.

use super::super::folded::{FoldedConv, FoldedMixer, FoldedNorm};
use super::device::Gpu;
use super::quad::{Quad, THREADS, add_parts, gelu, part_count, zero_sums};
use burn_wgpu::CubeTensor;
use cubecl::prelude::*;

/// Number of pixels that a thread computes.
const PIXELS: usize = 4;
/// Quads of channels that a thread computes.
const QUADS: usize = 2;
/// Channels come in multiples of this.
pub(super) const CHANNEL_MULTIPLE: usize = 4 * QUADS;

/// 1x1 to a wider layer with GELU, then back with GELU and norm.
pub(super) struct Mixer {
    widen: Pointwise,
    narrow: Pointwise,
}

impl Mixer {
    pub(super) fn upload(gpu: &Gpu, mixer: &FoldedMixer) -> Self {
        Self {
            widen: Pointwise::upload(gpu, &mixer.widen, None),
            narrow: Pointwise::upload(gpu, &mixer.narrow, Some(&mixer.norm)),
        }
    }

    /// x [B,H,W,Ci] by way of wide [B,H,W,Cw] to out [B,H,W,Co].
    pub(super) fn run_layer(&self, gpu: &Gpu, x: &CubeTensor, wide: &CubeTensor, out: &CubeTensor) {
        self.widen.run_layer(gpu, x, wide);
        self.narrow.run_layer(gpu, wide, out);
    }
}

/// A 1x1 convolution with GELU, and with a norm behind it or not.
struct Pointwise {
    /// [Ci,Co]
    weight: CubeTensor,
    /// Bias [1,Co], or bias, scale and shift [3,Co].
    finish: CubeTensor,
    is_normed: bool,
}

impl Pointwise {
    fn upload(gpu: &Gpu, conv: &FoldedConv, norm: Option<&FoldedNorm>) -> Self {
        let outputs = conv.output_channels();
        let depth = conv.input_channels(1);
        let weight = (0..conv.weight.len())
            .map(|i| conv.weight[i % outputs * depth + i / outputs])
            .collect();
        let mut finish = conv.bias.clone();
        if let Some(norm) = norm {
            finish.extend(&norm.scale);
            finish.extend(&norm.shift);
        }
        Self {
            weight: gpu.upload(weight),
            finish: gpu.upload(finish),
            is_normed: norm.is_some(),
        }
    }

    fn run_layer(&self, gpu: &Gpu, x: &CubeTensor, out: &CubeTensor) {
        let [batch, rows, columns, channels] = out.meta.shape().dims();
        let [.., in_channels] = x.meta.shape().dims::<4>();
        let tiles = (batch * rows * columns).div_ceil(PIXELS) * (channels / CHANNEL_MULTIPLE);
        let parts = part_count(tiles, in_channels / 4);
        let (count, threads) = gpu.launch_size(tiles, parts);
        pointwise_kernel::launch(
            &gpu.client,
            count,
            threads,
            x.clone().into_tensor_arg(),
            self.weight.clone().into_tensor_arg(),
            self.finish.clone().into_tensor_arg(),
            out.clone().into_tensor_arg(),
            self.is_normed,
            parts,
        );
    }
}

/// x [B,H,W,Ci], weight [Ci,Co], finish [1,Co] or [3,Co], out [B,H,W,Co].
#[cube(launch)]
fn pointwise_kernel(
    x: &Tensor<Quad>,
    weight: &Tensor<Quad>,
    finish: &Tensor<Quad>,
    out: &mut Tensor<Quad>,
    #[comptime] is_normed: bool,
    #[comptime] parts: usize,
) {
    let slots = comptime!(THREADS / parts);
    let tile = CUBE_POS * slots + UNIT_POS_X as usize % slots;
    let part = UNIT_POS_X as usize / slots;
    let in_quads = x.shape(3) / 4;
    let quads = out.shape(3) / 4;
    let pixels = out.shape(0) * out.shape(1) * out.shape(2);
    let groups = quads / QUADS;
    let first_quad = tile % groups * QUADS;
    let first_pixel = tile / groups * PIXELS;
    let mut sums = zero_sums(comptime!(PIXELS * QUADS));
    if first_pixel < pixels {
        let mut values = Array::<Quad>::new(PIXELS);
        let mut channel = part;
        while channel < in_quads {
            #[unroll]
            for pixel in 0..PIXELS {
                let mut value = Quad::new(0.0f32);
                if first_pixel + pixel < pixels {
                    value = x[(first_pixel + pixel) * in_quads + channel];
                }
                values[pixel] = value;
            }
            let from = channel * 4 * quads + first_quad;
            #[unroll]
            for lane in 0..4usize {
                #[unroll]
                for quad in 0..QUADS {
                    let factors = weight[from + comptime!(lane) * quads + quad];
                    #[unroll]
                    for pixel in 0..PIXELS {
                        let value = values[pixel];
                        sums[comptime!(pixel * QUADS + quad)] +=
                            factors * Quad::new(value.extract(lane));
                    }
                }
            }
            channel += parts;
        }
    }
    add_parts(&mut sums, comptime!(PIXELS * QUADS), parts);
    if part == 0 {
        #[unroll]
        for quad in 0..QUADS {
            let at = first_quad + quad;
            let bias = finish[at];
            #[unroll]
            for pixel in 0..PIXELS {
                if first_pixel + pixel < pixels {
                    let mut value = gelu(sums[comptime!(pixel * QUADS + quad)] + bias);
                    if is_normed {
                        value = finish[quads + at] * value + finish[2 * quads + at];
                    }
                    out[(first_pixel + pixel) * quads + at] = value;
                }
            }
        }
    }
}

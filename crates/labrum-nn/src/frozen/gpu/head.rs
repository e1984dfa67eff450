//! The last layer: 1x1 convolution to the classes, and softmax. A thread computes all classes of a pixel.

use super::super::folded::FoldedConv;
use super::device::Gpu;
use super::quad::Quad;
use burn_wgpu::CubeTensor;
use cubecl::prelude::*;

/// Exponent of the float32 numbers that are infinite or NaN.
const NOT_FINITE: u32 = 0x7f80_0000;
/// What makes a NaN of any float32 number.
const NAN_BITS: u32 = 0x7fc0_0000;

/// Class probabilities of each pixel.
pub(super) struct ClassHead {
    /// [classes,C]
    weight: CubeTensor,
    bias: CubeTensor,
}

impl ClassHead {
    pub(super) fn upload(gpu: &Gpu, conv: &FoldedConv) -> Self {
        Self {
            weight: gpu.upload(conv.weight.clone()),
            bias: gpu.upload(conv.bias.clone()),
        }
    }

    /// x [B,H,W,C] to probabilities [B,classes,H,W]: NaN where a logit is NaN or infinite.
    pub(super) fn run_layer(&self, gpu: &Gpu, x: &CubeTensor, out: &CubeTensor) {
        let [batch, _, rows, columns] = out.meta.shape().dims();
        let (count, threads) = gpu.launch_size(batch * rows * columns, 1);
        head_kernel::launch(
            &gpu.client,
            count,
            threads,
            x.clone().into_tensor_arg(),
            self.weight.clone().into_tensor_arg(),
            self.bias.clone().into_tensor_arg(),
            out.clone().into_tensor_arg(),
        );
    }
}

/// x [B,H,W,C], weight [classes,C], bias [classes], out [B,classes,H,W]. Holds logits in `out` before the probabilities.
#[cube(launch)]
fn head_kernel(x: &Tensor<Quad>, weight: &Tensor<Quad>, bias: &Tensor<f32>, out: &mut Tensor<f32>) {
    let quads = x.shape(3) / 4;
    let classes = out.shape(1);
    let plane = out.shape(2) * out.shape(3);
    let sample = ABSOLUTE_POS / plane;
    if sample < out.shape(0) {
        let first = sample * classes * plane + ABSOLUTE_POS % plane;
        let mut largest = 0.0f32;
        // Shaders may assume that there is no NaN and no infinity: bits tell for sure.
        let mut nan = 0u32;
        for class in 0..classes {
            let mut sum = Quad::new(0.0f32);
            for quad in 0..quads {
                sum += x[ABSOLUTE_POS * quads + quad] * weight[class * quads + quad];
            }
            let upper = sum.extract(0usize) + sum.extract(1usize);
            let logit = upper + sum.extract(2usize) + sum.extract(3usize) + bias[class];
            if u32::reinterpret(logit) & NOT_FINITE == NOT_FINITE {
                nan = NAN_BITS.runtime();
            }
            if class == 0 || logit > largest {
                largest = logit;
            }
            out[first + class * plane] = logit;
        }
        let mut total = 0.0f32;
        for class in 0..classes {
            let power = f32::exp(out[first + class * plane] - largest);
            total += power;
            out[first + class * plane] = power;
        }
        for class in 0..classes {
            let share = out[first + class * plane] / total;
            out[first + class * plane] = f32::reinterpret(u32::reinterpret(share) | nan);
        }
    }
}

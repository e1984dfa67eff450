//! The operations of the network on a GPU, forward and backward: convolutions, norms, upsampling and pooling.
//!
//! burn selects its kernels by autotuning, which took more than 45 s before the first result for a 64x64 image; without
//! autotuning one thread sums all pixels of a channel. Here values are stored channels last (batch, rows, columns,
//! channels), so that neighbouring threads read neighbouring values.

mod conv;
mod depthwise;
mod norm;
mod resample;
mod update;

use super::norm_call::With;
use super::update_step::UpdateStep;
use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::ops::FloatTensorOps;
use burn::backend::{Autodiff, AutodiffBackend, Backend, backend_extension, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};
use cubecl::{CubeCount, CubeDim, calculate_cube_count_elemwise};

/// Number of threads in a cube.
const THREADS: usize = 256;

/// Operations on a GPU that burn lacks; shapes as in the parent module.
#[backend_extension(Autodiff, Cube)]
pub(super) trait GpuKernels: Backend {
    /// A convolution with one group, or with as many groups as channels.
    fn labrum_gpu_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        is_depthwise: bool,
    ) -> FloatTensor<Self>;
    /// Bilinear x2.
    fn labrum_gpu_double(x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Max pooling 2x2.
    fn labrum_gpu_pool(x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Mean and biased variance [C] of the values that a norm normalises; they have no gradient.
    fn labrum_gpu_statistics(
        x: FloatTensor<Self>,
        with: With,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    /// The norm with these statistics of x. For autodiff the statistics are constants: the gradient of x accounts for
    /// them.
    fn labrum_gpu_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        eps: f64,
        with: With,
    ) -> FloatTensor<Self>;
    /// running (1 - share) + batch factor share, without a gradient.
    fn labrum_gpu_mix_statistics(
        running: FloatTensor<Self>,
        batch: FloatTensor<Self>,
        share: f32,
        factor: f32,
    ) -> FloatTensor<Self>;
    /// New weights; `means` [3,N] (average of the weights, moments of the optimiser) are updated in place. Without a
    /// gradient.
    fn labrum_gpu_update(
        weights: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        means: FloatTensor<Self>,
        step: UpdateStep,
        share: f32,
    ) -> FloatTensor<Self>;
}

/// [B,C,H,W] as [B,H,W,C] without gaps.
fn channels_last(x: CubeTensor) -> CubeTensor {
    into_contiguous(CubeBackend::float_permute(x, &[0, 2, 3, 1]))
}

/// [B,H,W,C] as [B,C,H,W].
fn channels_first(x: CubeTensor) -> CubeTensor {
    CubeBackend::float_permute(x, &[0, 3, 1, 2])
}

/// Uninitialised memory on the device of `x`.
fn empty_on_device(x: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    let shape = shape.into();
    let buffer = x.client.empty(shape.num_elements() * size_of::<f32>());
    CubeTensor::new_contiguous(x.client.clone(), x.device.clone(), shape, buffer, x.dtype)
}

/// Number of cubes and threads for `count` threads in all, on the device of `x`.
fn launch_size(x: &CubeTensor, count: usize) -> (CubeCount, CubeDim) {
    let threads = CubeDim::new_1d(THREADS as u32);
    (
        calculate_cube_count_elemwise(&x.client, count, threads),
        threads,
    )
}

/// A result [B,H,W,C] on the device of `x`, as [B,C,H,W]; `launch` starts a kernel with one thread per value of it.
fn compute_values(
    x: &CubeTensor,
    shape: impl Into<Shape>,
    launch: impl FnOnce(CubeTensor, CubeCount, CubeDim),
) -> CubeTensor {
    let out = empty_on_device(x, shape);
    let (count, threads) = launch_size(x, out.meta.shape().num_elements());
    launch(out.clone(), count, threads);
    channels_first(out)
}

/// Number of neighbouring threads for as many channels: they read neighbouring values.
fn lane_count(channels: usize) -> usize {
    channels.next_power_of_two().min(32)
}

/// The sum over the first dimension.
fn sum_of_parts(parts: CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    CubeBackend::float_reshape(CubeBackend::float_sum_dim(parts, 0), shape.into())
}

impl GpuKernels for CubeBackend {
    fn labrum_gpu_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        is_depthwise: bool,
    ) -> FloatTensor<Self> {
        if is_depthwise {
            depthwise::forward(x, weight, Some(bias))
        } else {
            conv::forward(x, weight, Some(bias))
        }
    }

    fn labrum_gpu_double(x: FloatTensor<Self>) -> FloatTensor<Self> {
        resample::upsample_bilinear_x2(x)
    }

    fn labrum_gpu_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        resample::max_pool_2x2(x)
    }

    fn labrum_gpu_statistics(
        x: FloatTensor<Self>,
        with: With,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        norm::batch_statistics(x, with)
    }

    fn labrum_gpu_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        eps: f64,
        with: With,
    ) -> FloatTensor<Self> {
        norm::forward(
            x,
            norm::NormInputs {
                gamma,
                beta,
                mean,
                variance,
                eps: eps as f32,
            },
            with,
        )
    }

    fn labrum_gpu_mix_statistics(
        running: FloatTensor<Self>,
        batch: FloatTensor<Self>,
        share: f32,
        factor: f32,
    ) -> FloatTensor<Self> {
        norm::mix_statistics(running, batch, share, factor)
    }

    fn labrum_gpu_update(
        weights: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        means: FloatTensor<Self>,
        step: UpdateStep,
        share: f32,
    ) -> FloatTensor<Self> {
        update::update_weights(weights, gradient, means, step, share)
    }
}

impl<C: CheckpointStrategy> GpuKernels for Autodiff<CubeBackend, C> {
    fn labrum_gpu_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        is_depthwise: bool,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let x = x.into_primitive();
        let weight = weight.into_primitive();
        let out = CubeBackend::labrum_gpu_conv2d(
            x.clone(),
            weight.clone(),
            bias.into_primitive(),
            is_depthwise,
        );
        match ConvBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x, weight, is_depthwise), out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    fn labrum_gpu_double(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x.node()];
        let out = CubeBackend::labrum_gpu_double(x.into_primitive());
        match DoubleBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish((), out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    fn labrum_gpu_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x.node()];
        let x = x.into_primitive();
        let out = CubeBackend::labrum_gpu_pool(x.clone());
        match PoolBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(x, out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    fn labrum_gpu_statistics(
        x: FloatTensor<Self>,
        with: With,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (mean, variance) = norm::batch_statistics(x.into_primitive(), with);
        (Self::from_inner(mean), Self::from_inner(variance))
    }

    fn labrum_gpu_mix_statistics(
        running: FloatTensor<Self>,
        batch: FloatTensor<Self>,
        share: f32,
        factor: f32,
    ) -> FloatTensor<Self> {
        let [running, batch] = [running, batch].map(|tensor| tensor.into_primitive());
        Self::from_inner(norm::mix_statistics(running, batch, share, factor))
    }

    fn labrum_gpu_update(
        weights: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        means: FloatTensor<Self>,
        step: UpdateStep,
        share: f32,
    ) -> FloatTensor<Self> {
        let [weights, gradient, means] =
            [weights, gradient, means].map(|tensor| tensor.into_primitive());
        Self::from_inner(update::update_weights(
            weights, gradient, means, step, share,
        ))
    }

    fn labrum_gpu_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        eps: f64,
        with: With,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), gamma.node(), beta.node()];
        let x = x.into_primitive();
        let affine = norm::NormInputs {
            gamma: gamma.into_primitive(),
            beta: beta.into_primitive(),
            mean: mean.into_primitive(),
            variance: variance.into_primitive(),
            eps: eps as f32,
        };
        let out = norm::forward(x.clone(), affine.clone(), with);
        match NormBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x, affine, with), out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }
}

#[derive(Debug)]
struct ConvBackward;

impl Backward<CubeBackend, 3> for ConvBackward {
    type State = (CubeTensor, CubeTensor, bool);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        // Changed to this layout once for all three gradients.
        let grad = channels_first(channels_last(grads.consume::<CubeBackend>(&ops.node)));
        let (x, weight, is_depthwise) = ops.state;
        let [of_x, of_weight, of_bias] = ops.parents;
        if let Some(node) = of_bias {
            grads.register::<CubeBackend>(node.id, norm::channel_sums(grad.clone()));
        }
        if let Some(node) = of_weight {
            let [_, _, k, _] = weight.meta.shape().dims();
            let gradient = if is_depthwise {
                depthwise::weight_gradient
            } else {
                conv::weight_gradient
            };
            grads.register::<CubeBackend>(node.id, gradient(x, grad.clone(), k));
        }
        // The input gradient is a convolution with flipped weights.
        if let Some(node) = of_x {
            let turned = CubeBackend::float_flip(weight, &[2, 3]);
            let gradient = if is_depthwise {
                depthwise::forward(grad, turned, None)
            } else {
                conv::forward(grad, CubeBackend::float_swap_dims(turned, 0, 1), None)
            };
            grads.register::<CubeBackend>(node.id, gradient);
        }
    }
}

#[derive(Debug)]
struct DoubleBackward;

impl Backward<CubeBackend, 1> for DoubleBackward {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<CubeBackend>(&ops.node);
        let [node] = ops.parents;
        if let Some(node) = node {
            grads.register::<CubeBackend>(node.id, resample::upsample_backward(grad));
        }
    }
}

#[derive(Debug)]
struct PoolBackward;

impl Backward<CubeBackend, 1> for PoolBackward {
    type State = CubeTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<CubeBackend>(&ops.node);
        let [node] = ops.parents;
        if let Some(node) = node {
            grads.register::<CubeBackend>(node.id, resample::pool_backward(ops.state, grad));
        }
    }
}

#[derive(Debug)]
struct NormBackward;

impl Backward<CubeBackend, 3> for NormBackward {
    type State = (CubeTensor, norm::NormInputs, With);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<CubeBackend>(&ops.node);
        let (x, affine, with) = ops.state;
        for (node, gradient) in ops
            .parents
            .into_iter()
            .zip(norm::backward(x, affine, grad, with))
        {
            if let Some(node) = node {
                grads.register::<CubeBackend>(node.id, gradient);
            }
        }
    }
}

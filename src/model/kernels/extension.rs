//! Our operations as burn operations: registered with the CPU backend, with their gradients for autodiff.

use super::{activation, conv, norm};
use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, AutodiffBackend, Backend, Flex, TensorMetadata, backend_extension, tensor::FloatTensor};
use burn::tensor::{Shape, TensorData};
use burn_flex::FlexTensor;

/// What the network needs beyond burn's own operations; shapes as in the module above.
#[backend_extension(Autodiff, Flex)]
pub(super) trait CpuKernels: Backend {
    fn labrum_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        groups: usize,
    ) -> FloatTensor<Self>;
    fn labrum_gelu(x: FloatTensor<Self>) -> FloatTensor<Self>;
    fn labrum_channel_stats(x: FloatTensor<Self>) -> FloatTensor<Self>;
    fn labrum_batch_norm(
        x: FloatTensor<Self>,
        stats: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f32,
    ) -> FloatTensor<Self>;
    fn labrum_affine(x: FloatTensor<Self>, scale: FloatTensor<Self>, shift: FloatTensor<Self>) -> FloatTensor<Self>;
}

fn values(x: FloatTensor<Flex>) -> FlexTensor {
    x.to_contiguous()
}

fn slice(x: &FlexTensor) -> &[f32] {
    let start = x.layout().start_offset();
    &x.storage::<f32>()[start..start + x.layout().num_elements()]
}

fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

fn conv_sizes(x: &FlexTensor, weight: &FlexTensor, groups: usize) -> conv::Sizes {
    let [batch, in_channels, rows, columns] = x.shape().dims();
    let [out_channels, _, kernel, _] = weight.shape().dims();
    conv::Sizes { batch, in_channels, out_channels, groups, rows, columns, kernel }
}

fn norm_sizes(x: &FlexTensor) -> norm::Sizes {
    let [batch, channels, rows, columns] = x.shape().dims();
    norm::Sizes { batch, channels, pixels: rows * columns }
}

impl CpuKernels for Flex {
    fn labrum_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        groups: usize,
    ) -> FloatTensor<Self> {
        let (x, weight, bias) = (values(x), values(weight), values(bias));
        let s = conv_sizes(&x, &weight, groups);
        let out = conv::forward(slice(&x), slice(&weight), Some(slice(&bias)), s);
        tensor(out, [s.batch, s.out_channels, s.rows, s.columns])
    }

    fn labrum_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let x = values(x);
        tensor(activation::forward(slice(&x)), x.shape())
    }

    fn labrum_channel_stats(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let x = values(x);
        let s = norm_sizes(&x);
        tensor(norm::stats(slice(&x), s), [2, s.channels])
    }

    fn labrum_batch_norm(
        x: FloatTensor<Self>,
        stats: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f32,
    ) -> FloatTensor<Self> {
        let (x, stats, gamma, beta) = (values(x), values(stats), values(gamma), values(beta));
        let (scale, shift) = norm::folded(slice(&stats), slice(&gamma), slice(&beta), eps);
        tensor(norm::affine(slice(&x), &scale, &shift, norm_sizes(&x)), x.shape())
    }

    fn labrum_affine(x: FloatTensor<Self>, scale: FloatTensor<Self>, shift: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, scale, shift) = (values(x), values(scale), values(shift));
        tensor(norm::affine(slice(&x), slice(&scale), slice(&shift), norm_sizes(&x)), x.shape())
    }
}

#[derive(Debug)]
struct ConvBackward;

impl Backward<Flex, 3> for ConvBackward {
    type State = (FlexTensor, FlexTensor, usize);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = values(grads.consume::<Flex>(&ops.node));
        let (x, weight, groups) = ops.state;
        let s = conv_sizes(&x, &weight, groups);
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = conv::backward(slice(&x), slice(&weight), slice(&grad), s, wanted);
        let shapes = [x.shape(), weight.shape(), Shape::new([s.out_channels])];
        let all = [found.input, found.weight, found.bias];
        for ((node, gradient), shape) in ops.parents.into_iter().zip(all).zip(shapes) {
            if let (Some(node), Some(gradient)) = (node, gradient) {
                grads.register::<Flex>(node.id, tensor(gradient, shape));
            }
        }
    }
}

#[derive(Debug)]
struct GeluBackward;

impl Backward<Flex, 1> for GeluBackward {
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = values(grads.consume::<Flex>(&ops.node));
        if let [Some(node)] = ops.parents {
            let gradient = activation::backward(slice(&ops.state), slice(&grad));
            grads.register::<Flex>(node.id, tensor(gradient, grad.shape()));
        }
    }
}

#[derive(Debug)]
struct BatchNormBackward;

impl Backward<Flex, 3> for BatchNormBackward {
    type State = (FlexTensor, FlexTensor, FlexTensor, f32);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = values(grads.consume::<Flex>(&ops.node));
        let (x, stats, gamma, eps) = ops.state;
        let s = norm_sizes(&x);
        let (dx, d_gamma, d_beta) = norm::backward(slice(&x), slice(&stats), slice(&gamma), slice(&grad), eps, s);
        let all = [(dx, x.shape()), (d_gamma, gamma.shape()), (d_beta, gamma.shape())];
        for (node, (gradient, shape)) in ops.parents.into_iter().zip(all) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, tensor(gradient, shape));
            }
        }
    }
}

#[derive(Debug)]
struct AffineBackward;

impl Backward<Flex, 1> for AffineBackward {
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = values(grads.consume::<Flex>(&ops.node));
        if let [Some(node)] = ops.parents {
            let s = norm_sizes(&grad);
            let none = vec![0.0; s.channels];
            let gradient = norm::affine(slice(&grad), slice(&ops.state), &none, s);
            grads.register::<Flex>(node.id, tensor(gradient, grad.shape()));
        }
    }
}

impl<C: CheckpointStrategy> CpuKernels for Autodiff<Flex, C> {
    fn labrum_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        groups: usize,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let (x, weight, bias) = (values(x.into_primitive()), values(weight.into_primitive()), bias.into_primitive());
        let out = Flex::labrum_conv2d(x.clone(), weight.clone(), bias, groups);
        match ConvBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x, weight, groups), out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    fn labrum_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x.node()];
        let x = values(x.into_primitive());
        let out = Flex::labrum_gelu(x.clone());
        match GeluBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(x, out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    /// A constant for the gradient: batch norm accounts for the dependence itself.
    fn labrum_channel_stats(x: FloatTensor<Self>) -> FloatTensor<Self> {
        <Self as AutodiffBackend>::from_inner(Flex::labrum_channel_stats(x.into_primitive()))
    }

    fn labrum_batch_norm(
        x: FloatTensor<Self>,
        stats: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f32,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), gamma.node(), beta.node()];
        let x = values(x.into_primitive());
        let (stats, gamma) = (values(stats.into_primitive()), values(gamma.into_primitive()));
        let out = Flex::labrum_batch_norm(x.clone(), stats.clone(), gamma.clone(), beta.into_primitive(), eps);
        match BatchNormBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((x, stats, gamma, eps), out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    /// Differentiable in `x` alone: the statistics it is made from are constants.
    fn labrum_affine(x: FloatTensor<Self>, scale: FloatTensor<Self>, shift: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x.node()];
        let scale = values(scale.into_primitive());
        let out = Flex::labrum_affine(x.into_primitive(), scale.clone(), shift.into_primitive());
        match AffineBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(scale, out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }
}

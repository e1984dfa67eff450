//! Labrum's CPU operations as burn operations: registered with the CPU backend, with gradients for autodiff.

use super::buffers::give_back;
use super::norm;
use super::norm_call::NormCall;
use super::region_loss::{LossSizes, RegionLoss, loss_and_gradient};
use super::tally::{self, Layer, Pass, Traffic};
use super::{concat, conv, conv_sizes::ConvSizes, resample};
use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{
    Autodiff, Backend, Flex, TensorMetadata, backend_extension, tensor::FloatTensor,
};
use burn::tensor::{Shape, TensorData};
use burn_flex::FlexTensor;

/// Operations that burn lacks; shapes as in the parent module.
#[backend_extension(Autodiff, Flex)]
pub(super) trait CpuKernels: Backend {
    fn labrum_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        groups: usize,
    ) -> FloatTensor<Self>;
    fn labrum_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        call: NormCall,
    ) -> FloatTensor<Self>;
    fn labrum_double(x: FloatTensor<Self>) -> FloatTensor<Self>;
    fn labrum_pool(x: FloatTensor<Self>) -> FloatTensor<Self>;
    fn labrum_concat(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;
    fn labrum_region_loss(logits: FloatTensor<Self>, call: RegionLoss) -> FloatTensor<Self>;
}

fn to_contiguous_tensor(x: FloatTensor<Flex>) -> FlexTensor {
    x.to_contiguous()
}

fn as_float_slice(x: &FlexTensor) -> &[f32] {
    let start = x.layout().start_offset();
    &x.storage::<f32>()[start..start + x.layout().num_elements()]
}

fn tensor_from_values(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

fn conv_sizes(x: &FlexTensor, weight: &FlexTensor, groups: usize) -> ConvSizes {
    let [batch, in_channels, rows, columns] = x.shape().dims();
    let [out_channels, _, kernel, _] = weight.shape().dims();
    ConvSizes {
        batch,
        in_channels,
        out_channels,
        groups,
        rows,
        columns,
        kernel,
    }
}

fn norm_sizes(x: &FlexTensor) -> norm::PlaneSizes {
    let [batch, channels, rows, columns] = x.shape().dims();
    norm::PlaneSizes {
        batch,
        channels,
        pixels: rows * columns,
    }
}

/// The size of the smaller planes: `x` itself, or half of it if `twice`.
fn half_size(x: &FlexTensor, twice: bool) -> resample::Half {
    let [_, _, rows, columns] = x.shape().dims();
    let by = if twice { 2 } else { 1 };
    resample::Half {
        rows: rows / by,
        columns: columns / by,
    }
}

/// The shape of `x` with planes `by` times as large as `half`.
fn with_planes(x: &FlexTensor, half: resample::Half, by: usize) -> [usize; 4] {
    let [batch, channels, _, _] = x.shape().dims();
    [batch, channels, by * half.rows, by * half.columns]
}

/// Number of values of one sample.
fn of_sample(x: &FlexTensor) -> usize {
    let [_, channels, rows, columns] = x.shape().dims();
    channels * rows * columns
}

impl CpuKernels for Flex {
    fn labrum_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        groups: usize,
    ) -> FloatTensor<Self> {
        let x = to_contiguous_tensor(x);
        let weight = to_contiguous_tensor(weight);
        let bias = to_contiguous_tensor(bias);
        let s = conv_sizes(&x, &weight, groups);
        let [values, weights, biases] = [&x, &weight, &bias].map(as_float_slice);
        let read = values.len() + weights.len() + biases.len();
        let traffic = Traffic::of_values(read, s.output_length());
        let out = tally::count(s.layer(), Pass::Forward, traffic, || {
            conv::forward(values, weights, Some(biases), s)
        });
        tensor_from_values(out, [s.batch, s.out_channels, s.rows, s.columns])
    }

    fn labrum_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        call: NormCall,
    ) -> FloatTensor<Self> {
        let x = to_contiguous_tensor(x);
        let gamma = to_contiguous_tensor(gamma);
        let beta = to_contiguous_tensor(beta);
        let (values, s) = (as_float_slice(&x), norm_sizes(&x));
        let affine = [&gamma, &beta].map(as_float_slice);
        let traffic = Traffic::of_values(values.len() + 2 * s.channels, values.len());
        let (out, stats) = tally::count(Layer::Norm, Pass::Forward, traffic, || {
            norm::forward(values, affine, &call, s)
        });
        call.record_stats(stats);
        tensor_from_values(out, x.shape())
    }

    fn labrum_double(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let x = to_contiguous_tensor(x);
        let (values, half) = (as_float_slice(&x), half_size(&x, false));
        let traffic = Traffic::of_values(values.len(), 4 * values.len());
        let out = tally::count(Layer::Upsampling, Pass::Forward, traffic, || {
            resample::upsample_bilinear_x2(values, half)
        });
        tensor_from_values(out, with_planes(&x, half, 2))
    }

    fn labrum_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let x = to_contiguous_tensor(x);
        let (values, half) = (as_float_slice(&x), half_size(&x, true));
        let traffic = Traffic::of_values(values.len(), values.len() / 4);
        let out = tally::count(Layer::Pooling, Pass::Forward, traffic, || {
            resample::max_pool_2x2(values, half)
        });
        tensor_from_values(out, with_planes(&x, half, 1))
    }

    fn labrum_concat(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        let a = to_contiguous_tensor(a);
        let b = to_contiguous_tensor(b);
        let [batch, first, rows, columns] = a.shape().dims();
        let [_, second, _, _] = b.shape().dims();
        let parts = [&a, &b].map(as_float_slice);
        let lengths = [&a, &b].map(of_sample);
        let values = parts[0].len() + parts[1].len();
        let traffic = Traffic::of_values(values, values);
        let joined = tally::count(Layer::Concatenation, Pass::Forward, traffic, || {
            concat::join_channels(parts, lengths)
        });
        tensor_from_values(joined, [batch, first + second, rows, columns])
    }

    fn labrum_region_loss(logits: FloatTensor<Self>, call: RegionLoss) -> FloatTensor<Self> {
        let logits = to_contiguous_tensor(logits);
        let (loss, gradient) = region_loss_of(&logits, &call);
        give_back(gradient);
        loss
    }
}

/// The loss, a tensor of one element, and the gradient of the logits.
fn region_loss_of(logits: &FlexTensor, call: &RegionLoss) -> (FlexTensor, FlexTensor) {
    let [batch, classes, rows, columns] = logits.shape().dims();
    let sizes = LossSizes {
        batch,
        classes,
        pixels: rows * columns,
    };
    let values = as_float_slice(logits);
    let traffic = Traffic::of_values(values.len(), values.len());
    let (loss, gradient) = tally::count(Layer::Loss, Pass::Gradients, traffic, || {
        loss_and_gradient(values, call, sizes)
    });
    (
        tensor_from_values(vec![loss as f32], [1]),
        tensor_from_values(gradient, logits.shape()),
    )
}

/// Passes `gradient` to a parent that needs it.
macro_rules! register {
    ($grads:ident, $node:expr, $gradient:expr) => {
        if let Some(node) = $node {
            $grads.register::<Flex>(node.id, $gradient);
        }
    };
}

#[derive(Debug)]
struct ConvBackwardOp;

impl Backward<Flex, 3> for ConvBackwardOp {
    type State = (FlexTensor, FlexTensor, usize);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = to_contiguous_tensor(grads.consume::<Flex>(&ops.node));
        let (x, weight, groups) = ops.state;
        let s = conv_sizes(&x, &weight, groups);
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = conv::backward(
            as_float_slice(&x),
            as_float_slice(&weight),
            as_float_slice(&grad),
            s,
            wanted,
        );
        let shapes = [x.shape(), weight.shape(), Shape::new([s.out_channels])];
        let all = [found.input, found.weight, found.bias];
        for ((node, gradient), shape) in ops.parents.into_iter().zip(all).zip(shapes) {
            if let Some(gradient) = gradient {
                register!(grads, node, tensor_from_values(gradient, shape));
            }
        }
        give_back(grad);
        give_back(x);
    }
}

#[derive(Debug)]
struct NormBackwardOp;

impl Backward<Flex, 3> for NormBackwardOp {
    type State = (FlexTensor, FlexTensor, FlexTensor, NormCall);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = to_contiguous_tensor(grads.consume::<Flex>(&ops.node));
        let (x, gamma, beta, call) = ops.state;
        let (values, slopes, s) = (as_float_slice(&x), as_float_slice(&grad), norm_sizes(&x));
        let affine = [&gamma, &beta].map(as_float_slice);
        let of_affine = 2 * s.channels;
        let traffic = Traffic::of_values(
            values.len() + slopes.len() + of_affine,
            values.len() + of_affine,
        );
        let all = tally::count(Layer::Norm, Pass::Gradients, traffic, || {
            norm::backward(values, affine, slopes, &call, s)
        });
        let shapes = [x.shape(), gamma.shape(), beta.shape()];
        for ((node, gradient), shape) in ops.parents.into_iter().zip(all).zip(shapes) {
            register!(grads, node, tensor_from_values(gradient, shape));
        }
        give_back(grad);
        give_back(x);
    }
}

#[derive(Debug)]
struct DoubleBackwardOp;

impl Backward<Flex, 1> for DoubleBackwardOp {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = to_contiguous_tensor(grads.consume::<Flex>(&ops.node));
        let (values, half) = (as_float_slice(&grad), half_size(&grad, true));
        let [node] = ops.parents;
        let traffic = Traffic::of_values(values.len(), values.len() / 4);
        let gradient = tally::count(Layer::Upsampling, Pass::InputGradient, traffic, || {
            resample::double_backward(values, half)
        });
        let shape = with_planes(&grad, half, 1);
        register!(grads, node, tensor_from_values(gradient, shape));
        give_back(grad);
    }
}

#[derive(Debug)]
struct PoolBackwardOp;

impl Backward<Flex, 1> for PoolBackwardOp {
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = to_contiguous_tensor(grads.consume::<Flex>(&ops.node));
        let x = ops.state;
        let [node] = ops.parents;
        let (half, [values, slopes]) = (half_size(&grad, false), [&x, &grad].map(as_float_slice));
        let traffic = Traffic::of_values(values.len() + slopes.len(), values.len());
        let gradient = tally::count(Layer::Pooling, Pass::InputGradient, traffic, || {
            resample::pool_backward(values, slopes, half)
        });
        register!(grads, node, tensor_from_values(gradient, x.shape()));
        give_back(grad);
        give_back(x);
    }
}

#[derive(Debug)]
struct ConcatBackward;

impl Backward<Flex, 2> for ConcatBackward {
    type State = [Shape; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = to_contiguous_tensor(grads.consume::<Flex>(&ops.node));
        let lengths = ops
            .state
            .each_ref()
            .map(|shape| shape.num_elements() / shape[0].max(1));
        let values = as_float_slice(&grad);
        let traffic = Traffic::of_values(values.len(), values.len());
        let parts = tally::count(Layer::Concatenation, Pass::InputGradient, traffic, || {
            concat::split_channels(values, lengths)
        });
        for ((node, part), shape) in ops.parents.into_iter().zip(parts).zip(ops.state) {
            register!(grads, node, tensor_from_values(part, shape));
        }
        give_back(grad);
    }
}

#[derive(Debug)]
struct RegionLossBackwardOp;

impl Backward<Flex, 1> for RegionLossBackwardOp {
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = to_contiguous_tensor(grads.consume::<Flex>(&ops.node));
        let factor = as_float_slice(&grad)[0];
        let mut gradient = ops.state;
        if factor != 1.0 {
            let values = gradient.storage_mut::<f32>();
            values.iter_mut().for_each(|value| *value *= factor);
        }
        let [node] = ops.parents;
        register!(grads, node, gradient);
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
        let x = to_contiguous_tensor(x.into_primitive());
        let weight = to_contiguous_tensor(weight.into_primitive());
        let bias = bias.into_primitive();
        let out = Flex::labrum_conv2d(x.clone(), weight.clone(), bias, groups);
        match ConvBackwardOp
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish((x, weight, groups), out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    fn labrum_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        call: NormCall,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), gamma.node(), beta.node()];
        let x = to_contiguous_tensor(x.into_primitive());
        let gamma = to_contiguous_tensor(gamma.into_primitive());
        let beta = to_contiguous_tensor(beta.into_primitive());
        let out = Flex::labrum_norm(x.clone(), gamma.clone(), beta.clone(), call.clone());
        match NormBackwardOp
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish((x, gamma, beta, call), out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    fn labrum_double(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x.node()];
        let x = x.into_primitive();
        let out = Flex::labrum_double(x.clone());
        give_back(x);
        match DoubleBackwardOp
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish((), out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    fn labrum_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x.node()];
        let x = to_contiguous_tensor(x.into_primitive());
        let out = Flex::labrum_pool(x.clone());
        match PoolBackwardOp
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(x, out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }

    fn labrum_region_loss(logits: FloatTensor<Self>, call: RegionLoss) -> FloatTensor<Self> {
        let nodes = [logits.node()];
        let logits = to_contiguous_tensor(logits.into_primitive());
        let (loss, gradient) = region_loss_of(&logits, &call);
        match RegionLossBackwardOp
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(gradient, loss),
            OpsKind::UnTracked(prep) => prep.finish(loss),
        }
    }

    fn labrum_concat(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [a.node(), b.node()];
        let a = a.into_primitive();
        let b = b.into_primitive();
        let shapes = [a.shape(), b.shape()];
        let out = Flex::labrum_concat(a.clone(), b.clone());
        give_back(a);
        give_back(b);
        match ConcatBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(shapes, out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }
}

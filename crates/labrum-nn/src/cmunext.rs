//! CMUNeXt (Tang et al., "CMUNeXt: An Efficient Medical Image Segmentation Network based on Large Kernel and Skip
//! Fusion", arXiv 2308.01239), with the tensor names of its published checkpoints.

use super::kernels;
use burn::module::{Module, Param, ParamId, RunningState};
use burn::tensor::{Device, Tensor};
use labrum_core::model_card::Config;

/// Height and width of the input must be multiples of this: it is halved four times.
pub const SIZE_MULTIPLE: usize = 16;

/// Added to the variance by batch norm.
const EPS: f64 = 1e-5;
/// Weight of a new batch in the running statistics.
pub(super) const MOMENTUM: f64 = 0.1;

/// Channels, number of units and kernel size of each of the five stages.
struct Stages {
    dims: [usize; 5],
    depths: [usize; 5],
    kernels: [usize; 5],
}

impl Stages {
    fn for_config(config: Config) -> Self {
        let (dims, depths, kernels) = match config {
            Config::S => ([8, 16, 32, 64, 128], [1, 1, 1, 1, 1], [3, 3, 7, 7, 9]),
            Config::Base => ([16, 32, 128, 160, 256], [1, 1, 1, 3, 1], [3, 3, 7, 7, 7]),
            Config::L => ([32, 64, 128, 256, 512], [1, 1, 1, 6, 3], [3, 3, 7, 7, 7]),
        };
        Self {
            dims,
            depths,
            kernels,
        }
    }
}

/// A tensor of the network, to read or replace.
pub enum Slot<'a> {
    /// Weights of a convolution.
    Weight(&'a mut Param<Tensor<4>>),
    /// A bias, or gamma and beta of a norm.
    Vector(&'a mut Param<Tensor<1>>),
    /// A running statistic.
    Statistic(&'a mut RunningState<Tensor<1>>),
}

/// Called for every tensor with its name in a published checkpoint and its slot.
pub type Visitor<'v> = dyn FnMut(&str, Slot<'_>) + 'v;

/// Convolution, stride 1, zero padding k/2, with bias.
#[derive(Module, Debug)]
struct Conv {
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
    groups: usize,
}

/// With a gradient, if the device computes any.
pub(super) fn to_learnable_tensor<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    if tensor.is_autodiff() {
        tensor.require_grad()
    } else {
        tensor
    }
}

/// Not by burn's initialisers: one of them needs matrix products, which would make the program larger by 20 MB.
fn parameter<const D: usize>(tensor: Tensor<D>) -> Param<Tensor<D>> {
    Param::initialized(ParamId::new(), to_learnable_tensor(tensor))
}

impl Conv {
    fn new(ci: usize, co: usize, kernel: usize, groups: usize, device: &Device) -> Self {
        Self {
            weight: parameter(Tensor::zeros([co, ci / groups, kernel, kernel], device)),
            bias: parameter(Tensor::zeros([co], device)),
            groups,
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        kernels::conv2d(x, self.weight.val(), self.bias.val(), self.groups)
    }

    fn each_tensor(&mut self, name: &str, f: &mut Visitor<'_>) {
        f(&format!("{name}.weight"), Slot::Weight(&mut self.weight));
        f(&format!("{name}.bias"), Slot::Vector(&mut self.bias));
    }
}

/// Batch norm, with batch statistics on an autodiff device unless these are fixed, else with running statistics.
#[derive(Module, Debug)]
struct Norm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    running_mean: RunningState<Tensor<1>>,
    running_var: RunningState<Tensor<1>>,
    /// Uses the running statistics on an autodiff device, too, and does not update them.
    is_fixed: bool,
}

impl Norm {
    fn new(channels: usize, device: &Device) -> Self {
        Self {
            gamma: parameter(Tensor::ones([channels], device)),
            beta: parameter(Tensor::zeros([channels], device)),
            running_mean: RunningState::new(Tensor::zeros([channels], device)),
            running_var: RunningState::new(Tensor::ones([channels], device)),
            is_fixed: false,
        }
    }

    /// GELU, then the norm.
    fn after_gelu(&self, x: Tensor<4>) -> Tensor<4> {
        if self.is_fixed || !x.device().is_autodiff() {
            let gamma = self.gamma.val();
            let beta = self.beta.val();
            return kernels::gelu_fixed_norm(x, gamma, beta, self.running_statistics(), EPS);
        }
        let count = values_of_a_channel(&x);
        let (out, statistics) = kernels::gelu_norm(x, self.gamma.val(), self.beta.val(), EPS);
        self.update_running_statistics(statistics, count);
        out
    }

    /// The norm, then ReLU.
    fn before_relu(&self, x: Tensor<4>) -> Tensor<4> {
        if self.is_fixed || !x.device().is_autodiff() {
            let gamma = self.gamma.val();
            let beta = self.beta.val();
            return kernels::fixed_norm_relu(x, gamma, beta, self.running_statistics(), EPS);
        }
        let count = values_of_a_channel(&x);
        let (out, statistics) = kernels::norm_relu(x, self.gamma.val(), self.beta.val(), EPS);
        self.update_running_statistics(statistics, count);
        out
    }

    fn running_statistics(&self) -> kernels::NormStatistics {
        [self.running_mean.value(), self.running_var.value()]
    }

    /// Updates the running statistics with those of a batch of `count` values per channel.
    fn update_running_statistics(&self, [mean, var]: kernels::NormStatistics, count: f64) {
        // PyTorch keeps the unbiased variance.
        let unbiased = count / (count - 1.0).max(1.0);
        let updates = [
            (&self.running_mean, mean, 1.0),
            (&self.running_var, var, unbiased),
        ];
        for (state, batch, factor) in updates {
            let running = state.value_sync().inner();
            let mixed = kernels::mix_statistics(running, batch.inner(), MOMENTUM, factor);
            state.update(Tensor::from_inner(mixed));
        }
    }

    fn each_tensor(&mut self, name: &str, f: &mut Visitor<'_>) {
        f(&format!("{name}.weight"), Slot::Vector(&mut self.gamma));
        f(&format!("{name}.bias"), Slot::Vector(&mut self.beta));
        f(
            &format!("{name}.running_mean"),
            Slot::Statistic(&mut self.running_mean),
        );
        f(
            &format!("{name}.running_var"),
            Slot::Statistic(&mut self.running_var),
        );
    }
}

fn values_of_a_channel(x: &Tensor<4>) -> f64 {
    let [b, _, h, w] = x.dims();
    (b * h * w) as f64
}

/// Convolution 3x3, batch norm, ReLU.
#[derive(Module, Debug)]
struct ConvBlock {
    conv: Conv,
    norm: Norm,
}

impl ConvBlock {
    fn new(ci: usize, co: usize, device: &Device) -> Self {
        Self {
            conv: Conv::new(ci, co, 3, 1, device),
            norm: Norm::new(co, device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.norm.before_relu(self.conv.forward(x))
    }

    /// `first` is the index of the convolution in its PyTorch `Sequential`.
    fn each_tensor(&mut self, name: &str, first: usize, f: &mut Visitor<'_>) {
        self.conv.each_tensor(&format!("{name}.{first}"), f);
        self.norm.each_tensor(&format!("{name}.{}", first + 1), f);
    }
}

/// Convolution, GELU, batch norm: the order in CMUNeXt and fusion blocks.
#[derive(Module, Debug)]
struct GeluBlock {
    conv: Conv,
    norm: Norm,
}

impl GeluBlock {
    fn new(ci: usize, co: usize, kernel: usize, groups: usize, device: &Device) -> Self {
        Self {
            conv: Conv::new(ci, co, kernel, groups, device),
            norm: Norm::new(co, device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.norm.after_gelu(self.conv.forward(x))
    }

    /// `first` is the index of the convolution in its PyTorch `Sequential`; GELU lies between it and the norm.
    fn each_tensor(&mut self, name: &str, first: usize, f: &mut Visitor<'_>) {
        self.conv.each_tensor(&format!("{name}.{first}"), f);
        self.norm.each_tensor(&format!("{name}.{}", first + 2), f);
    }
}

/// Depthwise k x k with a residual, then 1x1 to four times the channels and back.
#[derive(Module, Debug)]
struct CmuNextUnit {
    depthwise: GeluBlock,
    widen: GeluBlock,
    narrow: GeluBlock,
}

impl CmuNextUnit {
    fn new(c: usize, kernel: usize, device: &Device) -> Self {
        Self {
            depthwise: GeluBlock::new(c, c, kernel, c, device),
            widen: GeluBlock::new(c, 4 * c, 1, 1, device),
            narrow: GeluBlock::new(4 * c, c, 1, 1, device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = kernels::add_residual(x.clone(), self.depthwise.forward(x));
        self.narrow.forward(self.widen.forward(x))
    }

    fn fix_statistics(&mut self) {
        for block in [&mut self.depthwise, &mut self.widen, &mut self.narrow] {
            block.norm.is_fixed = true;
        }
    }

    fn each_tensor(&mut self, name: &str, f: &mut Visitor<'_>) {
        self.depthwise.each_tensor(&format!("{name}.0.fn"), 0, f);
        self.widen.each_tensor(name, 1, f);
        self.narrow.each_tensor(name, 4, f);
    }
}

/// CMUNeXt units, then a conv block that changes the number of channels.
#[derive(Module, Debug)]
struct Encoder {
    units: Vec<CmuNextUnit>,
    up: ConvBlock,
}

impl Encoder {
    fn new(ci: usize, co: usize, depth: usize, kernel: usize, device: &Device) -> Self {
        Self {
            units: (0..depth)
                .map(|_| CmuNextUnit::new(ci, kernel, device))
                .collect(),
            up: ConvBlock::new(ci, co, device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.up
            .forward(self.units.iter().fold(x, |x, unit| unit.forward(x)))
    }

    fn fix_statistics(&mut self) {
        self.units.iter_mut().for_each(CmuNextUnit::fix_statistics);
        self.up.norm.is_fixed = true;
    }
}

/// One decoder stage: bilinear x2 and a conv block, then fusion with the skip connection.
#[derive(Module, Debug)]
struct Decoder {
    up: ConvBlock,
    grouped: GeluBlock,
    widen: GeluBlock,
    narrow: GeluBlock,
}

impl Decoder {
    fn new(ci: usize, co: usize, device: &Device) -> Self {
        Self {
            up: ConvBlock::new(ci, co, device),
            grouped: GeluBlock::new(2 * co, 2 * co, 3, 2, device),
            widen: GeluBlock::new(2 * co, 4 * co, 1, 1, device),
            narrow: GeluBlock::new(4 * co, co, 1, 1, device),
        }
    }

    fn forward(&self, skip: Tensor<4>, x: Tensor<4>) -> Tensor<4> {
        let x = self.up.forward(kernels::upsample_bilinear_x2(x));
        let x = self.grouped.forward(kernels::concat_channels(skip, x));
        self.narrow.forward(self.widen.forward(x))
    }

    fn fix_statistics(&mut self) {
        self.up.norm.is_fixed = true;
        for block in [&mut self.grouped, &mut self.widen, &mut self.narrow] {
            block.norm.is_fixed = true;
        }
    }
}

/// The network: `[B,channels,H,W]` to logits `[B,classes,H,W]`, H and W multiples of [`SIZE_MULTIPLE`].
#[derive(Module, Debug)]
pub struct CmuNext {
    stem: ConvBlock,
    encoders: Vec<Encoder>,
    /// From deepest to shallowest: Up5, Up4, Up3, Up2.
    decoders: Vec<Decoder>,
    head: Conv,
}

impl CmuNext {
    /// A network to be filled with weights: those of its convolutions are 0, and norms change nothing.
    pub fn new(config: Config, channels: usize, classes: usize, device: &Device) -> Self {
        let Stages {
            dims,
            depths,
            kernels,
        } = Stages::for_config(config);
        Self {
            stem: ConvBlock::new(channels, dims[0], device),
            encoders: (0..5)
                .map(|s: usize| {
                    let inner = dims[s.saturating_sub(1)];
                    Encoder::new(inner, dims[s], depths[s], kernels[s], device)
                })
                .collect(),
            decoders: (1..5)
                .rev()
                .map(|s| Decoder::new(dims[s], dims[s - 1], device))
                .collect(),
            head: Conv::new(dims[0], classes, 1, 1, device),
        }
    }

    /// Raw logits at full resolution.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let mut x = self.stem.forward(x);
        let mut skips = Vec::with_capacity(self.encoders.len());
        for (s, encoder) in self.encoders.iter().enumerate() {
            if s > 0 {
                x = kernels::max_pool_2x2(x);
            }
            x = encoder.forward(x);
            skips.push(x.clone());
        }
        skips.pop();
        for (decoder, skip) in self.decoders.iter().zip(skips.into_iter().rev()) {
            x = decoder.forward(skip, x);
        }
        self.head.forward(x)
    }

    /// From now on, batch norms use the running statistics in training, too, and leave them as they are: for fine-tuning
    /// on images that are too few, or too much alike, for statistics of their own.
    pub fn fix_statistics(&mut self) {
        self.stem.norm.is_fixed = true;
        self.encoders.iter_mut().for_each(Encoder::fix_statistics);
        self.decoders.iter_mut().for_each(Decoder::fix_statistics);
    }

    /// Calls `f` for every tensor with its name in a published checkpoint, always in the same order.
    pub fn each_tensor(&mut self, f: &mut Visitor<'_>) {
        self.stem.each_tensor("stem.conv", 0, f);
        for (s, encoder) in self.encoders.iter_mut().enumerate() {
            for (i, unit) in encoder.units.iter_mut().enumerate() {
                unit.each_tensor(&format!("encoder{}.block.{i}", s + 1), f);
            }
            encoder
                .up
                .each_tensor(&format!("encoder{}.up.conv", s + 1), 0, f);
        }
        for (i, decoder) in self.decoders.iter_mut().enumerate() {
            let s = 5 - i;
            decoder.up.each_tensor(&format!("Up{s}.up"), 1, f);
            decoder
                .grouped
                .each_tensor(&format!("Up_conv{s}.conv"), 0, f);
            decoder.widen.each_tensor(&format!("Up_conv{s}.conv"), 3, f);
            decoder
                .narrow
                .each_tensor(&format!("Up_conv{s}.conv"), 6, f);
        }
        self.head.each_tensor("Conv_1x1", f);
    }
}

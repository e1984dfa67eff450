//! 3x3 convolutions with bias and activation: a thread computes 2x2 pixels of four channels.

use super::super::folded::FoldedConv;
use super::block::{
    Block, add_plane_products, add_products, block_at, read_doubled_window, read_plane_window,
    read_window,
};
use super::device::Gpu;
use super::quad::{Quad, THREADS, add_parts, gelu, part_count, relu, zero_sums};
use burn_wgpu::CubeTensor;
use cubecl::prelude::*;

/// Weights `[inputs, 3, 3, outputs]` and biases `[outputs]` on the device.
struct ConvWeights {
    weight: CubeTensor,
    bias: CubeTensor,
}

impl ConvWeights {
    fn upload(gpu: &Gpu, conv: &FoldedConv) -> Self {
        Self {
            weight: gpu.upload(outputs_last(conv)),
            bias: gpu.upload(conv.bias.clone()),
        }
    }
}

/// Weights `[outputs, inputs, 3, 3]` as `[inputs, 3, 3, outputs]`.
fn outputs_last(conv: &FoldedConv) -> Vec<f32> {
    let outputs = conv.output_channels();
    let depth = conv.weight.len() / outputs;
    (0..conv.weight.len())
        .map(|i| conv.weight[i % outputs * depth + i / outputs])
        .collect()
}

/// Blocks of 2x2 pixels of [B,H,W,C], and quads of its channels.
fn block_and_quad_counts(out: &CubeTensor) -> [usize; 2] {
    let [batch, rows, columns, channels] = out.meta.shape().dims();
    [batch * rows.div_ceil(2) * columns.div_ceil(2), channels / 4]
}

/// The first convolution, with ReLU; any number of input channels.
pub(super) struct StemConv {
    weights: ConvWeights,
}

impl StemConv {
    pub(super) fn upload(gpu: &Gpu, conv: &FoldedConv) -> Self {
        Self {
            weights: ConvWeights::upload(gpu, conv),
        }
    }

    /// x [B,Ci,H,W] to out [B,H,W,Co].
    pub(super) fn run_layer(&self, gpu: &Gpu, x: &CubeTensor, out: &CubeTensor) {
        let [blocks, quads] = block_and_quad_counts(out);
        let (count, threads) = gpu.launch_size(blocks * quads, 1);
        stem_kernel::launch(
            &gpu.client,
            count,
            threads,
            x.clone().into_tensor_arg(),
            self.weights.weight.clone().into_tensor_arg(),
            self.weights.bias.clone().into_tensor_arg(),
            out.clone().into_tensor_arg(),
        );
    }
}

/// A convolution of one group, with ReLU.
pub(super) struct DenseConv {
    weights: ConvWeights,
    /// What stands in for the pooled output where there is none.
    nothing: CubeTensor,
}

/// What a convolution reads.
#[derive(Clone, Copy)]
pub(super) enum ConvInput<'a> {
    /// At its own size.
    Same(&'a CubeTensor),
    /// Upsampled x2 first, bilinearly with half-pixel centres.
    Doubled(&'a CubeTensor),
}

impl DenseConv {
    pub(super) fn upload(gpu: &Gpu, conv: &FoldedConv) -> Self {
        Self {
            weights: ConvWeights::upload(gpu, conv),
            nothing: gpu.empty([4]),
        }
    }

    /// x [B,H,W,Ci] to out [B,H,W,Co] and, if it is asked for, the maximum of each 2x2 block [B,H/2,W/2,Co].
    pub(super) fn run_layer(
        &self,
        gpu: &Gpu,
        x: ConvInput<'_>,
        out: &CubeTensor,
        pooled: Option<&CubeTensor>,
    ) {
        let (x, is_doubled) = match x {
            ConvInput::Same(x) => (x, false),
            ConvInput::Doubled(x) => (x, true),
        };
        let (parts, count, threads) = shared_launch(gpu, x, out);
        dense_kernel::launch(
            &gpu.client,
            count,
            threads,
            x.clone().into_tensor_arg(),
            self.weights.weight.clone().into_tensor_arg(),
            self.weights.bias.clone().into_tensor_arg(),
            out.clone().into_tensor_arg(),
            pooled.unwrap_or(&self.nothing).clone().into_tensor_arg(),
            is_doubled,
            pooled.is_some(),
            parts,
        );
    }
}

/// Number of threads that share the sums of a tile, and the launch, for an input [B,H,W,C] and an output.
fn shared_launch(gpu: &Gpu, x: &CubeTensor, out: &CubeTensor) -> (usize, CubeCount, CubeDim) {
    let [blocks, quads] = block_and_quad_counts(out);
    let [.., in_channels] = x.meta.shape().dims::<4>();
    let parts = part_count(blocks * quads, in_channels / 4);
    let (count, threads) = gpu.launch_size(blocks * quads, parts);
    (parts, count, threads)
}

/// A convolution of two groups, each on its own input, with GELU.
pub(super) struct GroupedConv {
    /// The weights of both groups, one after the other.
    weights: ConvWeights,
}

impl GroupedConv {
    pub(super) fn upload(gpu: &Gpu, groups: &[FoldedConv; 2]) -> Self {
        Self {
            weights: ConvWeights {
                weight: gpu.upload(groups.iter().flat_map(outputs_last).collect()),
                bias: gpu.upload(groups.iter().flat_map(|conv| conv.bias.clone()).collect()),
            },
        }
    }

    /// skip and up [B,H,W,C] to out [B,H,W,2C].
    pub(super) fn run_layer(
        &self,
        gpu: &Gpu,
        skip: &CubeTensor,
        up: &CubeTensor,
        out: &CubeTensor,
    ) {
        let (parts, count, threads) = shared_launch(gpu, skip, out);
        grouped_kernel::launch(
            &gpu.client,
            count,
            threads,
            skip.clone().into_tensor_arg(),
            up.clone().into_tensor_arg(),
            self.weights.weight.clone().into_tensor_arg(),
            self.weights.bias.clone().into_tensor_arg(),
            out.clone().into_tensor_arg(),
            parts,
        );
    }
}

/// x [B,Ci,H,W]; weight [Ci,3,3,Co]; bias [Co]; out [B,H,W,Co].
#[cube(launch)]
fn stem_kernel(
    x: &Tensor<f32>,
    weight: &Tensor<Quad>,
    bias: &Tensor<Quad>,
    out: &mut Tensor<Quad>,
) {
    let quads = out.shape(3) / 4;
    let quad = ABSOLUTE_POS % quads;
    let block = block_at(ABSOLUTE_POS / quads, out.shape(1), out.shape(2));
    if block.sample < out.shape(0) {
        let mut sums = zero_sums(4usize);
        let mut window = Array::<f32>::new(16usize);
        for channel in 0..x.shape(1) {
            read_plane_window(x, &block, channel, &mut window);
            add_plane_products(
                &window,
                weight,
                channel * 9 * quads + quad,
                quads,
                &mut sums,
            );
        }
        activate_block(&mut sums, bias[quad], false);
        write_block(&sums, &block, quad, out);
    }
}

/// x [B,H,W,Ci], or [B,H/2,W/2,Ci] if it is doubled; weight [Ci,3,3,Co]; bias [Co]; out [B,H,W,Co]; pooled
/// [B,H/2,W/2,Co].
#[cube(launch)]
fn dense_kernel(
    x: &Tensor<Quad>,
    weight: &Tensor<Quad>,
    bias: &Tensor<Quad>,
    out: &mut Tensor<Quad>,
    pooled: &mut Tensor<Quad>,
    #[comptime] is_doubled: bool,
    #[comptime] pools: bool,
    #[comptime] parts: usize,
) {
    let slots = comptime!(THREADS / parts);
    let tile = CUBE_POS * slots + UNIT_POS_X as usize % slots;
    let part = UNIT_POS_X as usize / slots;
    let quads = out.shape(3) / 4;
    let quad = tile % quads;
    let block = block_at(tile / quads, out.shape(1), out.shape(2));
    let is_inside = block.sample < out.shape(0);
    let mut sums = zero_sums(4usize);
    if is_inside {
        add_channels(
            x, &block, weight, quad, quads, part, &mut sums, is_doubled, parts,
        );
    }
    add_parts(&mut sums, 4usize, parts);
    if is_inside && part == 0 {
        activate_block(&mut sums, bias[quad], false);
        write_block(&sums, &block, quad, out);
        if pools {
            let row = block.sample * (block.rows / 2) + block.row;
            let pixel = row * (block.columns / 2) + block.column;
            pooled[pixel * quads + quad] = max(max(sums[0], sums[1]), max(sums[2], sums[3]));
        }
    }
}

/// skip and up [B,H,W,C]; weight [2,C,3,3,C]; bias [2C]; out [B,H,W,2C].
#[cube(launch)]
fn grouped_kernel(
    skip: &Tensor<Quad>,
    up: &Tensor<Quad>,
    weight: &Tensor<Quad>,
    bias: &Tensor<Quad>,
    out: &mut Tensor<Quad>,
    #[comptime] parts: usize,
) {
    let slots = comptime!(THREADS / parts);
    let tile = CUBE_POS * slots + UNIT_POS_X as usize % slots;
    let part = UNIT_POS_X as usize / slots;
    // Neighbouring threads have the same group, so that they read the same input.
    let quads = skip.shape(3) / 4;
    let quad = tile % quads;
    let down = out.shape(1).div_ceil(2);
    let along = out.shape(2).div_ceil(2);
    let blocks = out.shape(0) * down * along;
    let block = block_at(tile / quads % blocks, out.shape(1), out.shape(2));
    let group = tile / quads / blocks;
    let first = group * quads * 36 * quads + quad;
    let mut sums = zero_sums(4usize);
    if group == 0 {
        add_channels(
            skip, &block, weight, first, quads, part, &mut sums, false, parts,
        );
    } else if group == 1 {
        add_channels(
            up, &block, weight, first, quads, part, &mut sums, false, parts,
        );
    }
    add_parts(&mut sums, 4usize, parts);
    if group < 2 && part == 0 {
        let out_quad = group * quads + quad;
        activate_block(&mut sums, bias[out_quad], true);
        write_block(&sums, &block, out_quad, out);
    }
}

/// Adds the products of a part of the input channels to the sums of a block. `first` is the place of the first weight of
/// the block's output channels, `quads` the distance to that of the next tap.
#[cube]
fn add_channels(
    x: &Tensor<Quad>,
    block: &Block,
    weight: &Tensor<Quad>,
    first: usize,
    quads: usize,
    part: usize,
    sums: &mut Array<Quad>,
    #[comptime] is_doubled: bool,
    #[comptime] parts: usize,
) {
    let mut window = Array::<Quad>::new(16usize);
    let in_quads = x.shape(3) / 4;
    let mut channel = part;
    while channel < in_quads {
        if is_doubled {
            read_doubled_window(x, block, channel, &mut window);
        } else {
            read_window(x, block, channel, &mut window);
        }
        add_products(&window, weight, first + channel * 36 * quads, quads, sums);
        channel += parts;
    }
}

/// Adds the bias and applies GELU or ReLU.
#[cube]
fn activate_block(sums: &mut Array<Quad>, bias: Quad, #[comptime] is_gelu: bool) {
    #[unroll]
    for pixel in 0..4usize {
        let value = sums[pixel] + bias;
        if is_gelu {
            sums[pixel] = gelu(value);
        } else {
            sums[pixel] = relu(value);
        }
    }
}

/// Writes the pixels of a block that are inside of the image.
#[cube]
fn write_block(values: &Array<Quad>, block: &Block, quad: usize, out: &mut Tensor<Quad>) {
    let quads = out.shape(3) / 4;
    #[unroll]
    for pixel in 0..4usize {
        let row = 2 * block.row + comptime!(pixel / 2);
        let column = 2 * block.column + comptime!(pixel % 2);
        if row < block.rows && column < block.columns {
            let place = (block.sample * block.rows + row) * block.columns + column;
            out[place * quads + quad] = values[pixel];
        }
    }
}

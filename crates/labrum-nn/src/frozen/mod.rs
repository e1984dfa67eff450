//! CMUNeXt for inference: batch norms folded into the weights, and buffers allocated once and reused. On the CPU each
//! strip of rows is taken through several layers while it is in the cache; `gpu` has the network for graphics cards.
//!
//! It computes the same as [`CmuNext`](super::cmunext::CmuNext) with running statistics, up to float32 rounding.

mod conv3;
mod counted;
mod folded;
mod gpu;
mod planes;
mod pointwise;
mod pool;
mod softmax;
mod unit;

use super::checkpoint::Weights;
use super::cmunext::SIZE_MULTIPLE;
use super::kernels::simd::MAX_LANES;
use super::kernels::tally::{self, Layer, Pass, Traffic};
use super::kernels::tile::Packed;
use conv3::{Activation, Conv3, GroupInput};
use folded::{FoldedConv, FoldedDecoder, FoldedEncoder, FoldedMixer, FoldedNetwork, FoldedUnit};
pub(super) use gpu::FrozenOnGpu;
use labrum_core::{Error, Result};
use planes::Planes;
use pointwise::{ClassHead, WidenNarrow};
use softmax::softmax_in_place;
use std::{array, mem, slice};
use unit::FrozenUnit;

/// Number of resolutions: the input is halved four times.
const STAGES: usize = 5;

/// A network for inference only on the CPU, with its buffers.
#[derive(Debug)]
pub struct Frozen {
    stem: Conv3,
    encoders: Vec<FrozenEncoder>,
    /// From deepest to shallowest.
    decoders: Vec<FrozenDecoder>,
    head: ClassHead,
    in_channels: usize,
    buffers: Option<Buffers>,
}

#[derive(Debug)]
struct FrozenEncoder {
    units: Vec<FrozenUnit>,
    up: Conv3,
}

#[derive(Debug)]
struct FrozenDecoder {
    up: Conv3,
    /// One group for the skip connection, one for the upsampled input.
    grouped: [Conv3; 2],
    mixer: WidenNarrow,
}

/// Activations between the layers, for one size of input.
#[derive(Debug)]
struct Buffers {
    input: Planes,
    stages: Vec<StageBuffers>,
    logits: Planes,
}

/// Buffers of one resolution.
#[derive(Debug)]
struct StageBuffers {
    /// Input and output of the units, by turns.
    units: [Planes; 2],
    /// Output of the encoder, for the next stage and for the decoder.
    skip: Planes,
    /// Upsampled input from the stage below, later the output of the decoder.
    up: Planes,
    grouped: Planes,
}

impl Frozen {
    /// Builds the network from weights with their published names and a softmax head. Errors: a tensor that is missing
    /// or has the wrong shape.
    pub fn new(weights: &Weights) -> Result<Self> {
        let network = FoldedNetwork::read(weights)?;
        let stem = Conv3::from_folded(&network.stem, Activation::Relu);
        Ok(Self {
            in_channels: stem.in_channels(),
            stem,
            encoders: network
                .encoders
                .into_iter()
                .map(FrozenEncoder::from_folded)
                .collect(),
            decoders: network
                .decoders
                .into_iter()
                .map(FrozenDecoder::from_folded)
                .collect(),
            head: ClassHead {
                weights: pack_pointwise(&network.head),
                bias: network.head.bias,
            },
            buffers: None,
        })
    }

    /// Number of classes, background included.
    pub fn class_count(&self) -> usize {
        self.head.bias.len()
    }

    /// Logits `[classes, rows, columns]` of an input `[channels, rows, columns]`, rows and columns multiples of
    /// [`SIZE_MULTIPLE`].
    ///
    /// # Panics
    /// If the input does not have that size: a programming error, like any other shape mismatch.
    pub fn compute_logits(&mut self, input: &[f32], rows: usize, columns: usize) -> Vec<f32> {
        assert_eq!(
            input.len(),
            self.in_channels * rows * columns,
            "wrong size of input"
        );
        let sides = [rows, columns];
        assert!(
            sides.iter().all(|side| side.is_multiple_of(SIZE_MULTIPLE)),
            "sides must be multiples of 16: {sides:?}"
        );
        // Buffers of another size are freed before these are planned.
        let kept = self.buffers.take();
        let kept = kept.filter(|b| (b.input.rows, b.input.columns) == (rows, columns));
        let mut buffers = kept.unwrap_or_else(|| self.plan_buffers(rows, columns));
        fill_input(&mut buffers.input, input);
        self.forward_stages(&mut buffers);
        let logits = flatten_planes(&buffers.logits);
        self.buffers = Some(buffers);
        logits
    }

    /// Probabilities `[samples, classes, rows, columns]` of inputs `[samples, channels, rows, columns]`.
    ///
    /// Errors: logits that are not finite. Panics like [`Frozen::compute_logits`].
    pub fn predict_probabilities(
        &mut self,
        inputs: &[f32],
        [samples, channels, rows, columns]: [usize; 4],
    ) -> Result<Vec<f32>> {
        let length = samples * self.class_count() * rows * columns;
        let mut out = Vec::with_capacity(length);
        tally::count_allocation(length);
        for input in inputs.chunks(channels * rows * columns) {
            let start = out.len();
            out.extend(self.compute_logits(input, rows, columns));
            let logits = &mut out[start..];
            if logits.iter().any(|v| !v.is_finite()) {
                return Err(Error::new(
                    "run the model",
                    "the output contains NaN or infinite values",
                ));
            }
            let traffic = Traffic::of_values(logits.len(), logits.len());
            tally::count(Layer::Softmax, Pass::Forward, traffic, || {
                softmax_in_place(logits, self.head.bias.len());
            });
        }
        Ok(out)
    }

    fn plan_buffers(&self, rows: usize, columns: usize) -> Buffers {
        Buffers {
            input: Planes::new(self.in_channels, rows, columns, 1),
            stages: (0..STAGES)
                .map(|s| self.plan_stage(s, rows >> s, columns >> s))
                .collect(),
            logits: Planes::new(self.class_count(), rows, columns, 0),
        }
    }

    /// The buffers of stage `s`, whose planes have these rows and columns.
    fn plan_stage(&self, s: usize, rows: usize, columns: usize) -> StageBuffers {
        let encoder = &self.encoders[s];
        let inner = encoder.up.in_channels();
        let outer = encoder.up.output_channels();
        let border = encoder
            .units
            .iter()
            .map(|unit| unit.kernel / 2)
            .max()
            .unwrap_or(0)
            .max(1);
        // The deepest stage has no decoder.
        let decoded = if s + 1 < STAGES { outer } else { 0 };
        StageBuffers {
            units: array::from_fn(|_| Planes::new(inner, rows, columns, border)),
            skip: Planes::new(outer, rows, columns, 1),
            up: Planes::new(decoded, rows, columns, 1),
            grouped: Planes::new(2 * decoded, rows, columns, 0),
        }
    }

    fn forward_stages(&self, buffers: &mut Buffers) {
        let Buffers {
            input,
            stages,
            logits,
        } = buffers;
        counted::run_groups(
            slice::from_ref(&self.stem),
            &[GroupInput::Same(input)],
            &mut stages[0].units[0],
        );
        for (s, encoder) in self.encoders.iter().enumerate() {
            let (above, stage) = stages.split_at_mut(s);
            let stage = &mut stage[0];
            if let Some(above) = above.last() {
                counted::max_pool_2x2(&above.skip, &mut stage.units[0]);
            }
            let [mut from, mut to] = stage.units.each_mut();
            for unit in &encoder.units {
                counted::run_unit(unit, from, to);
                mem::swap(&mut from, &mut to);
            }
            counted::run_groups(
                slice::from_ref(&encoder.up),
                &[GroupInput::Same(from)],
                &mut stage.skip,
            );
        }
        for (decoder, s) in self.decoders.iter().zip((0..STAGES - 1).rev()) {
            let (stages, below) = stages.split_at_mut(s + 1);
            let stage = &mut stages[s];
            let below = if s + 2 == STAGES {
                &below[0].skip
            } else {
                &below[0].up
            };
            counted::run_groups(
                slice::from_ref(&decoder.up),
                &[GroupInput::Doubled(below)],
                &mut stage.up,
            );
            counted::run_groups(
                &decoder.grouped,
                &[GroupInput::Same(&stage.skip), GroupInput::Same(&stage.up)],
                &mut stage.grouped,
            );
            counted::run_mixer(&decoder.mixer, &stage.grouped, &mut stage.up);
        }
        counted::run_head(&self.head, &stages[0].up, logits);
    }
}

fn fill_input(planes: &mut Planes, input: &[f32]) {
    let channels = planes.channels;
    let rows = planes.rows;
    let columns = planes.columns;
    let pitch = planes.channel_pitch();
    for (i, row) in planes.inside_mut().chunks_exact_mut(pitch).enumerate() {
        let start = (i % channels * rows + i / channels) * columns;
        row[MAX_LANES..MAX_LANES + columns].copy_from_slice(&input[start..start + columns]);
    }
}

/// The values `[channels, rows, columns]` without padding.
fn flatten_planes(planes: &Planes) -> Vec<f32> {
    let mut out = Vec::with_capacity(planes.value_count());
    tally::count_allocation(planes.value_count());
    for channel in 0..planes.channels {
        for row in 0..planes.rows {
            let start = channel * planes.channel_pitch() + MAX_LANES;
            out.extend_from_slice(&planes.row_values(row as isize)[start..start + planes.columns]);
        }
    }
    out
}

impl FrozenEncoder {
    fn from_folded(encoder: FoldedEncoder) -> Self {
        Self {
            units: encoder
                .units
                .into_iter()
                .map(FrozenUnit::from_folded)
                .collect(),
            up: Conv3::from_folded(&encoder.up, Activation::Relu),
        }
    }
}

impl FrozenUnit {
    fn from_folded(unit: FoldedUnit) -> Self {
        Self {
            kernel: unit.kernel,
            weight: unit.depthwise.weight,
            bias: unit.depthwise.bias,
            scale: unit.norm.scale,
            shift: unit.norm.shift,
            mixer: WidenNarrow::from_folded(unit.mixer),
        }
    }
}

impl FrozenDecoder {
    fn from_folded(decoder: FoldedDecoder) -> Self {
        Self {
            up: Conv3::from_folded(&decoder.up, Activation::Relu),
            grouped: decoder
                .grouped
                .map(|group| Conv3::from_folded(&group, Activation::Gelu)),
            mixer: WidenNarrow::from_folded(decoder.mixer),
        }
    }
}

impl WidenNarrow {
    fn from_folded(mixer: FoldedMixer) -> Self {
        Self {
            widen: pack_pointwise(&mixer.widen),
            widen_bias: mixer.widen.bias,
            narrow: pack_pointwise(&mixer.narrow),
            narrow_bias: mixer.narrow.bias,
            scale: mixer.norm.scale,
            shift: mixer.norm.shift,
        }
    }
}

impl Conv3 {
    fn from_folded(conv: &FoldedConv, activation: Activation) -> Self {
        Self::new(&conv.weight, conv.bias.clone(), activation)
    }
}

/// The weights of a 1x1 convolution in the order of the product.
fn pack_pointwise(conv: &FoldedConv) -> Packed {
    let depth = conv.input_channels(1);
    Packed::new(conv.bias.len(), depth, |out, t| {
        conv.weight[out * depth + t]
    })
}

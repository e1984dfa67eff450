//! CMUNeXt for inference on the CPU: batch norms folded into the weights, buffers allocated once and reused, and each
//! strip of rows taken through several layers while it is in the cache.
//!
//! It computes the same as [`CmuNext`](super::cmunext::CmuNext) with running statistics, up to float32 rounding.

mod conv3;
mod counted;
mod planes;
mod pointwise;
mod pool;
mod softmax;
mod unit;

use super::checkpoint::{PlainTensor, Weights};
use super::cmunext::SIZE_MULTIPLE;
use super::kernels::simd::MAX_LANES;
use super::kernels::tally::{self, Layer, Pass, Traffic};
use super::kernels::tile::Packed;
use conv3::{Activation, Conv3, GroupInput};
use labrum_core::{Error, Result};
use planes::Planes;
use pointwise::{ClassHead, WidenNarrow};
use softmax::softmax_in_place;
use std::{array, mem, slice};
use unit::FrozenUnit;

/// Added to the variance by batch norm.
const EPS: f64 = 1e-5;
/// Number of resolutions: the input is halved four times.
const STAGES: usize = 5;

/// A network for inference only, with its buffers.
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
        let reader = LayerReader { weights };
        let stem = reader.conv_block("stem.conv", 0)?;
        let encoders = (1..=STAGES)
            .map(|s| reader.read_encoder(s))
            .collect::<Result<Vec<_>>>()?;
        let decoders = (2..=STAGES)
            .rev()
            .map(|s| reader.read_decoder(s))
            .collect::<Result<Vec<_>>>()?;
        let (weight, bias) = reader.read_conv("Conv_1x1")?;
        let depth = weight.shape[1];
        let weights = Packed::new(bias.len(), depth, |out, t| weight.values[out * depth + t]);
        let head = ClassHead {
            weights,
            bias: bias.to_vec(),
        };
        Ok(Self {
            in_channels: stem.in_channels(),
            stem,
            encoders,
            decoders,
            head,
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
        let mut buffers = match self.buffers.take() {
            Some(buffers) if (buffers.input.rows, buffers.input.columns) == (rows, columns) => {
                buffers
            }
            _ => self.plan_buffers(rows, columns),
        };
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

/// Reads layers from weights and folds their batch norms.
struct LayerReader<'a> {
    weights: &'a Weights,
}

/// Scale and shift of a batch norm with its running statistics.
struct FoldedNorm {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl LayerReader<'_> {
    fn find_tensor(&self, name: &str) -> Result<&PlainTensor> {
        self.weights
            .get(name)
            .ok_or_else(|| Error::new("prepare the model", format!("\"{name}\" is missing")))
    }

    /// Weight and bias of a convolution.
    fn read_conv(&self, name: &str) -> Result<(&PlainTensor, &[f32])> {
        let weight = self.find_tensor(&format!("{name}.weight"))?;
        let bias = self.find_tensor(&format!("{name}.bias"))?;
        let sound = weight.shape.len() == 4
            && weight.shape[0] == bias.values.len()
            && weight.values.len() == weight.shape.iter().product::<usize>()
            && !weight.values.is_empty();
        if sound {
            Ok((weight, &bias.values))
        } else {
            Err(Error::new(
                "prepare the model",
                format!("weight and bias of \"{name}\" do not match"),
            ))
        }
    }

    fn read_folded_norm(&self, name: &str, channels: usize) -> Result<FoldedNorm> {
        let gamma = self.read_norm_part(name, "weight", channels)?;
        let beta = self.read_norm_part(name, "bias", channels)?;
        let mean = self.read_norm_part(name, "running_mean", channels)?;
        let var = self.read_norm_part(name, "running_var", channels)?;
        let scale: Vec<f64> = (0..channels)
            .map(|c| f64::from(gamma[c]) / (f64::from(var[c]) + EPS).sqrt())
            .collect();
        let shift = (0..channels)
            .map(|c| (f64::from(beta[c]) - f64::from(mean[c]) * scale[c]) as f32)
            .collect();
        Ok(FoldedNorm {
            scale: scale.iter().map(|s| *s as f32).collect(),
            shift,
        })
    }

    /// One of the four tensors of a batch norm.
    fn read_norm_part(&self, name: &str, part: &str, channels: usize) -> Result<&[f32]> {
        let values = &self.find_tensor(&format!("{name}.{part}"))?.values;
        if values.len() == channels {
            Ok(values)
        } else {
            Err(Error::new(
                "prepare the model",
                format!("\"{name}.{part}\" does not have {channels} values"),
            ))
        }
    }

    /// Conv, batch norm, ReLU: the norm is folded into the weights.
    fn conv_block(&self, name: &str, first: usize) -> Result<Conv3> {
        let (weight, bias) = self.read_conv(&format!("{name}.{first}"))?;
        let norm = self.read_folded_norm(&format!("{name}.{}", first + 1), bias.len())?;
        let depth = weight.values.len() / bias.len();
        let folded: Vec<f32> = weight
            .values
            .iter()
            .enumerate()
            .map(|(i, w)| w * norm.scale[i / depth])
            .collect();
        let bias = (0..bias.len())
            .map(|c| bias[c] * norm.scale[c] + norm.shift[c])
            .collect();
        Ok(Conv3::new(&folded, bias, Activation::Relu))
    }

    fn read_encoder(&self, s: usize) -> Result<FrozenEncoder> {
        let mut units = Vec::new();
        while self
            .weights
            .contains_key(&format!("encoder{s}.block.{}.1.weight", units.len()))
        {
            let name = format!("encoder{s}.block.{}", units.len());
            let (weight, bias) = self.read_conv(&format!("{name}.0.fn.0"))?;
            let norm = self.read_folded_norm(&format!("{name}.0.fn.2"), bias.len())?;
            units.push(FrozenUnit {
                kernel: weight.shape[2],
                weight: weight.values.clone(),
                bias: bias.to_vec(),
                scale: norm.scale,
                shift: norm.shift,
                mixer: self.read_mixer(&name, 1, None)?,
            });
        }
        Ok(FrozenEncoder {
            units,
            up: self.conv_block(&format!("encoder{s}.up.conv"), 0)?,
        })
    }

    fn read_decoder(&self, s: usize) -> Result<FrozenDecoder> {
        let name = format!("Up_conv{s}.conv");
        let (weight, bias) = self.read_conv(&format!("{name}.0"))?;
        let norm = self.read_folded_norm(&format!("{name}.2"), bias.len())?;
        let (skip_weight, up_weight) = weight.values.split_at(weight.values.len() / 2);
        let (skip_bias, up_bias) = bias.split_at(bias.len() / 2);
        Ok(FrozenDecoder {
            up: self.conv_block(&format!("Up{s}.up"), 1)?,
            grouped: [
                Conv3::new(skip_weight, skip_bias.to_vec(), Activation::Gelu),
                Conv3::new(up_weight, up_bias.to_vec(), Activation::Gelu),
            ],
            mixer: self.read_mixer(&name, 3, Some(norm))?,
        })
    }

    /// Two 1x1 convolutions, to a wider layer and back. The norms in front of them (`before` the first one, and between
    /// the two) are folded into their weights, which is exact because 1x1 convolutions have no padding.
    fn read_mixer(
        &self,
        name: &str,
        first: usize,
        before: Option<FoldedNorm>,
    ) -> Result<WidenNarrow> {
        let (weight, bias) = self.read_conv(&format!("{name}.{first}"))?;
        let (widen, widen_bias) = fold_before(weight, bias, before.as_ref());
        let norm = self.read_folded_norm(&format!("{name}.{}", first + 2), bias.len())?;
        let (weight, bias) = self.read_conv(&format!("{name}.{}", first + 3))?;
        let (narrow, narrow_bias) = fold_before(weight, bias, Some(&norm));
        let FoldedNorm { scale, shift } =
            self.read_folded_norm(&format!("{name}.{}", first + 5), bias.len())?;
        Ok(WidenNarrow {
            widen,
            widen_bias,
            narrow,
            narrow_bias,
            scale,
            shift,
        })
    }
}

/// Weights and bias of the layer W (scale x + shift) + b as a function of x.
fn fold_before(
    weight: &PlainTensor,
    bias: &[f32],
    before: Option<&FoldedNorm>,
) -> (Packed, Vec<f32>) {
    let depth = weight.values.len() / bias.len();
    let weight = &weight.values;
    let Some(FoldedNorm { scale, shift }) = before else {
        let packed = Packed::new(bias.len(), depth, |out, t| weight[out * depth + t]);
        return (packed, bias.to_vec());
    };
    let packed = Packed::new(bias.len(), depth, |out, t| {
        weight[out * depth + t] * scale[t]
    });
    let mut moved_bias = Vec::with_capacity(bias.len());
    for (out, own) in bias.iter().enumerate() {
        let from_shift: f64 = (0..depth)
            .map(|t| f64::from(weight[out * depth + t]) * f64::from(shift[t]))
            .sum();
        moved_bias.push((f64::from(*own) + from_shift) as f32);
    }
    (packed, moved_bias)
}

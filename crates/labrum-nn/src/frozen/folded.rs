//! The layers of the network with their batch norms folded into the weights, for any device.
//!
//! A norm behind a convolution, or in front of one without padding, is folded into its weights. A norm behind an
//! activation stays as scale and shift.

use super::super::checkpoint::{PlainTensor, Weights};
use super::STAGES;
use labrum_core::{Error, Result};

/// Added to the variance by batch norm.
const EPS: f64 = 1e-5;

/// All layers of a network with running statistics and a softmax head.
#[derive(Debug)]
pub(super) struct FoldedNetwork {
    pub stem: FoldedConv,
    pub encoders: Vec<FoldedEncoder>,
    /// From deepest to shallowest.
    pub decoders: Vec<FoldedDecoder>,
    pub head: FoldedConv,
}

/// A convolution: weights `[outputs, inputs, kernel, kernel]` and biases `[outputs]`.
#[derive(Debug)]
pub(super) struct FoldedConv {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// Scale and shift of a batch norm with its running statistics, one of each per channel.
#[derive(Debug)]
pub(super) struct FoldedNorm {
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

/// Units, then a 3x3 convolution with ReLU.
#[derive(Debug)]
pub(super) struct FoldedEncoder {
    pub units: Vec<FoldedUnit>,
    pub up: FoldedConv,
}

/// x + norm(GELU(depthwise(x))), then 1x1 to a wider layer and back.
#[derive(Debug)]
pub(super) struct FoldedUnit {
    /// Rows and columns of the depthwise kernels.
    pub kernel: usize,
    pub depthwise: FoldedConv,
    pub norm: FoldedNorm,
    pub mixer: FoldedMixer,
}

/// norm(GELU(narrow(GELU(widen(x))))), both 1x1.
#[derive(Debug)]
pub(super) struct FoldedMixer {
    pub widen: FoldedConv,
    pub narrow: FoldedConv,
    pub norm: FoldedNorm,
}

/// Bilinear x2 and a 3x3 convolution with ReLU, then fusion with the skip connection.
#[derive(Debug)]
pub(super) struct FoldedDecoder {
    pub up: FoldedConv,
    /// 3x3 with GELU: one group for the skip connection, one for the upsampled input.
    pub grouped: [FoldedConv; 2],
    pub mixer: FoldedMixer,
}

impl FoldedNetwork {
    /// Reads the layers from weights with their published names. Errors: a tensor that is missing or has the wrong
    /// shape.
    pub(super) fn read(weights: &Weights) -> Result<Self> {
        let reader = LayerReader { weights };
        let (weight, bias) = reader.read_conv("Conv_1x1")?;
        Ok(Self {
            stem: reader.conv_block("stem.conv", 0)?,
            encoders: (1..=STAGES)
                .map(|s| reader.read_encoder(s))
                .collect::<Result<_>>()?,
            decoders: (2..=STAGES)
                .rev()
                .map(|s| reader.read_decoder(s))
                .collect::<Result<_>>()?,
            head: FoldedConv {
                weight: weight.values.clone(),
                bias: bias.to_vec(),
            },
        })
    }
}

impl FoldedConv {
    /// Number of output channels.
    pub(super) fn output_channels(&self) -> usize {
        self.bias.len()
    }

    /// Number of input channels of each output channel, for a kernel of this many rows and columns.
    pub(super) fn input_channels(&self, kernel: usize) -> usize {
        self.weight.len() / (self.bias.len() * kernel * kernel)
    }
}

/// Reads layers from weights and folds their batch norms.
struct LayerReader<'a> {
    weights: &'a Weights,
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
        if var.iter().any(|v| *v < 0.0) {
            let reason = format!("\"{name}.running_var\" has a negative value");
            return Err(Error::new("prepare the model", reason));
        }
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
    fn conv_block(&self, name: &str, first: usize) -> Result<FoldedConv> {
        let (weight, bias) = self.read_conv(&format!("{name}.{first}"))?;
        let norm = self.read_folded_norm(&format!("{name}.{}", first + 1), bias.len())?;
        let depth = weight.values.len() / bias.len();
        let folded = weight
            .values
            .iter()
            .enumerate()
            .map(|(i, w)| w * norm.scale[i / depth])
            .collect();
        let bias = (0..bias.len())
            .map(|c| bias[c] * norm.scale[c] + norm.shift[c])
            .collect();
        Ok(FoldedConv {
            weight: folded,
            bias,
        })
    }

    fn read_encoder(&self, s: usize) -> Result<FoldedEncoder> {
        let mut units = Vec::new();
        while self
            .weights
            .contains_key(&format!("encoder{s}.block.{}.1.weight", units.len()))
        {
            let name = format!("encoder{s}.block.{}", units.len());
            let (weight, bias) = self.read_conv(&format!("{name}.0.fn.0"))?;
            units.push(FoldedUnit {
                kernel: weight.shape[2],
                depthwise: FoldedConv {
                    weight: weight.values.clone(),
                    bias: bias.to_vec(),
                },
                norm: self.read_folded_norm(&format!("{name}.0.fn.2"), bias.len())?,
                mixer: self.read_mixer(&name, 1, None)?,
            });
        }
        Ok(FoldedEncoder {
            units,
            up: self.conv_block(&format!("encoder{s}.up.conv"), 0)?,
        })
    }

    fn read_decoder(&self, s: usize) -> Result<FoldedDecoder> {
        let name = format!("Up_conv{s}.conv");
        let (weight, bias) = self.read_conv(&format!("{name}.0"))?;
        let norm = self.read_folded_norm(&format!("{name}.2"), bias.len())?;
        let (skip_weight, up_weight) = weight.values.split_at(weight.values.len() / 2);
        let (skip_bias, up_bias) = bias.split_at(bias.len() / 2);
        Ok(FoldedDecoder {
            up: self.conv_block(&format!("Up{s}.up"), 1)?,
            grouped: [(skip_weight, skip_bias), (up_weight, up_bias)].map(|(weight, bias)| {
                FoldedConv {
                    weight: weight.to_vec(),
                    bias: bias.to_vec(),
                }
            }),
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
    ) -> Result<FoldedMixer> {
        let (weight, bias) = self.read_conv(&format!("{name}.{first}"))?;
        let widen = fold_before(weight, bias, before.as_ref());
        let norm = self.read_folded_norm(&format!("{name}.{}", first + 2), bias.len())?;
        let (weight, bias) = self.read_conv(&format!("{name}.{}", first + 3))?;
        Ok(FoldedMixer {
            widen,
            narrow: fold_before(weight, bias, Some(&norm)),
            norm: self.read_folded_norm(&format!("{name}.{}", first + 5), bias.len())?,
        })
    }
}

/// The layer W (scale x + shift) + b as a function of x.
fn fold_before(weight: &PlainTensor, bias: &[f32], before: Option<&FoldedNorm>) -> FoldedConv {
    let weight = &weight.values;
    let Some(FoldedNorm { scale, shift }) = before else {
        return FoldedConv {
            weight: weight.clone(),
            bias: bias.to_vec(),
        };
    };
    let depth = weight.len() / bias.len();
    let mut moved_bias = Vec::with_capacity(bias.len());
    for (out, own) in bias.iter().enumerate() {
        let from_shift: f64 = (0..depth)
            .map(|t| f64::from(weight[out * depth + t]) * f64::from(shift[t]))
            .sum();
        moved_bias.push((f64::from(*own) + from_shift) as f32);
    }
    FoldedConv {
        weight: weight
            .iter()
            .enumerate()
            .map(|(i, w)| w * scale[i % depth])
            .collect(),
        bias: moved_bias,
    }
}

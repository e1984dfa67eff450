//! The frozen network on a GPU: few launches of kernels, in one submission, between one upload and one read-back.
//!
//! Values lie channels last, [B,H,W,C], in buffers that are planned for a size and kept. It computes the same as on the
//! CPU, up to float32 rounding.

mod block;
mod conv3;
mod depthwise;
mod device;
mod head;
mod plan;
mod pointwise;
mod quad;

use super::super::checkpoint::Weights;
use super::super::cmunext::SIZE_MULTIPLE;
use super::super::kernels::gpu_counts;
use super::folded::{FoldedConv, FoldedDecoder, FoldedEncoder, FoldedNetwork, FoldedUnit};
use burn::tensor::Bytes;
use burn_wgpu::CubeTensor;
use conv3::{ConvInput, DenseConv, GroupedConv, StemConv};
use cubecl::Device as CubeDevice;
use depthwise::Depthwise;
use device::Gpu;
use head::ClassHead;
use labrum_core::{Error, Result};
use plan::{Buffers, EncoderBuffers};
use pointwise::{CHANNEL_MULTIPLE, Mixer};

/// A network for inference only, with its weights and buffers on a GPU. Make all calls from one thread.
pub(crate) struct FrozenOnGpu {
    gpu: Gpu,
    stem: StemConv,
    encoders: Vec<Encoder>,
    /// From deepest to shallowest.
    decoders: Vec<Decoder>,
    head: ClassHead,
    widths: Widths,
    buffers: Option<Buffers>,
}

struct Encoder {
    units: Vec<Unit>,
    up: DenseConv,
}

struct Unit {
    depthwise: Depthwise,
    mixer: Mixer,
}

struct Decoder {
    up: DenseConv,
    grouped: GroupedConv,
    mixer: Mixer,
}

/// Numbers of channels.
struct Widths {
    input: usize,
    classes: usize,
    /// Of the units of each stage.
    inner: Vec<usize>,
    /// Of the output of each stage.
    outer: Vec<usize>,
}

impl FrozenOnGpu {
    /// Uploads weights with their published names and a softmax head to a device of burn.
    ///
    /// Errors: a device that is not a GPU of burn's wgpu runtime; a tensor that is missing or has the wrong shape;
    /// channels that are not a multiple of 8, except those of the input and the classes.
    ///
    /// # Panics
    /// If the device fails, like burn.
    pub(crate) fn new(weights: &Weights, device: &burn::tensor::Device) -> Result<Self> {
        let network = FoldedNetwork::read(weights)?;
        let widths = Widths::of_network(&network)?;
        let gpu = Gpu::new(find_cube_device(device)?);
        Ok(Self {
            stem: StemConv::upload(&gpu, &network.stem),
            encoders: network
                .encoders
                .iter()
                .map(|encoder| Encoder::upload(&gpu, encoder))
                .collect(),
            decoders: network
                .decoders
                .iter()
                .map(|decoder| Decoder::upload(&gpu, decoder))
                .collect(),
            head: ClassHead::upload(&gpu, &network.head),
            gpu,
            widths,
            buffers: None,
        })
    }

    /// Probabilities `[samples, classes, rows, columns]` of inputs `[samples, channels, rows, columns]`, rows and columns
    /// multiples of [`SIZE_MULTIPLE`]. NaN where logits are NaN or infinite.
    ///
    /// Errors: the device fails, and says so.
    ///
    /// # Panics
    /// If the device fails, like burn, or if the inputs do not have that size.
    pub(crate) fn predict_probabilities(
        &mut self,
        inputs: &[f32],
        [samples, channels, rows, columns]: [usize; 4],
    ) -> Result<Vec<f32>> {
        assert_eq!(channels, self.widths.input, "wrong number of channels");
        assert_eq!(
            inputs.len(),
            samples * channels * rows * columns,
            "wrong size of input"
        );
        assert!(
            [rows, columns]
                .iter()
                .all(|side| side.is_multiple_of(SIZE_MULTIPLE)),
            "sides must be multiples of 16: {rows}x{columns}"
        );
        let together = self.widths.samples_at_once(rows, columns).min(samples);
        let mut out = Vec::with_capacity(samples * self.widths.classes * rows * columns);
        for group in inputs.chunks((together * channels * rows * columns).max(1)) {
            let count = group.len() / (channels * rows * columns);
            let size = [count, rows, columns];
            // Buffers of another size are freed before these are planned.
            let kept = self.buffers.take().filter(|buffers| buffers.size == size);
            let buffers = kept.unwrap_or_else(|| Buffers::plan(&self.gpu, &self.widths, size));
            self.launch_layers(group, &buffers);
            out.extend(read_back(&self.gpu, &buffers.probabilities)?);
            self.buffers = Some(buffers);
        }
        Ok(out)
    }

    /// Uploads the inputs and launches all layers.
    fn launch_layers(&self, inputs: &[f32], buffers: &Buffers) {
        let gpu = &self.gpu;
        gpu_counts::count_upload(size_of_val(inputs));
        gpu.client
            .write(&buffers.input.handle, Bytes::from_elems(inputs.to_vec()));
        let stages = &buffers.encoders;
        self.stem.run_layer(gpu, &buffers.input, &stages[0].units);
        for (s, (encoder, stage)) in self.encoders.iter().zip(stages).enumerate() {
            encoder.run_layers(gpu, stage, stages.get(s + 1));
        }
        let mut skips = stages.iter().rev().map(|stage| &stage.skip);
        let Some(mut below) = skips.next() else {
            return;
        };
        for ((decoder, stage), skip) in self.decoders.iter().zip(&buffers.decoders).zip(skips) {
            decoder
                .up
                .run_layer(gpu, ConvInput::Doubled(below), &stage.up, None);
            decoder
                .grouped
                .run_layer(gpu, skip, &stage.up, &stage.grouped);
            decoder
                .mixer
                .run_layer(gpu, &stage.grouped, &stage.wide, &stage.up);
            below = &stage.up;
        }
        self.head.run_layer(gpu, below, &buffers.probabilities);
    }
}

impl Encoder {
    fn upload(gpu: &Gpu, encoder: &FoldedEncoder) -> Self {
        Self {
            units: encoder
                .units
                .iter()
                .map(|unit| Unit::upload(gpu, unit))
                .collect(),
            up: DenseConv::upload(gpu, &encoder.up),
        }
    }

    /// Runs the units of a stage in its buffers, then the convolution, whose pooled output is the input of the stage
    /// below.
    fn run_layers(&self, gpu: &Gpu, stage: &EncoderBuffers, below: Option<&EncoderBuffers>) {
        for unit in &self.units {
            unit.depthwise.run_layer(gpu, &stage.units, &stage.mixed);
            unit.mixer
                .run_layer(gpu, &stage.mixed, &stage.wide, &stage.units);
        }
        let pooled = below.map(|below| &below.units);
        self.up
            .run_layer(gpu, ConvInput::Same(&stage.units), &stage.skip, pooled);
    }
}

impl Unit {
    fn upload(gpu: &Gpu, unit: &FoldedUnit) -> Self {
        Self {
            depthwise: Depthwise::upload(gpu, unit.kernel, &unit.depthwise, &unit.norm),
            mixer: Mixer::upload(gpu, &unit.mixer),
        }
    }
}

impl Decoder {
    fn upload(gpu: &Gpu, decoder: &FoldedDecoder) -> Self {
        Self {
            up: DenseConv::upload(gpu, &decoder.up),
            grouped: GroupedConv::upload(gpu, &decoder.grouped),
            mixer: Mixer::upload(gpu, &decoder.mixer),
        }
    }
}

impl Widths {
    fn of_network(network: &FoldedNetwork) -> Result<Self> {
        let ups: Vec<&FoldedConv> = network.encoders.iter().map(|encoder| &encoder.up).collect();
        let widths = Self {
            input: network.stem.input_channels(3),
            classes: network.head.output_channels(),
            inner: ups.iter().map(|up| up.input_channels(3)).collect(),
            outer: ups.iter().map(|up| up.output_channels()).collect(),
        };
        let mut inside = widths.inner.iter().chain(&widths.outer);
        if inside.all(|width| width.is_multiple_of(CHANNEL_MULTIPLE)) {
            Ok(widths)
        } else {
            Err(Error::new(
                "prepare the model for the GPU",
                format!("its layers do not have a multiple of {CHANNEL_MULTIPLE} channels"),
            ))
        }
    }
}

/// The device as cubecl knows it.
fn find_cube_device(device: &burn::tensor::Device) -> Result<CubeDevice> {
    match device.clone().inner().as_dispatch() {
        burn::backend::DispatchDevice::Cube(device) => Ok(device.clone()),
        _ => Err(Error::new("use the GPU", "the device is not a GPU")),
    }
}

/// Waits for the device, and copies a tensor from it.
fn read_back(gpu: &Gpu, tensor: &CubeTensor) -> Result<Vec<f32>> {
    let bytes = gpu.client.read_one(tensor.handle.clone()).map_err(|e| {
        // What follows the first line is a backtrace.
        let text = e.to_string();
        let reason = text.lines().next().unwrap_or_default();
        Error::new("run the model on the GPU", reason)
            .with_advice("Choose the CPU in the settings or with --device cpu.")
    })?;
    gpu_counts::count_read_back(bytes.len());
    Ok(bytemuck::pod_collect_to_vec(&bytes))
}

#[cfg(test)]
mod tests;

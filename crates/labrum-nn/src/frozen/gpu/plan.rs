//! The buffers between the layers, planned for one size of input.

use super::super::STAGES;
use super::Widths;
use super::device::Gpu;
use burn_wgpu::CubeTensor;

/// Channels of a wide layer for each channel of the narrow one.
const WIDENING: usize = 4;
/// Bytes of a buffer that every GPU can bind: WebGPU guarantees them.
const LARGEST_BUFFER: usize = 128 << 20;

/// Activations between the layers, [samples,rows,columns,channels] but for input and output.
pub(super) struct Buffers {
    /// Samples, rows and columns of the input.
    pub size: [usize; 3],
    /// [samples,channels,rows,columns]
    pub input: CubeTensor,
    /// From shallowest to deepest.
    pub encoders: Vec<EncoderBuffers>,
    /// From deepest to shallowest.
    pub decoders: Vec<DecoderBuffers>,
    /// [samples,classes,rows,columns]
    pub probabilities: CubeTensor,
}

/// Buffers of one resolution on the way down.
pub(super) struct EncoderBuffers {
    /// Input and output of the units.
    pub units: CubeTensor,
    /// Output of the depthwise convolution of a unit.
    pub mixed: CubeTensor,
    /// Wide layer of a unit.
    pub wide: CubeTensor,
    /// Output of the stage, for the decoder.
    pub skip: CubeTensor,
}

/// Buffers of one resolution on the way up.
pub(super) struct DecoderBuffers {
    /// Upsampled input from the stage below, later the output of the stage.
    pub up: CubeTensor,
    pub grouped: CubeTensor,
    pub wide: CubeTensor,
}

impl Buffers {
    /// Plans buffers for this number of samples, rows and columns.
    pub(super) fn plan(gpu: &Gpu, widths: &Widths, size: [usize; 3]) -> Self {
        let [samples, rows, columns] = size;
        // A wide layer is read by the next launch and never again: all share one buffer.
        let wide = gpu.empty_buffer(samples * widths.largest_layer(rows, columns));
        let stage_shape = |s: usize, channels: usize| [samples, rows >> s, columns >> s, channels];
        let encoders = (0..STAGES).map(|s| EncoderBuffers {
            units: gpu.empty(stage_shape(s, widths.inner[s])),
            mixed: gpu.empty(stage_shape(s, widths.inner[s])),
            wide: gpu.view(wide.clone(), stage_shape(s, WIDENING * widths.inner[s])),
            skip: gpu.empty(stage_shape(s, widths.outer[s])),
        });
        let decoders = (0..STAGES - 1).rev().map(|s| DecoderBuffers {
            up: gpu.empty(stage_shape(s, widths.outer[s])),
            grouped: gpu.empty(stage_shape(s, 2 * widths.outer[s])),
            wide: gpu.view(wide.clone(), stage_shape(s, WIDENING * widths.outer[s])),
        });
        Self {
            size,
            input: gpu.empty([samples, widths.input, rows, columns]),
            encoders: encoders.collect(),
            decoders: decoders.collect(),
            probabilities: gpu.empty([samples, widths.classes, rows, columns]),
        }
    }
}

impl Widths {
    /// Number of values of the largest wide layer of one sample.
    fn largest_layer(&self, rows: usize, columns: usize) -> usize {
        (0..STAGES)
            .map(|s| WIDENING * self.inner[s].max(self.outer[s]) * (rows >> s) * (columns >> s))
            .max()
            .unwrap_or(0)
    }

    /// Number of samples whose buffers every GPU can bind, at least 1.
    pub(super) fn samples_at_once(&self, rows: usize, columns: usize) -> usize {
        let ends = self.input.max(self.classes) * rows * columns;
        let largest = self.largest_layer(rows, columns).max(ends);
        (LARGEST_BUFFER / (size_of::<f32>() * largest.max(1))).max(1)
    }
}

//! Sizes of a convolution, and values derived from them.

use super::tally::Layer;

/// Sizes of one convolution.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConvSizes {
    pub batch: usize,
    pub in_channels: usize,
    pub out_channels: usize,
    pub groups: usize,
    pub rows: usize,
    pub columns: usize,
    pub kernel: usize,
}

impl ConvSizes {
    /// The convolution that computes the input gradient from the output gradient.
    pub(super) fn transposed(self) -> Self {
        Self {
            in_channels: self.out_channels,
            out_channels: self.in_channels,
            ..self
        }
    }

    /// The same with the pixels in short rows of a few vectors, if the kernel has no neighbours (1x1): then the
    /// channels of a row lie close together.
    pub(super) fn flattened_rows(self) -> Self {
        const COLUMNS: usize = 64;
        let pixels = self.pixel_count();
        match self.kernel {
            1 if pixels.is_multiple_of(COLUMNS) => Self {
                rows: pixels / COLUMNS,
                columns: COLUMNS,
                ..self
            },
            _ => self,
        }
    }

    pub(super) fn border_width(&self) -> usize {
        self.kernel / 2
    }

    pub(super) fn pixel_count(&self) -> usize {
        self.rows * self.columns
    }

    /// Number of values of the input.
    pub(super) fn input_length(&self) -> usize {
        self.batch * self.in_channels * self.pixel_count()
    }

    /// Number of values of the output.
    pub(super) fn output_length(&self) -> usize {
        self.batch * self.out_channels * self.pixel_count()
    }

    pub(super) fn in_per_group(&self) -> usize {
        self.in_channels / self.groups
    }

    pub(super) fn out_per_group(&self) -> usize {
        self.out_channels / self.groups
    }

    /// Number of weights of one output channel.
    pub(super) fn tap_count(&self) -> usize {
        self.in_per_group() * self.kernel * self.kernel
    }

    pub(super) fn is_depthwise(&self) -> bool {
        self.in_per_group() == 1 && self.out_per_group() == 1
    }

    /// The kind of layer as it is counted.
    pub(super) fn layer(&self) -> Layer {
        if self.is_depthwise() {
            Layer::DepthwiseConvolution
        } else if self.kernel == 1 {
            Layer::PointwiseConvolution
        } else {
            Layer::DenseConvolution
        }
    }
}

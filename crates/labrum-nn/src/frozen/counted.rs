//! Runs the layers of the frozen network, and counts them.

use super::conv3::{self, Conv3, GroupInput};
use super::planes::Planes;
use super::pointwise::{ClassHead, WidenNarrow};
use super::pool;
use super::unit::FrozenUnit;
use crate::kernels::tally::{self, Layer, Pass, Traffic};

pub(super) fn run_unit(unit: &FrozenUnit, input: &Planes, out: &mut Planes) {
    count_layer(
        Layer::Unit,
        unit.weight_count(),
        input,
        out,
        |input, out| {
            unit.run_layer(input, out);
        },
    );
}

pub(super) fn run_mixer(mixer: &WidenNarrow, input: &Planes, out: &mut Planes) {
    let (layer, weights) = (Layer::WideningConvolutions, mixer.weight_count());
    count_layer(layer, weights, input, out, |input, out| {
        mixer.run_layer(input, out);
    });
}

pub(super) fn run_head(head: &ClassHead, input: &Planes, out: &mut Planes) {
    let (layer, weights) = (Layer::PointwiseConvolution, head.weight_count());
    count_layer(layer, weights, input, out, |input, out| {
        head.run_layer(input, out);
    });
}

pub(super) fn max_pool_2x2(input: &Planes, out: &mut Planes) {
    count_layer(Layer::Pooling, 0, input, out, pool::max_pool_2x2);
}

/// Runs the groups of a dense convolution, each on its own source.
pub(super) fn run_groups(groups: &[Conv3], sources: &[GroupInput<'_>], out: &mut Planes) {
    let is_upsampled = sources
        .iter()
        .any(|source| matches!(source, GroupInput::Doubled(_)));
    let layer = if is_upsampled {
        Layer::UpsampledConvolution
    } else {
        Layer::DenseConvolution
    };
    let inputs = sources.iter().map(|s| s.source_planes().value_count());
    let weights = groups.iter().map(Conv3::weight_count);
    let traffic = Traffic::of_values(inputs.chain(weights).sum(), out.value_count());
    tally::count(layer, Pass::Forward, traffic, || {
        conv3::run_groups(groups, sources, out);
    });
}

/// Runs a layer with this number of weights.
fn count_layer(
    layer: Layer,
    weights: usize,
    input: &Planes,
    out: &mut Planes,
    run: impl FnOnce(&Planes, &mut Planes),
) {
    let traffic = Traffic::of_values(input.value_count() + weights, out.value_count());
    tally::count(layer, Pass::Forward, traffic, || run(input, out));
}

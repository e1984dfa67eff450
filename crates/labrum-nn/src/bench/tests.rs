//! The operations of a run, as they are counted.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::checkpoint::PlainTensor;

/// One image of 32x32 pixels.
const LOAD: Load = Load {
    config: Config::S,
    batch: 1,
    size: 32,
    device: DeviceChoice::Cpu,
    runs: 1,
    count_operations: true,
    count_launches: false,
};

fn tally_of(measure: impl Fn(Load) -> Result<Measured>) -> Tally {
    measure(LOAD).unwrap().tally.unwrap()
}

/// All that is counted, without times.
fn without_times(tally: &Tally) -> (Vec<(Operation, [u64; 3])>, u64) {
    let counts = tally.operations.iter().map(|(operation, count)| {
        let numbers = [count.calls, count.bytes_read, count.bytes_written];
        (*operation, numbers)
    });
    (counts.collect(), tally.bytes_allocated)
}

fn count_of(tally: &Tally, layer: Layer, pass: Pass) -> OperationCount {
    tally.operations[&Operation { layer, pass }]
}

/// Calls and bytes written of a forward pass.
fn forward_of(tally: &Tally, layer: Layer) -> (u64, u64) {
    let count = count_of(tally, layer, Pass::Forward);
    (count.calls, count.bytes_written)
}

/// Calls and bytes written of the convolutions of all kinds.
fn all_convolutions(tally: &Tally, pass: Pass) -> (u64, u64) {
    let layers = [
        Layer::DenseConvolution,
        Layer::PointwiseConvolution,
        Layer::DepthwiseConvolution,
    ];
    let counts = layers.map(|layer| count_of(tally, layer, pass));
    let calls = counts.iter().map(|count| count.calls);
    let bytes = counts.iter().map(|count| count.bytes_written);
    (calls.sum(), bytes.sum())
}

/// Number of tensors, and their bytes; given are channels and side of each.
fn tensors(parts: &[&[[u64; 2]]]) -> (u64, u64) {
    let all = parts.iter().copied().flatten();
    let bytes = all
        .clone()
        .map(|[channels, side]| 4 * channels * side * side);
    (all.count() as u64, bytes.sum())
}

/// Output of the stem, then of the encoders.
const ENCODED: [[u64; 2]; 6] = [[8, 32], [8, 32], [16, 16], [32, 8], [64, 4], [128, 2]];
/// Output of each unit.
const UNITS: [[u64; 2]; 5] = [[8, 32], [8, 16], [16, 8], [32, 4], [64, 2]];
/// Output of each decoder, as of its first convolution.
const DECODED: [[u64; 2]; 4] = [[64, 4], [32, 8], [16, 16], [8, 32]];
/// The head, for two classes.
const HEAD: [[u64; 2]; 1] = [[2, 32]];

fn wider(parts: &[[u64; 2]], by: u64) -> Vec<[u64; 2]> {
    let widen = |[channels, side]: &[u64; 2]| [by * channels, *side];
    parts.iter().map(widen).collect()
}

#[test]
fn a_training_step_has_the_same_counts_in_every_run() {
    let tally = tally_of(measure_training);
    assert_eq!(
        without_times(&tally),
        without_times(&tally_of(measure_training))
    );
    let in_operations: Duration = tally.operations.values().map(|count| count.time).sum();
    assert!(in_operations > Duration::ZERO && in_operations < tally.time);
}

#[test]
fn the_convolutions_of_a_training_step_write_what_the_architecture_says() {
    let tally = tally_of(measure_training);
    assert_eq!(
        forward_of(&tally, Layer::DenseConvolution),
        tensors(&[&ENCODED, &DECODED, &wider(&DECODED, 2)])
    );
    assert_eq!(
        forward_of(&tally, Layer::PointwiseConvolution),
        tensors(&[
            &UNITS,
            &wider(&UNITS, 4),
            &DECODED,
            &wider(&DECODED, 4),
            &HEAD
        ])
    );
    assert_eq!(
        forward_of(&tally, Layer::DepthwiseConvolution),
        tensors(&[&UNITS])
    );
    assert_eq!(
        forward_of(&tally, Layer::ResidualAddition),
        tensors(&[&UNITS])
    );
}

#[test]
fn a_training_step_writes_a_gradient_for_each_parameter_and_each_input_but_the_images() {
    let tally = tally_of(measure_training);
    let weights = random_weights(Config::S).unwrap();
    let kernels = weights.values().filter(|tensor| tensor.shape.len() == 4);
    // A bias for each output channel.
    let values = |tensor: &PlainTensor| tensor.values.len() + tensor.shape[0];
    let bytes: usize = kernels.clone().map(|tensor| 4 * values(tensor)).sum();
    let layers = kernels.count() as u64;
    assert_eq!(
        all_convolutions(&tally, Pass::ParameterGradient),
        (layers, bytes as u64)
    );
    assert_eq!(all_convolutions(&tally, Pass::InputGradient).0, layers - 1);
}

#[test]
fn a_forward_pass_writes_what_the_architecture_says_and_allocates_only_its_result() {
    let tally = tally_of(measure_inference);
    assert_eq!(
        forward_of(&tally, Layer::DenseConvolution),
        tensors(&[&ENCODED, &wider(&DECODED, 2)])
    );
    assert_eq!(
        forward_of(&tally, Layer::UpsampledConvolution),
        tensors(&[&DECODED])
    );
    assert_eq!(forward_of(&tally, Layer::Unit), tensors(&[&UNITS]));
    assert_eq!(
        forward_of(&tally, Layer::WideningConvolutions),
        tensors(&[&DECODED])
    );
    // The logits, and the probabilities.
    let (_, head_bytes) = tensors(&[&HEAD]);
    assert_eq!(tally.bytes_allocated, 2 * head_bytes);
}

#[test]
fn a_training_step_reuses_the_memory_of_the_one_before() {
    let tally = tally_of(measure_training);
    let written = tally.operations.values().map(|count| count.bytes_written);
    let written: u64 = written.sum();
    // Gradients that burn adds up are lost.
    assert!(
        tally.bytes_allocated < written / 25,
        "{} of {written}",
        tally.bytes_allocated
    );
}

#[test]
fn nothing_is_counted_unless_asked() {
    let load = Load {
        count_operations: false,
        ..LOAD
    };
    assert_eq!(measure_inference(load).unwrap().tally, None);
}

//! Counts what the operations of the network do on the CPU in one run: calls, time, and bytes read and written.
//!
//! Bytes read and written are those of the tensors that an operation is given and returns, 4 for each value: what it has
//! to read and write once, not what passes through the caches. Weights count as a model file has them, not as they are
//! packed. The statistics of norms and temporary memory do not count. So bytes and calls depend on the network and the
//! shape of its input alone, and are the same on a busy machine.
//!
//! Operations are called on the thread that runs the network, and distribute their work to others from there. So each
//! thread has counts of its own, and other networks that run at the same time have no part in them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// A kind of layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Convolution with a kernel larger than 1x1 and more than one input channel per group; in the frozen network with
    /// its activation.
    DenseConvolution,
    /// Of the frozen network: bilinear x2 and a dense convolution with its activation, as one operation.
    UpsampledConvolution,
    /// Convolution with a 1x1 kernel.
    PointwiseConvolution,
    /// Of the frozen network: 1x1 to a wider layer and back, with activations and norm, as one operation.
    WideningConvolutions,
    /// Convolution with as many groups as channels.
    DepthwiseConvolution,
    /// Of the frozen network: a CMUNeXt unit (depthwise convolution, residual, 1x1 to a wider layer and back), as one
    /// operation.
    Unit,
    /// Batch norm with its activation.
    Norm,
    /// Bilinear x2.
    Upsampling,
    /// Max pooling 2x2.
    Pooling,
    /// Concatenation of channels.
    Concatenation,
    /// Addition of a residual.
    ResidualAddition,
    /// Softmax over the classes.
    Softmax,
    /// Softmax and the loss.
    Loss,
}

/// What is computed of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// The output.
    Forward,
    /// The gradients of everything, as one operation.
    Gradients,
    /// The gradient of the input.
    InputGradient,
    /// The gradients of weights and bias.
    ParameterGradient,
}

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    /// Kind of layer.
    pub layer: Layer,
    /// What is computed of it.
    pub pass: Pass,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.layer {
            Layer::DenseConvolution => "dense convolution",
            Layer::UpsampledConvolution => "upsampling and dense convolution",
            Layer::PointwiseConvolution => "1x1 convolution",
            Layer::WideningConvolutions => "1x1 convolutions, wider and back",
            Layer::DepthwiseConvolution => "depthwise convolution",
            Layer::Unit => "CMUNeXt unit",
            Layer::Norm => "batch norm with activation",
            Layer::Upsampling => "upsampling",
            Layer::Pooling => "max pooling",
            Layer::Concatenation => "concatenation",
            Layer::ResidualAddition => "residual addition",
            Layer::Softmax => "softmax",
            Layer::Loss => "softmax and loss",
        })?;
        f.write_str(match self.pass {
            Pass::Forward => "",
            Pass::Gradients => ", gradients",
            Pass::InputGradient => ", input gradient",
            Pass::ParameterGradient => ", weight and bias gradient",
        })
    }
}

/// The sum over all calls of one kind of operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperationCount {
    /// Number of calls.
    pub calls: u64,
    /// Time in these calls.
    pub time: Duration,
    /// Bytes of the tensors that they were given.
    pub bytes_read: u64,
    /// Bytes of the tensors that they returned.
    pub bytes_written: u64,
}

/// What the operations of one run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Each kind of operation that was called.
    pub operations: BTreeMap<Operation, OperationCount>,
    /// Bytes that Labrum's operations allocated for activations and their gradients, and the frozen network for its
    /// buffers.
    pub bytes_allocated: u64,
    /// Time of the whole run.
    pub time: Duration,
}

/// Bytes that one call reads and writes.
#[derive(Clone, Copy)]
pub(crate) struct Traffic {
    read: u64,
    written: u64,
}

impl Traffic {
    /// The bytes of these numbers of float32 values.
    pub(crate) fn of_values(read: usize, written: usize) -> Self {
        Self {
            read: bytes_of_values(read),
            written: bytes_of_values(written),
        }
    }
}

fn bytes_of_values(values: usize) -> u64 {
    (values * size_of::<f32>()) as u64
}

thread_local! {
    /// `None` unless this thread counts.
    static TALLY: RefCell<Option<Tally>> = const { RefCell::new(None) };
}

/// Runs `run` and counts the operations that it calls on this thread.
pub(crate) fn count_run<R>(run: impl FnOnce() -> R) -> (R, Tally) {
    TALLY.set(Some(Tally::default()));
    let start = Instant::now();
    let result = run();
    let time = start.elapsed();
    let tally = TALLY.take().unwrap_or_default();
    (result, Tally { time, ..tally })
}

/// Runs an operation, and counts the call if this thread counts.
pub(crate) fn count<R>(
    layer: Layer,
    pass: Pass,
    traffic: Traffic,
    operation: impl FnOnce() -> R,
) -> R {
    if TALLY.with_borrow(Option::is_none) {
        return operation();
    }
    let start = Instant::now();
    let result = operation();
    let time = start.elapsed();
    with_tally(|tally| tally.add_call(Operation { layer, pass }, time, traffic));
    result
}

/// Counts newly allocated memory for these numbers of values, if this thread counts.
pub(crate) fn count_allocation(values: usize) {
    with_tally(|tally| tally.bytes_allocated += bytes_of_values(values));
}

fn with_tally(change: impl FnOnce(&mut Tally)) {
    TALLY.with_borrow_mut(|tally| {
        if let Some(tally) = tally {
            change(tally);
        }
    });
}

impl Tally {
    fn add_call(&mut self, operation: Operation, time: Duration, traffic: Traffic) {
        let count = self.operations.entry(operation).or_default();
        count.calls += 1;
        count.time += time;
        count.bytes_read += traffic.read;
        count.bytes_written += traffic.written;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool_once() {
        let traffic = Traffic::of_values(8, 2);
        count(Layer::Pooling, Pass::Forward, traffic, || {
            count_allocation(2);
        });
    }

    #[test]
    fn only_what_a_counted_run_calls_is_counted() {
        pool_once();
        let ((), tally) = count_run(|| (0..3).for_each(|_| pool_once()));
        pool_once();
        let operation = Operation {
            layer: Layer::Pooling,
            pass: Pass::Forward,
        };
        let count = tally.operations[&operation];
        assert_eq!(tally.operations.len(), 1);
        assert_eq!(
            (count.calls, count.bytes_read, count.bytes_written),
            (3, 3 * 32, 3 * 8)
        );
        assert_eq!(tally.bytes_allocated, 3 * 8);
        assert!(count.time <= tally.time);
        assert_eq!(count_run(|| ()).1.operations.len(), 0);
    }
}

//! Scratch memory of a thread for one strip of rows, reused for the next strip.

use std::cell::RefCell;

/// Positions of the vectors of a strip.
#[derive(Default)]
pub(crate) struct StripVectors {
    /// Start of the values for each weight.
    pub windows: Vec<usize>,
    /// Start of each vector in the input.
    pub inputs: Vec<usize>,
    /// Start of each vector in the output.
    pub outputs: Vec<usize>,
}

thread_local! {
    static SCRATCH: RefCell<(Vec<f32>, StripVectors)> = RefCell::default();
}

/// Runs `f` with `count` values of this thread's scratch, which still hold data of the last strip. The scratch never
/// shrinks, so that a network allocates nothing after its first run.
pub(crate) fn with_scratch<R>(
    count: usize,
    f: impl FnOnce(&mut [f32], &mut StripVectors) -> R,
) -> R {
    SCRATCH.with_borrow_mut(|(values, lists)| {
        if values.len() < count {
            values.resize(count, 0.0);
        }
        f(&mut values[..count], lists)
    })
}

impl StripVectors {
    /// Lists the vectors of `rows` rows of `width` columns: their starts in the input and in the output.
    #[inline(always)]
    pub(crate) fn list_vectors(
        &mut self,
        [rows, width, lanes]: [usize; 3],
        input: impl Fn(usize, usize) -> usize,
        output: impl Fn(usize, usize) -> usize,
    ) {
        self.inputs.clear();
        self.outputs.clear();
        for row in 0..rows {
            for column in (0..width).step_by(lanes) {
                self.inputs.push(input(row, column));
                self.outputs.push(output(row, column));
            }
        }
    }

    /// Lists three adjacent windows for each of `channels`, `step` apart: the columns of a 3x3 kernel.
    pub(crate) fn list_columns(&mut self, channels: usize, step: usize) {
        self.windows.clear();
        self.windows
            .extend((0..channels * 3).map(|t| t / 3 * step + t % 3));
    }
}

//! Buffers of tensors that a training step no longer needs, kept for later tensors of the same size.
//!
//! All steps of a training have tensors of the same sizes. With these buffers, only the first step asks the system for
//! memory, and nothing is filled with zeros that a kernel overwrites completely.

use burn_flex::FlexTensor;
use parking_lot::Mutex;
use std::collections::HashMap;

/// Buffers of one size.
#[derive(Default)]
struct SizeClass {
    kept: Vec<Vec<f32>>,
    /// Number of buffers that were taken and not given back. No more than these are accepted, so that buffers which
    /// others allocated do not add up from step to step.
    missing: usize,
}

/// By number of values.
static CLASSES: Mutex<Option<HashMap<usize, SizeClass>>> = Mutex::new(None);

/// A buffer of `length` values, which the caller overwrites completely: they are those of an earlier tensor, or zeros.
pub(super) fn take_buffer(length: usize) -> Vec<f32> {
    let mut classes = CLASSES.lock();
    let class = classes.get_or_insert_default().entry(length).or_default();
    class.missing += 1;
    let kept = class.kept.pop();
    drop(classes);
    let mut buffer = kept.unwrap_or_else(|| vec![0.0; length]);
    if cfg!(test) {
        // So that tests notice a kernel that leaves values as they were.
        buffer.fill(f32::NAN);
    }
    buffer
}

/// Keeps the buffer of `tensor` for [`take_buffer`], unless another tensor still uses it.
pub(super) fn give_back(tensor: FlexTensor) {
    let is_whole = tensor.layout().num_elements() * size_of::<f32>() == tensor.bytes().len();
    if !tensor.is_unique() || !tensor.is_contiguous() || !is_whole {
        return;
    }
    // Without a copy, since nothing else uses the buffer.
    if let Ok(values) = tensor.into_data().try_into_vec::<f32>() {
        keep(values);
    }
}

fn keep(values: Vec<f32>) {
    let mut classes = CLASSES.lock();
    let class = classes
        .as_mut()
        .and_then(|classes| classes.get_mut(&values.len()));
    if let Some(class) = class
        && class.missing > 0
    {
        class.missing -= 1;
        class.kept.push(values);
    }
}

/// Frees all kept buffers.
pub(crate) fn free_buffers() {
    *CLASSES.lock() = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;

    fn tensor(values: Vec<f32>) -> FlexTensor {
        let shape = [values.len()];
        FlexTensor::from_data(TensorData::new(values, shape))
    }

    /// A length that no other test uses: the buffers belong to the whole process.
    const LENGTH: usize = 7919;

    #[test]
    fn a_buffer_is_used_again_once_its_last_tensor_gives_it_back() {
        let first = take_buffer(LENGTH);
        let address = first.as_ptr();
        let one = tensor(first);
        let other = one.clone();
        give_back(one);
        assert_ne!(take_buffer(LENGTH).as_ptr(), address, "it is still in use");
        give_back(other);
        let again = take_buffer(LENGTH);
        assert_eq!((again.as_ptr(), again.len()), (address, LENGTH));
    }

    #[test]
    fn no_more_buffers_are_kept_than_were_taken() {
        const OTHER: usize = LENGTH + 2;
        let taken = take_buffer(OTHER);
        let foreign = vec![1.0; OTHER];
        let address = foreign.as_ptr();
        give_back(tensor(taken));
        give_back(tensor(foreign));
        drop(take_buffer(OTHER));
        let second = take_buffer(OTHER);
        assert_ne!(second.as_ptr(), address);
    }
}

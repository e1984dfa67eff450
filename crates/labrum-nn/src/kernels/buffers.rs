//! Buffers of tensors that a training step no longer needs, kept for later tensors of the same size.
//!
//! All steps of a training have tensors of the same sizes. With these buffers, the steps after the first allocate little: what
//! burn adds up itself. Nothing is filled with zeros that a kernel overwrites completely. Each thread that trains a network has
//! buffers of its own.

use super::tally;
use burn_flex::FlexTensor;
use std::cell::RefCell;
use std::collections::HashMap;

/// Buffers of one size.
#[derive(Default)]
struct SizeClass {
    kept: Vec<Vec<f32>>,
    /// Number of buffers that were taken since the step began and not given back. No more than these are accepted, so that
    /// buffers which others allocated do not add up from step to step.
    missing: usize,
}

thread_local! {
    /// By number of values.
    static CLASSES: RefCell<HashMap<usize, SizeClass>> = RefCell::default();
}

/// A buffer of `length` values, which the caller overwrites completely: they are those of an earlier tensor, or zeros.
pub(super) fn take_buffer(length: usize) -> Vec<f32> {
    let kept = CLASSES.with_borrow_mut(|classes| {
        let class = classes.entry(length).or_default();
        class.missing += 1;
        class.kept.pop()
    });
    let mut buffer = kept.unwrap_or_else(|| {
        tally::count_allocation(length);
        vec![0.0; length]
    });
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
    CLASSES.with_borrow_mut(|classes| {
        if let Some(class) = classes.get_mut(&values.len())
            && class.missing > 0
        {
            class.missing -= 1;
            class.kept.push(values);
        }
    });
}

/// Call before each training step of this thread: what was not given back by now will not be.
pub(crate) fn begin_step() {
    CLASSES.with_borrow_mut(|classes| {
        for class in classes.values_mut() {
            class.missing = 0;
        }
    });
}

/// Frees all kept buffers of this thread.
pub(crate) fn free_buffers() {
    CLASSES.take();
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;

    fn tensor(values: Vec<f32>) -> FlexTensor {
        let shape = [values.len()];
        FlexTensor::from_data(TensorData::new(values, shape))
    }

    const LENGTH: usize = 1000;

    #[test]
    fn a_buffer_is_used_again_once_its_last_tensor_gives_it_back() {
        let first = take_buffer(LENGTH);
        let address = first.as_ptr();
        let one = tensor(first);
        let other = one.clone();
        give_back(one);
        let meanwhile = take_buffer(LENGTH);
        assert_ne!(meanwhile.as_ptr(), address, "it is still in use");
        give_back(other);
        let again = take_buffer(LENGTH);
        assert_eq!((again.as_ptr(), again.len()), (address, LENGTH));
    }

    #[test]
    fn no_more_buffers_are_kept_than_were_taken() {
        let taken = take_buffer(LENGTH);
        give_back(tensor(taken));
        give_back(tensor(vec![1.0; LENGTH]));
        assert_eq!(
            CLASSES.with_borrow(|classes| classes[&LENGTH].kept.len()),
            1
        );
    }
}

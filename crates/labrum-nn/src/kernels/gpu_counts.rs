//! Counts what one run has a GPU do: launches of kernels, submissions of work, bytes uploaded and read back.
//!
//! Launches are those of the thread that counts, Labrum's and burn's, as cubecl reports each of them. Submissions are
//! those of all threads, by the numbers that wgpu gives them. It gives one to each buffer that is read back, too, and to each
//! wait for the device; these are counted and left out. Bytes are those of tensors that Labrum moves: images, labels,
//! gradients and results, and weights where a run moves them. What cubecl adds by itself (the sizes of tensors, as arguments
//! of kernels) is not counted: it has no hook for that.

use super::super::device::NamedDevice;
use burn::tensor::{Device, Tensor, TensorData};
use cubecl::logging::{LaunchObservation, LaunchObserver};
use labrum_core::{Error, Result};
use parking_lot::Mutex;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{self, ThreadId};

/// What one run had a GPU do.
///
/// cubecl submits the copies for a read-back apart from the launches before it: a run with one of each has two
/// submissions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GpuCounts {
    /// Number of launches of each kernel, by its name.
    pub launches: BTreeMap<String, u64>,
    /// Number of submissions to the queue; `None` if wgpu does not tell.
    pub submissions: Option<u64>,
    /// Bytes of the tensors that were copied to the GPU during the run; the weights of a model are copied when it is loaded.
    pub bytes_uploaded: u64,
    /// Bytes of the tensors that were copied from it.
    pub bytes_read_back: u64,
}

impl GpuCounts {
    /// Number of launches of all kernels: each is one dispatch.
    pub fn dispatch_count(&self) -> u64 {
        self.launches.values().sum()
    }
}

/// What a thread moved to and from GPUs since it started.
#[derive(Clone, Copy)]
struct Moved {
    bytes_uploaded: u64,
    bytes_read_back: u64,
    tensors_read_back: u64,
}

impl Moved {
    const NOTHING: Self = Self {
        bytes_uploaded: 0,
        bytes_read_back: 0,
        tensors_read_back: 0,
    };

    fn since(self, before: Self) -> Self {
        Self {
            bytes_uploaded: self.bytes_uploaded - before.bytes_uploaded,
            bytes_read_back: self.bytes_read_back - before.bytes_read_back,
            tensors_read_back: self.tensors_read_back - before.tensors_read_back,
        }
    }
}

thread_local! {
    static MOVED: Cell<Moved> = const { Cell::new(Moved::NOTHING) };
}

/// Counts bytes that this thread copies to a GPU.
pub(crate) fn count_upload(bytes: usize) {
    let mut moved = MOVED.get();
    moved.bytes_uploaded += bytes as u64;
    MOVED.set(moved);
}

/// Counts a tensor that this thread copies from a GPU.
pub(crate) fn count_read_back(bytes: usize) {
    let mut moved = MOVED.get();
    moved.bytes_read_back += bytes as u64;
    moved.tensors_read_back += 1;
    MOVED.set(moved);
}

/// A tensor of these values on a device, counted as an upload.
pub(crate) fn tensor_on_device<const D: usize>(data: TensorData, device: &Device) -> Tensor<D> {
    count_upload(data.num_elements() * size_of::<f32>());
    Tensor::from_data(data, device)
}

/// Runs `run` on a GPU and counts what its thread has the GPU do. Errors: those of `run`; a device that fails.
pub(crate) fn count_run<R>(
    device: &NamedDevice,
    run: impl FnOnce() -> Result<R>,
) -> Result<(R, GpuCounts)> {
    let first_submission = last_submission(device)?;
    let moved_before = MOVED.get();
    let launches = Arc::new(LaunchCounter::for_this_thread());
    let observation = LaunchObservation::new(launches.clone());
    let result = run();
    drop(observation);
    let moved = MOVED.get().since(moved_before);
    let result = result?;
    let submissions = first_submission
        .zip(last_submission(device)?)
        .map(|(first, last)| {
            (last - first).saturating_sub(NUMBERS_OF_COUNTING + moved.tensors_read_back)
        });
    let counts = GpuCounts {
        launches: launches.take_counts(),
        submissions,
        bytes_uploaded: moved.bytes_uploaded,
        bytes_read_back: moved.bytes_read_back,
    };
    Ok((result, counts))
}

/// Submission numbers that finding the last one takes: for the wait, and for the empty submission.
const NUMBERS_OF_COUNTING: u64 = 2;

/// The number of an empty submission after all work that was launched: wgpu numbers them one by one.
fn last_submission(device: &NamedDevice) -> Result<Option<u64>> {
    let sync = device.device.sync();
    sync.map_err(|e| Error::new("wait for the GPU", format!("{e:?}")))?;
    Ok(device.submit_nothing())
}

/// Counts the launches of one thread; other threads may use a GPU at the same time.
struct LaunchCounter {
    thread: ThreadId,
    counts: Mutex<BTreeMap<&'static str, u64>>,
}

impl LaunchCounter {
    fn for_this_thread() -> Self {
        Self {
            thread: thread::current().id(),
            counts: Mutex::default(),
        }
    }

    /// The launches so far, by the short names of their kernels.
    fn take_counts(&self) -> BTreeMap<String, u64> {
        let mut named = BTreeMap::new();
        for (kernel, count) in self.counts.lock().iter() {
            *named.entry(short_name(kernel)).or_default() += count;
        }
        named
    }
}

impl LaunchObserver for LaunchCounter {
    fn launched(&self, kernel: &'static str) {
        if thread::current().id() == self.thread {
            *self.counts.lock().entry(kernel).or_default() += 1;
        }
    }
}

/// The name of a kernel without the modules of its type, and without types that it is generic over.
fn short_name(kernel: &str) -> String {
    let outer = kernel.split('<').next().unwrap_or(kernel);
    let mut parts = outer.rsplit("::");
    let last = parts.next().unwrap_or(outer);
    // cubecl generates a type of the same name in a module for each kernel.
    let module = parts.next().filter(|module| module.ends_with("_kernel"));
    module.unwrap_or(last).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_counted_by_their_short_names_on_one_thread() {
        let counter = LaunchCounter::for_this_thread();
        counter.launched("labrum_nn::frozen::gpu::conv3::dense_kernel::DenseKernel");
        counter.launched("labrum_nn::frozen::gpu::conv3::dense_kernel::DenseKernel");
        counter.launched("burn::ops::Softmax<f32, crate::Plain>");
        thread::scope(|scope| {
            scope.spawn(|| counter.launched("burn::ops::Softmax<f32>"));
        });
        let expected = [("Softmax".to_owned(), 1), ("dense_kernel".to_owned(), 2)];
        assert_eq!(counter.take_counts(), BTreeMap::from(expected));
    }

    #[test]
    fn what_is_moved_is_counted_for_each_thread() {
        let before = MOVED.get();
        count_upload(8);
        count_read_back(4);
        thread::scope(|scope| {
            scope.spawn(|| count_upload(100));
        });
        let moved = MOVED.get().since(before);
        assert_eq!((moved.bytes_uploaded, moved.bytes_read_back), (8, 4));
        assert_eq!(moved.tensors_read_back, 1);
    }
}

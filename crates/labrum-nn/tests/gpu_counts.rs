//! What a forward pass and a training step have a GPU do. Submissions are counted for the whole process, so this is one
//! test.
#![allow(clippy::unwrap_used)]

use labrum_core::model_card::Config;
use labrum_nn::{
    bench::{GpuCounts, Load, Measured, measure_inference, measure_training},
    device::DeviceChoice,
};

const SIZE: usize = 64;

fn counts_of(measure: impl Fn(Load) -> labrum_core::Result<Measured>) -> GpuCounts {
    let load = Load {
        config: Config::S,
        batch: 2,
        size: SIZE,
        device: DeviceChoice::Gpu,
        runs: 1,
        count_operations: false,
        count_launches: true,
    };
    measure(load).unwrap().gpu_counts.unwrap()
}

/// Bytes of this number of planes of two images.
fn bytes_of_planes(planes: usize) -> u64 {
    (4 * 2 * planes * SIZE * SIZE) as u64
}

#[test]
#[ignore = "needs a Vulkan adapter (a software one will do)"]
fn a_forward_pass_of_s_is_38_dispatches_and_a_training_step_reads_the_loss_back_only() {
    let forward = counts_of(measure_inference);
    assert_eq!(forward.dispatch_count(), 38, "{forward:?}");
    // All dispatches, and the copy that is read back.
    assert_eq!(forward.submissions, Some(2));
    assert_eq!(forward.bytes_uploaded, bytes_of_planes(3));
    assert_eq!(forward.bytes_read_back, bytes_of_planes(2));

    let step = counts_of(measure_training);
    println!("{step:?}");
    // Images, and a plane of the truth for each class; weights and gradients stay on the device.
    assert_eq!(step.bytes_uploaded, bytes_of_planes(5));
    // The loss.
    assert_eq!(step.bytes_read_back, 4);
    assert!(step.dispatch_count() < 1300, "{step:?}");
    assert!(step.submissions > forward.submissions);
}

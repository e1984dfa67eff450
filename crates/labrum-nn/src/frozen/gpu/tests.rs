//! What only a look inside shows; `tests/network.rs` compares results with those on the CPU.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::device::{DeviceChoice, select_available};
use crate::train::random_weights;
use labrum_core::model_card::Config;

/// A software adapter is enough; `VK_DRIVER_FILES` can select one.
#[test]
#[ignore = "needs a wgpu adapter"]
fn probabilities_of_logits_that_are_not_finite_are_nan() {
    let device = select_available(DeviceChoice::Gpu).unwrap();
    let mut weights = random_weights(Config::S, 1, 2, 1).unwrap();
    let bias = weights.get_mut("Conv_1x1.bias").unwrap();
    bias.values[0] = f32::INFINITY;
    let probabilities = FrozenOnGpu::new(&weights, &device.device)
        .unwrap()
        .predict_probabilities(&[0.5; 256], [1, 1, 16, 16])
        .unwrap();
    assert_eq!(probabilities.len(), 2 * 256);
    assert!(probabilities.iter().all(|v| v.is_nan()));
}

#[test]
fn large_batches_are_divided_so_that_buffers_can_be_bound() {
    let weights = random_weights(Config::S, 3, 2, 1).unwrap();
    let widths = Widths::of_network(&FoldedNetwork::read(&weights).unwrap()).unwrap();
    assert_eq!(widths.samples_at_once(256, 256), 16);
    assert_eq!(widths.samples_at_once(4096, 4096), 1);
}

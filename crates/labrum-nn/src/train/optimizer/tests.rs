//! Optimisers compared with burn's own, and on a GPU with the CPU.
#![allow(clippy::unwrap_used)]
use super::super::super::checkpoint::{self, PlainTensor};
use super::super::super::cmunext::Slot;
use super::super::super::device::{DeviceChoice, select_available};
use super::super::random_weights;
use super::*;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::{AdamWConfig, Optimizer as Theirs, SgdConfig, momentum::MomentumConfig};
use burn::tensor::{Device, Tensor, TensorData};
use labrum_core::model_card::Config;

const WEIGHTS: [f32; 4] = [0.5, -1.0, 0.0, 2.0];
const GRADIENTS: [[f32; 4]; 3] = [
    [0.1, -0.2, 1e-4, 0.0],
    [0.3, 0.2, -1e-4, 1.0],
    [-0.1, 0.0, 2e-4, 5.0],
];

/// Three steps of our optimizer and of burn's, from the same weights with the same gradients.
fn both(optimizer: Optimizer, theirs: &impl Theirs, rate: f64) -> [Vec<f32>; 2] {
    let device = Device::flex();
    let mut ours = WEIGHTS.to_vec();
    let mut moments = OptimizerMoments::default();
    let mut follower = Follower::new(optimizer, 0, RunningMeans::default());
    let (mut other, mut state) = (Tensor::<1>::from_floats(WEIGHTS, &device), None);
    for gradient in GRADIENTS {
        follower.steps += 1;
        let step = follower.next_step(rate);
        host::update_weights(step, "weights", (&mut ours, &gradient), &mut moments);
        (other, state) = theirs.step(rate, other, Tensor::from_floats(gradient, &device), state);
    }
    [ours, other.into_data().try_into_vec().unwrap()]
}

fn are_close([a, b]: [Vec<f32>; 2]) -> bool {
    a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-6)
}

#[test]
fn adamw_agrees_with_burn() {
    let theirs = AdamWConfig::new()
        .with_epsilon(EPSILON)
        .with_weight_decay(WEIGHT_DECAY)
        .build();
    let both = both(Optimizer::AdamW, &theirs, 1e-2);
    assert!(are_close(both.clone()), "{both:?}");
}

#[test]
fn sgd_agrees_with_burn() {
    let momentum = MomentumConfig::new()
        .with_momentum(f64::from(BETA_1))
        .with_dampening(0.0);
    let penalty = WeightDecayConfig::new(WEIGHT_PENALTY);
    let theirs = SgdConfig::new()
        .with_momentum(Some(momentum))
        .with_weight_decay(Some(penalty))
        .build();
    let both = both(Optimizer::Sgd, &theirs, 1e-2);
    assert!(are_close(both.clone()), "{both:?}");
}

#[test]
fn the_average_moves_towards_the_weights_by_a_share() {
    let tensor = |value: f32| PlainTensor {
        shape: vec![1],
        values: vec![value],
    };
    let mut average = Weights::from([("weights".into(), tensor(1.0))]);
    host::update_average(&mut average, "weights", &tensor(3.0), 0.25);
    assert_eq!(average["weights"].values, [1.5]);
}

/// The product of a tensor with values that depend on `turn`: its gradients are these values.
fn with_gradients<const D: usize>(tensor: Tensor<D>, turn: usize) -> Tensor<1> {
    let shape = tensor.dims();
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|i| ((i + 7 * turn) as f32 * 0.7).sin())
        .collect();
    let gradient = Tensor::from_data(TensorData::new(values, shape), &tensor.device());
    (tensor * gradient).sum()
}

fn made_gradients(network: &mut CmuNext, turn: usize, device: &Device) -> GradientsParams {
    let mut loss = Tensor::<1>::zeros([1], device);
    network.each_tensor(&mut |_, slot| {
        let part = match slot {
            Slot::Weight(p) => with_gradients(p.val(), turn),
            Slot::Vector(p) => with_gradients(p.val(), turn),
            Slot::Statistic(_) => return,
        };
        loss = loss.clone() + part;
    });
    GradientsParams::from_grads(loss.backward(), network)
}

/// The weights and running means after three steps; the optimiser is restored from what it has after two.
fn three_steps(optimizer: Optimizer, device: &NamedDevice) -> [Weights; 4] {
    let weights = random_weights(Config::S, 1, 2, 1).unwrap();
    let means = RunningMeans {
        average: weights.clone(),
        ..RunningMeans::default()
    };
    let trainable = device.device.clone().autodiff();
    let (_, mut network) = checkpoint::build_network(weights, &trainable).unwrap();
    let mut follower = Follower::new(optimizer, 0, means);
    for turn in 0..3 {
        if turn == 2 {
            follower = Follower::new(optimizer, turn, follower.running_means().unwrap());
        }
        let gradients = made_gradients(&mut network, turn, &trainable);
        follower
            .step_network(&mut network, gradients, (0.01, 0.25), device)
            .unwrap();
    }
    let RunningMeans { average, moments } = follower.running_means().unwrap();
    let last = checkpoint::read_weights(&network).unwrap();
    [last, average, moments.first, moments.second]
}

/// A software adapter is enough; `VK_DRIVER_FILES` can select one.
#[test]
#[ignore = "needs a wgpu adapter"]
fn steps_on_a_gpu_agree_with_those_on_the_cpu() {
    let devices =
        [DeviceChoice::Cpu, DeviceChoice::Gpu].map(|choice| select_available(choice).unwrap());
    for optimizer in [Optimizer::AdamW, Optimizer::Sgd] {
        let [cpu, gpu] = devices.each_ref().map(|d| three_steps(optimizer, d));
        for (cpu, gpu) in cpu.iter().zip(&gpu) {
            assert!(cpu.keys().eq(gpu.keys()), "{optimizer:?}");
            for (name, tensor) in cpu {
                assert_eq!(tensor.shape, gpu[name].shape, "{name}");
                for (a, b) in tensor.values.iter().zip(&gpu[name].values) {
                    let close = (a - b).abs() <= 1e-5 * a.abs().max(0.01);
                    assert!(close, "{optimizer:?}, {name}: {a} and {b}");
                }
            }
        }
    }
}

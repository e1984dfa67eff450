//! CPU time of the network: a forward pass of each size, and a training step of S.

use criterion::{Criterion, criterion_group, criterion_main};
use labrum_core::model_card::Config;
use labrum_nn::{
    bench::{Load, measure_inference, measure_training},
    device::DeviceChoice,
};
use std::time::Duration;

fn load(config: Config, batch: usize, runs: u64) -> Load {
    Load {
        config,
        batch,
        size: 256,
        device: DeviceChoice::Cpu,
        runs: runs as usize,
        count_operations: false,
        count_launches: false,
    }
}

fn forward(c: &mut Criterion) {
    for config in [Config::S, Config::Base, Config::L] {
        c.bench_function(&format!("forward {config}, 256x256"), |b| {
            b.iter_custom(|runs| {
                measure_inference(load(config, 1, runs))
                    .map_or(Duration::MAX, |m| m.times.iter().sum())
            });
        });
    }
}

fn step(c: &mut Criterion) {
    c.bench_function("training step S, batch 4, 256x256", |b| {
        b.iter_custom(|runs| {
            measure_training(load(Config::S, 4, runs))
                .map_or(Duration::MAX, |m| m.times.iter().sum())
        });
    });
}

criterion_group! {
    name = network;
    config = Criterion::default().sample_size(10);
    targets = forward, step
}
criterion_main!(network);

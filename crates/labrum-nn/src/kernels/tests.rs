//! Our operations compared with burn's own on random shapes: values and gradients.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::device::{DeviceChoice, select_available};
use burn::tensor::{Device, TensorData, activation, module, ops::MaxPoolOptions};
use proptest::prelude::*;

fn values(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..n)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

fn leaf<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    leaf_on(&Device::flex(), shape, seed)
}

fn leaf_on<const D: usize>(device: &Device, shape: [usize; D], seed: u64) -> Tensor<D> {
    let n = shape.iter().product();
    Tensor::from_data(
        TensorData::new(values(n, seed), shape),
        &device.clone().autodiff(),
    )
    .require_grad()
}

fn plain<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn assert_close(what: &str, ours: &[f32], theirs: &[f32]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let largest = theirs.iter().fold(1.0f32, |m, v| m.max(v.abs()));
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!(
            (a - b).abs() <= 2e-5 * largest,
            "{what}: value {i} is {a}, burn has {b}"
        );
    }
}

/// Runs both versions on the same leaves and compares outputs and gradients.
fn compare<const D: usize>(
    x: [usize; 4],
    others: [[usize; D]; 1],
    seed: u64,
    ours: impl Fn(Tensor<4>, Tensor<D>, Tensor<1>) -> Tensor<4>,
    theirs: impl Fn(Tensor<4>, Tensor<D>, Tensor<1>) -> Tensor<4>,
) {
    let cpu = Device::flex();
    compare_runs(
        &run_on(&cpu, x, others[0], seed, ours),
        &run_on(&cpu, x, others[0], seed, theirs),
    );
}

/// Output, and gradients of x, weight and bias.
type Run = (Vec<f32>, [Vec<f32>; 3]);

fn run_on<const D: usize>(
    device: &Device,
    x: [usize; 4],
    other: [usize; D],
    seed: u64,
    f: impl Fn(Tensor<4>, Tensor<D>, Tensor<1>) -> Tensor<4>,
) -> Run {
    let leaves = (
        leaf_on(device, x, seed),
        leaf_on(device, other, seed + 1),
        leaf_on(device, [other[0]], seed + 2),
    );
    let (x, w, b) = leaves;
    let out = f(x.clone(), w.clone(), b.clone());
    let weights = leaf_on(device, out.dims(), seed + 3).detach();
    let grads = (out.clone() * weights).sum().backward();
    let gradients = [
        x.grad(&grads).map(plain),
        w.grad(&grads).map(plain),
        b.grad(&grads).map(plain),
    ];
    (plain(out), gradients.map(Option::unwrap))
}

fn compare_runs(a: &Run, b: &Run) {
    assert_close("output", &a.0, &b.0);
    for (name, (a, b)) in ["x", "weight", "bias"].iter().zip(a.1.iter().zip(&b.1)) {
        assert_close(&format!("gradient of {name}"), a, b);
    }
}

/// Mean and variance of each channel, unrelated to the values.
fn fixed_statistics(channels: usize, device: &Device) -> NormStatistics {
    [-0.2, 0.5].map(|first: f32| {
        let values: Vec<f32> = (0..channels).map(|c| first + 0.1 * c as f32).collect();
        Tensor::from_data(TensorData::new(values, [channels]), device)
    })
}

/// Scale and shift of a norm with [`fixed_statistics`].
fn fixed_scale(gamma: Tensor<1>, beta: Tensor<1>, device: &Device) -> (Tensor<1>, Tensor<1>) {
    let [channels] = gamma.dims();
    let [mean, var] = fixed_statistics(channels, device);
    let scale = gamma / (var + 1e-5).sqrt();
    let shift = beta - mean * scale.clone();
    (scale, shift)
}

/// A software adapter is enough; `VK_DRIVER_FILES` can select one.
#[test]
#[ignore = "needs a wgpu adapter"]
fn gpu_and_cpu_agree_on_every_operation_and_its_gradients() {
    let gpu = select_available(DeviceChoice::Gpu).unwrap().device;
    let on_both = |x: [usize; 4],
                   other: [usize; 4],
                   f: &dyn Fn(Tensor<4>, Tensor<4>, Tensor<1>) -> Tensor<4>| {
        let [cpu, gpu] = [&Device::flex(), &gpu].map(|device| run_on(device, x, other, 5, f));
        compare_runs(&gpu, &cpu);
    };
    // Odd sizes, one row, one channel; dense, two groups, depthwise; kernels 1 to 9.
    for (batch, ci, co, groups, k, rows, columns) in [
        (1, 1, 1, 1, 1, 1, 1),
        (2, 3, 5, 1, 3, 7, 11),
        (1, 8, 32, 1, 1, 16, 16),
        (2, 4, 6, 2, 3, 9, 5),
        (1, 16, 16, 2, 3, 16, 17),
        (2, 5, 5, 5, 3, 1, 13),
        (1, 7, 7, 7, 7, 12, 9),
        (3, 16, 16, 16, 9, 16, 16),
        (1, 2, 3, 1, 5, 6, 8),
        (2, 40, 70, 1, 3, 9, 12),
        (1, 33, 24, 1, 1, 20, 17),
        (2, 3, 16, 1, 3, 40, 24),
        (2, 70, 70, 70, 7, 9, 9),
    ] {
        on_both(
            [batch, ci, rows, columns],
            [co, ci / groups, k, k],
            &|x, w, b| conv2d(x, w, b, groups),
        );
    }
    let nothing = |t: Tensor<4>| t.sum().reshape([1, 1, 1, 1]) * 0.0;
    let x = [2, 3, 6, 10];
    on_both(x, [3, 1, 1, 1], &|x, w, b| {
        gelu_norm(x, w.reshape([3]), b, 1e-5).0
    });
    on_both(x, [3, 1, 1, 1], &|x, w, b| {
        norm_relu(x, w.reshape([3]), b, 1e-5).0
    });
    on_both(x, [1, 1, 1, 1], &|x, w, b| {
        max_pool_2x2(x) + nothing(w) + b.sum().reshape([1, 1, 1, 1]) * 0.0
    });
    on_both(x, [1, 1, 1, 1], &|x, w, b| {
        upsample_bilinear_x2(x) + nothing(w) + b.sum().reshape([1, 1, 1, 1]) * 0.0
    });
    on_both(x, [2, 4, 6, 10], &|x, w, b| {
        concat_channels(x, w) + b.sum().reshape([1, 1, 1, 1]) * 0.0
    });
}

fn compare_norms(shape: [usize; 4], seed: u64) {
    let [_, channels, _, _] = shape;
    compare(
        shape,
        [[channels]],
        seed,
        |x, gamma, beta| gelu_norm(x, gamma, beta, 1e-5).0,
        |x, gamma, beta| module::batch_norm_train(activation::gelu(x), gamma, beta, 1e-5).output,
    );
    compare(
        shape,
        [[channels]],
        seed,
        |x, gamma, beta| norm_relu(x, gamma, beta, 1e-5).0,
        |x, gamma, beta| activation::relu(module::batch_norm_train(x, gamma, beta, 1e-5).output),
    );
}

#[test]
fn norms_of_large_planes_agree_with_burn() {
    compare_norms([2, 3, 40, 39], 11);
}

#[test]
fn convolutions_of_many_strips_agree_with_burn() {
    for (k, groups) in [(3, 1), (3, 2), (1, 1)] {
        compare(
            [1, 24, 320, 64],
            [[24, 24 / groups, k, k]],
            7,
            |x, w, b| conv2d(x, w, b, groups),
            |x, w, b| {
                let options =
                    burn::tensor::ops::ConvOptions::new([1, 1], [k / 2, k / 2], [1, 1], groups);
                module::conv2d(x, w, Some(b), options)
            },
        );
    }
}

/// Upsamples x2 along `dim`: weights 3/4 and 1/4 for the nearer and the farther neighbour, edge values repeated.
fn double_along_dim(x: Tensor<4>, dim: usize) -> Tensor<4> {
    let mut dims = x.dims();
    let n = dims[dim];
    if n == 1 {
        return x.repeat_dim(dim, 2);
    }
    let before = Tensor::cat(
        vec![x.clone().narrow(dim, 0, 1), x.clone().narrow(dim, 0, n - 1)],
        dim,
    );
    let after = Tensor::cat(
        vec![
            x.clone().narrow(dim, 1, n - 1),
            x.clone().narrow(dim, n - 1, 1),
        ],
        dim,
    );
    let near = x * 0.75;
    let pair = [near.clone() + before * 0.25, near + after * 0.25]
        .map(|half| half.unsqueeze_dim::<5>(dim + 1));
    dims[dim] = 2 * n;
    Tensor::cat(pair.to_vec(), dim + 1).reshape(dims)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn convolution_agrees_with_burn(
        batch in 1usize..3, rows in 1usize..20, columns in 1usize..40, half in 0usize..5,
        kind in 0usize..3, width in 1usize..8, wider in 1usize..8, seed in 1u64..1000,
    ) {
        let k = 2 * half + 1;
        // Plain, two groups, depthwise.
        let (ci, co, groups) = [(width, wider, 1), (2 * width, 2 * wider, 2), (width, width, width)][kind];
        compare(
            [batch, ci, rows, columns],
            [[co, ci / groups, k, k]],
            seed,
            |x, w, b| conv2d(x, w, b, groups),
            |x, w, b| module::conv2d(x, w, Some(b), burn::tensor::ops::ConvOptions::new([1, 1], [half, half], [1, 1], groups)),
        );
    }

    #[test]
    fn norms_agree_with_burn(
        batch in 1usize..4, channels in 1usize..6, rows in 1usize..20, columns in 2usize..40, seed in 1u64..1000,
    ) {
        compare_norms([batch, channels, rows, columns], seed);
    }

    #[test]
    fn norms_with_fixed_statistics_agree_with_burn(
        batch in 1usize..4, channels in 1usize..6, rows in 1usize..20, columns in 2usize..40, seed in 1u64..1000,
    ) {
        let shape = [batch, channels, rows, columns];
        compare(
            shape,
            [[channels]],
            seed,
            |x, gamma, beta| {
                let statistics = fixed_statistics(channels, &x.device());
                gelu_fixed_norm(x, gamma, beta, statistics, 1e-5)
            },
            |x, gamma, beta| {
                let (scale, shift) = fixed_scale(gamma, beta, &x.device());
                scale_and_shift(activation::gelu(x), scale, shift)
            },
        );
        compare(
            shape,
            [[channels]],
            seed,
            |x, gamma, beta| {
                let statistics = fixed_statistics(channels, &x.device());
                fixed_norm_relu(x, gamma, beta, statistics, 1e-5)
            },
            |x, gamma, beta| {
                let (scale, shift) = fixed_scale(gamma, beta, &x.device());
                activation::relu(scale_and_shift(x, scale, shift))
            },
        );
    }

    #[test]
    fn resampling_and_joining_agree_with_burn(
        batch in 1usize..3, channels in 1usize..4, rows in 1usize..12, columns in 1usize..20, seed in 1u64..1000,
    ) {
        let x = [batch, channels, 2 * rows, 2 * columns];
        let nothing = |t: Tensor<1>| t.sum().reshape([1, 1, 1, 1]) * 0.0;
        compare(
            x,
            [[3]],
            seed,
            |x, w, b| max_pool_2x2(x) + nothing(w) + nothing(b),
            |x, w, b| module::max_pool2d(x, MaxPoolOptions::new([2, 2])) + nothing(w) + nothing(b),
        );
        compare(
            [batch, channels, rows, columns],
            [[3]],
            seed,
            |x, w, b| upsample_bilinear_x2(x) + nothing(w) + nothing(b),
            |x, w, b| double_along_dim(double_along_dim(x, 2), 3) + nothing(w) + nothing(b),
        );
        compare(
            x,
            [[batch, 3, 2 * rows, 2 * columns]],
            seed,
            |x, w, b| concat_channels(x, w) + nothing(b),
            |x, w, b| Tensor::cat(vec![x, w], 1) + nothing(b),
        );
    }
}

/// The partial derivative of `f` at `x`, by central differences of sums in double precision.
fn difference(f: &dyn Fn(Vec<f32>) -> Vec<f32>, weights: &[f32], x: &[f32], at: usize) -> f64 {
    let step = 1.0 / 64.0;
    let value = |by: f32| -> f64 {
        let mut moved = x.to_vec();
        moved[at] += by;
        f(moved)
            .iter()
            .zip(weights)
            .map(|(v, w)| f64::from(*v) * f64::from(*w))
            .sum()
    };
    (value(step) - value(-step)) / (2.0 * f64::from(step))
}

/// Compares the gradient of `f` at a leaf of `shape` with finite differences, for a few values.
fn check_gradient<const D: usize>(
    name: &str,
    shape: [usize; D],
    f: impl Fn(Tensor<D>) -> Tensor<4>,
) {
    let device = Device::flex().autodiff();
    let x = leaf(shape, 7);
    let start = plain(x.clone());
    let out = f(x.clone());
    let weights = plain(leaf(out.dims(), 11));
    let weight = Tensor::<4>::from_data(TensorData::new(weights.clone(), out.dims()), &device);
    let gradient = plain(x.grad(&(out * weight).sum().backward()).unwrap());
    let run = |values: Vec<f32>| {
        plain(f(Tensor::from_data(
            TensorData::new(values, shape),
            &device,
        )))
    };
    for at in (0..start.len()).step_by(start.len() / 9 + 1) {
        let (ours, expected) = (
            f64::from(gradient[at]),
            difference(&run, &weights, &start, at),
        );
        assert!(
            (ours - expected).abs() < 4e-3 * (1.0 + expected.abs()),
            "{name} {at}: {ours}, differences {expected}"
        );
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    for (groups, ci, co, k) in [
        (1, 3, 5, 3),
        (1, 4, 6, 1),
        (2, 4, 6, 3),
        (6, 6, 6, 7),
        (1, 2, 3, 5),
        (1, 1, 1, 9),
    ] {
        let (x, w, b) = ([2, ci, 7, 19], [co, ci / groups, k, k], [co]);
        let name =
            |of: &str| format!("convolution {ci} to {co}, {groups} groups, kernel {k}, {of}");
        check_gradient(&name("x"), x, |x| conv2d(x, leaf(w, 2), leaf(b, 3), groups));
        check_gradient(&name("weight"), w, |w| {
            conv2d(leaf(x, 1), w, leaf(b, 3), groups)
        });
        check_gradient(&name("bias"), b, |b| {
            conv2d(leaf(x, 1), leaf(w, 2), b, groups)
        });
    }
    let x = [2, 3, 6, 18];
    check_gradient("GELU and norm, x", x, |x| {
        gelu_norm(x, leaf([3], 2), leaf([3], 3), 1e-5).0
    });
    check_gradient("GELU and norm, gamma", [3], |g| {
        gelu_norm(leaf(x, 1), g, leaf([3], 3), 1e-5).0
    });
    check_gradient("GELU and norm, beta", [3], |b| {
        gelu_norm(leaf(x, 1), leaf([3], 2), b, 1e-5).0
    });
    // Far from the kink of ReLU, where finite differences are not valid.
    let far =
        |x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>| norm_relu(x, gamma, beta + 9.0, 1e-5).0;
    check_gradient("norm and ReLU, x", x, |x| {
        far(x, leaf([3], 2), leaf([3], 3))
    });
    check_gradient("norm and ReLU, gamma", [3], |g| {
        far(leaf(x, 1), g, leaf([3], 3))
    });
    check_gradient("norm and ReLU, beta", [3], |b| {
        far(leaf(x, 1), leaf([3], 2), b)
    });
    check_gradient("bilinear x2", x, upsample_bilinear_x2);
    check_gradient("joining", x, |x| concat_channels(x.clone(), x));
    // Neighbours differ by more than a step.
    let spread = |x: Tensor<4>| {
        let n = x.shape().num_elements();
        let ramp: Vec<f32> = (0..n).map(|i| (i * 7 % n) as f32).collect();
        x.clone() + Tensor::from_data(TensorData::new(ramp, x.dims()), &x.device())
    };
    check_gradient("max pooling", x, |x| max_pool_2x2(spread(x)));
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let with_threads = |count: usize| {
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .build()
            .unwrap();
        threads.install(|| {
            let run = |groups: usize, k: usize| {
                let block = |x: Tensor<4>, w: Tensor<4>, b: Tensor<1>| {
                    let x = conv2d(x, w, b.clone(), groups);
                    upsample_bilinear_x2(max_pool_2x2(gelu_norm(x, b.clone(), b, 1e-5).0))
                };
                run_on(
                    &Device::flex(),
                    [2, 24, 128, 48],
                    [24, 24 / groups, k, k],
                    3,
                    block,
                )
            };
            [run(1, 3), run(2, 3), run(1, 1), run(24, 7)]
        })
    };
    let one = with_threads(1);
    for count in [2, 3, 8] {
        assert!(
            with_threads(count) == one,
            "{count} threads give a different result than one"
        );
    }
}

#[test]
fn statistics_are_those_of_the_batch() {
    let x = leaf([3, 2, 5, 7], 9);
    let data = plain(x.clone());
    let (_, [mean, var]) = norm_relu(x, leaf([2], 1), leaf([2], 2), 1e-5);
    for c in 0..2 {
        let of: Vec<f64> = (0..3)
            .flat_map(|b| data[(b * 2 + c) * 35..][..35].to_vec())
            .map(f64::from)
            .collect();
        let m = of.iter().sum::<f64>() / 105.0;
        let v = of.iter().map(|x| (x - m).powi(2)).sum::<f64>() / 105.0;
        assert!((f64::from(plain(mean.clone())[c]) - m).abs() < 1e-6);
        assert!((f64::from(plain(var.clone())[c]) - v).abs() < 1e-6);
    }
}

#[test]
fn max_pooling_gives_the_gradient_to_the_first_of_equal_values() {
    let x = Tensor::<4>::zeros([1, 1, 2, 2], &Device::flex().autodiff()).require_grad();
    let gradient = x.grad(&max_pool_2x2(x.clone()).sum().backward()).unwrap();
    assert_eq!(plain(gradient), [1.0, 0.0, 0.0, 0.0]);
}

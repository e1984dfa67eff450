//! Our operations against burn's own over random shapes: values and gradients.
#![allow(clippy::unwrap_used)]

use super::*;
use burn::tensor::{Device, TensorData};
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
    let n = shape.iter().product();
    Tensor::from_data(TensorData::new(values(n, seed), shape), &Device::flex().autodiff()).require_grad()
}

fn plain<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn assert_close(what: &str, ours: &[f32], theirs: &[f32]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let largest = theirs.iter().fold(1.0f32, |m, v| m.max(v.abs()));
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() <= 2e-5 * largest, "{what}: value {i} is {a}, burn has {b}");
    }
}

/// Runs both versions on the same leaves, weighs the outputs alike and compares outputs and gradients.
fn compare<const D: usize>(
    x: [usize; 4],
    others: [[usize; D]; 1],
    seed: u64,
    ours: impl Fn(Tensor<4>, Tensor<D>, Tensor<1>) -> Tensor<4>,
    theirs: impl Fn(Tensor<4>, Tensor<D>, Tensor<1>) -> Tensor<4>,
) {
    let run = |f: &dyn Fn(Tensor<4>, Tensor<D>, Tensor<1>) -> Tensor<4>| {
        let (x, w, b) = (leaf(x, seed), leaf(others[0], seed + 1), leaf([others[0][0]], seed + 2));
        let out = f(x.clone(), w.clone(), b.clone());
        let weights = leaf(out.dims(), seed + 3).detach();
        let grads = (out.clone() * weights).sum().backward();
        let gradients = [x.grad(&grads).map(plain), w.grad(&grads).map(plain), b.grad(&grads).map(plain)];
        (plain(out), gradients)
    };
    let (a, b) = (run(&ours), run(&theirs));
    assert_close("output", &a.0, &b.0);
    for (name, (a, b)) in ["x", "weight", "bias"].iter().zip(a.1.iter().zip(&b.1)) {
        assert_close(&format!("gradient of {name}"), a.as_ref().unwrap(), b.as_ref().unwrap());
    }
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
    fn gelu_then_batch_norm_agrees_with_burn(
        batch in 1usize..4, channels in 1usize..6, rows in 2usize..20, columns in 2usize..40, seed in 1u64..1000,
    ) {
        compare(
            [batch, channels, rows, columns],
            [[channels]],
            seed,
            |x, gamma, beta| batch_norm_train(gelu(x), gamma, beta, 1e-5).0,
            |x, gamma, beta| module::batch_norm_train(burn_activation::gelu(x), gamma, beta, 1e-5).output,
        );
    }

    #[test]
    fn affine_hands_the_gradient_to_its_input(channels in 1usize..6, columns in 1usize..50, seed in 1u64..1000) {
        let x = leaf([2, channels, 3, columns], seed);
        let (scale, shift) = (leaf([channels], seed + 1).detach(), leaf([channels], seed + 2).detach());
        let out = affine(x.clone(), scale.clone(), shift);
        let grad = plain(x.grad(&out.sum().backward()).unwrap());
        let scale = plain(scale);
        for (i, g) in grad.iter().enumerate() {
            prop_assert!((g - scale[i / (3 * columns) % channels]).abs() < 1e-6);
        }
    }
}

#[test]
fn statistics_are_those_of_the_batch() {
    let x = leaf([3, 2, 5, 7], 9);
    let data = plain(x.clone());
    let (_, [mean, var]) = batch_norm_train(x, leaf([2], 1), leaf([2], 2), 1e-5);
    for c in 0..2 {
        let of: Vec<f64> = (0..3).flat_map(|b| data[(b * 2 + c) * 35..][..35].to_vec()).map(f64::from).collect();
        let m = of.iter().sum::<f64>() / 105.0;
        let v = of.iter().map(|x| (x - m).powi(2)).sum::<f64>() / 105.0;
        assert!((f64::from(plain(mean.clone())[c]) - m).abs() < 1e-6);
        assert!((f64::from(plain(var.clone())[c]) - v).abs() < 1e-6);
    }
}

#[test]
fn doubling_by_parts_is_the_bilinear_kernel() {
    for (rows, columns) in [(2, 3), (5, 4), (7, 2)] {
        let x = leaf([2, 3, rows, columns], 5);
        assert_close("upsampled", &plain(double(double(x.clone(), 2), 3)), &plain(upsample(x)));
    }
}

//! The network and the loss agree with PyTorch: published names, logits, loss and gradient.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use burn::tensor::{Device, Tensor, TensorData};
use labrum_core::model_card::Config;
use labrum_nn::{
    boundary_dou::{Absent, BoundaryDou, Truth},
    checkpoint::{self, Precision},
    cmunext::Slot,
    device::{DeviceChoice, NamedDevice, select_available},
    frozen::Frozen,
    runner::Runner,
};
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures")
        .join(name)
}

fn floats(view: &safetensors::tensor::TensorView<'_>) -> Vec<f32> {
    view.data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

/// Computes logits [samples, classes, rows, columns].
enum Engine {
    /// The trainable network, on a device.
    Trainable(Device),
    /// The frozen network.
    Frozen,
}

impl Engine {
    fn logits(
        &self,
        mut weights: checkpoint::Weights,
        input: Vec<f32>,
        shape: [usize; 4],
    ) -> Vec<f32> {
        let [_, channels, rows, columns] = shape;
        match self {
            Self::Trainable(device) => {
                let (_, network) = checkpoint::build_network(weights, device).unwrap();
                let x = Tensor::<4>::from_data(TensorData::new(input, shape), device);
                network.forward(x).into_data().try_into_vec().unwrap()
            }
            Self::Frozen => {
                checkpoint::widen_sigmoid_head(&mut weights);
                let mut network = Frozen::new(&weights).unwrap();
                input
                    .chunks(channels * rows * columns)
                    .flat_map(|x| network.compute_logits(x, rows, columns))
                    .collect()
            }
        }
    }
}

fn largest_distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

/// Largest distance of our logits from PyTorch's; a sigmoid head z is the softmax head (0, z).
fn distance_from_pytorch(checkpoint_file: &Path, io_file: &Path, engine: &Engine) -> f32 {
    let (_, weights) = checkpoint::read_model(checkpoint_file).unwrap();
    let single = weights["Conv_1x1.weight"].shape[0] == 1;
    let bytes = std::fs::read(io_file).unwrap();
    let io = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let input = io.tensor("input").unwrap();
    let shape: [usize; 4] = input.shape().try_into().unwrap();
    let mut ours = engine.logits(weights, floats(&input), shape);
    if single {
        let pixels = shape[2] * shape[3];
        ours = ours
            .chunks(2 * pixels)
            .flat_map(|planes| planes[pixels..].to_vec())
            .collect();
    }
    largest_distance(&ours, &floats(&io.tensor("logits").unwrap()))
}

#[test]
fn logits_of_a_published_checkpoint_agree_with_pytorch() {
    for engine in [Engine::Trainable(Device::flex()), Engine::Frozen] {
        let off = distance_from_pytorch(
            &fixture("cmunext_S.pth"),
            &fixture("cmunext_S_io.safetensors"),
            &engine,
        );
        assert!(off < 1e-4, "off by {off}");
    }
}

/// Pseudo-random numbers between -1 and 1.
fn noise(n: usize, seed: f32) -> Vec<f32> {
    (0..n)
        .map(|i| ((i as f32 + 1.0) * (12.9898 + seed)).sin())
        .collect()
}

/// Weights whose normalisation layers are not the identity.
fn noisy_weights(config: Config, channels: usize, classes: usize) -> checkpoint::Weights {
    let mut weights = labrum_nn::train::random_weights(config, channels, classes, 1).unwrap();
    let norms: Vec<String> = weights
        .keys()
        .filter_map(|name| name.strip_suffix(".running_var").map(str::to_owned))
        .collect();
    for (seed, norm) in norms.iter().enumerate() {
        for (part, middle, spread) in [
            ("weight", 1.0, 0.5),
            ("bias", 0.0, 0.3),
            ("running_mean", 0.0, 0.3),
            ("running_var", 1.0, 0.5),
        ] {
            let values = &mut weights.get_mut(&format!("{norm}.{part}")).unwrap().values;
            let random = noise(values.len(), seed as f32);
            values
                .iter_mut()
                .zip(random)
                .for_each(|(v, r)| *v = middle + spread * r);
        }
    }
    weights
}

#[test]
fn the_frozen_network_agrees_with_the_trainable_one() {
    let sizes = [(16, 16), (32, 80), (176, 48), (64, 272)];
    for (config, channels, classes) in [
        (Config::S, 1, 2),
        (Config::S, 3, 5),
        (Config::Base, 3, 2),
        (Config::L, 1, 3),
    ] {
        let weights = noisy_weights(config, channels, classes);
        let mut frozen = Frozen::new(&weights).unwrap();
        for (rows, columns) in sizes {
            let shape = [2, channels, rows, columns];
            let input = noise(shape.iter().product(), 3.0);
            let expected =
                Engine::Trainable(Device::flex()).logits(weights.clone(), input.clone(), shape);
            // One network for all sizes in turn: nothing may remain of the previous size.
            let of_sample = channels * rows * columns;
            let ours: Vec<f32> = input
                .chunks(of_sample)
                .flat_map(|x| frozen.compute_logits(x, rows, columns))
                .collect();
            let off = largest_distance(&ours, &expected);
            assert!(
                off < 1e-4,
                "{config} with {channels} channels at {rows}x{columns}: off by {off}"
            );
            let probabilities = frozen.predict_probabilities(&input, shape).unwrap();
            for planes in probabilities.chunks(classes * rows * columns) {
                for pixel in 0..rows * columns {
                    let sum: f32 = (0..classes)
                        .map(|class| planes[class * rows * columns + pixel])
                        .sum();
                    assert!((sum - 1.0).abs() < 1e-5);
                }
            }
        }
    }
}

/// Weights of one layer that are so large that the activations behind it are infinite or NaN.
fn overflowing_weights() -> checkpoint::Weights {
    let mut weights = noisy_weights(Config::S, 1, 2);
    weights
        .get_mut("encoder2.up.conv.0.weight")
        .unwrap()
        .values
        .fill(f32::MAX);
    weights
}

#[test]
fn a_non_finite_result_is_an_error_and_not_a_mask() {
    let error = Frozen::new(&overflowing_weights())
        .unwrap()
        .predict_probabilities(&noise(256, 1.0), [1, 1, 16, 16])
        .unwrap_err();
    assert!(error.to_string().contains("NaN or infinite"), "{error}");
}

#[test]
#[ignore = "needs a Vulkan adapter (a software one will do)"]
fn a_non_finite_result_on_a_gpu_is_an_error_and_not_a_mask() {
    let gpu = select_available(DeviceChoice::Gpu).expect("a wgpu adapter");
    let error = Runner::new(&overflowing_weights(), gpu)
        .unwrap()
        .predict_probabilities(noise(256, 1.0), [1, 1, 16, 16])
        .unwrap_err();
    assert!(error.to_string().contains("NaN or infinite"), "{error}");
}

/// `LABRUM_GOLDEN=FOLDER` names a folder of `cmunext_NAME.pth` and `cmunext_NAME_io.safetensors`, made by
/// `tests/peers/golden.py`.
#[test]
#[ignore = "needs golden files of all sizes and, for the GPU part, a Vulkan adapter (a software one will do)"]
fn gpu_and_cpu_agree_with_pytorch_on_every_golden_checkpoint() {
    let folder = std::env::var_os("LABRUM_GOLDEN").map_or_else(|| fixture(""), PathBuf::from);
    let gpu = select_available(DeviceChoice::Gpu).expect("a wgpu adapter");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "pth") {
            let io = path.with_file_name(format!(
                "{}_io.safetensors",
                path.file_stem().unwrap().to_str().unwrap()
            ));
            let engines = [
                ("CPU", Engine::Trainable(Device::flex())),
                ("CPU, frozen", Engine::Frozen),
                ("GPU", Engine::Trainable(gpu.burn_device().clone())),
            ];
            for (name, engine) in engines {
                let off = distance_from_pytorch(&path, &io, &engine);
                assert!(off < 1e-4, "{}: off by {off} on the {name}", path.display());
            }
            let (_, weights) = checkpoint::read_model(&path).unwrap();
            compare_devices(&path.display().to_string(), &weights, &gpu);
            seen += 1;
        }
    }
    assert!(seen > 0);
}

/// Compares the probabilities of the frozen networks on a GPU and on the CPU, at two sizes and with one and two images.
fn compare_devices(name: &str, weights: &checkpoint::Weights, gpu: &NamedDevice) {
    let channels = weights["stem.conv.0.weight"].shape[1];
    let mut on_cpu = Runner::new(weights, NamedDevice::cpu()).unwrap();
    let mut on_gpu = Runner::new(weights, gpu.clone()).unwrap();
    // One network for all sizes in turn: nothing may remain of the previous size.
    for [samples, rows, columns] in [[1, 64, 48], [2, 64, 48], [2, 16, 80], [1, 64, 48]] {
        let shape = [samples, channels, rows, columns];
        let input = noise(shape.iter().product(), 3.0);
        let expected = on_cpu.predict_probabilities(input.clone(), shape).unwrap();
        let found = on_gpu.predict_probabilities(input, shape).unwrap();
        let off = largest_distance(&found, &expected);
        assert!(off <= 2e-5, "{name}, {shape:?}: off by {off}");
    }
}

#[test]
#[ignore = "needs a Vulkan adapter (a software one will do)"]
fn the_frozen_network_gives_the_same_probabilities_on_gpu_and_cpu() {
    let gpu = select_available(DeviceChoice::Gpu).expect("a wgpu adapter");
    for (config, channels, classes) in [
        (Config::S, 1, 2),
        (Config::S, 3, 5),
        (Config::S, 7, 3),
        (Config::Base, 3, 2),
    ] {
        let weights = noisy_weights(config, channels, classes);
        let name = format!("{config} with {channels} channels and {classes} classes");
        compare_devices(&name, &weights, &gpu);
    }
}

#[test]
fn a_checkpoint_of_another_network_is_refused_by_name() {
    let (_, mut weights) = checkpoint::read_model(&fixture("cmunext_S.pth")).unwrap();
    let head = weights.remove("Up3.up.1.weight").unwrap();
    let message = checkpoint::build_network(weights.clone(), &Device::flex())
        .unwrap_err()
        .to_string();
    assert!(message.contains("Up3.up.1.weight"), "{message}");
    weights.insert("Up3.up.1.weight".into(), head);
    weights.remove("stem.conv.0.weight");
    let message = checkpoint::build_network(weights, &Device::flex())
        .unwrap_err()
        .to_string();
    assert!(message.contains("not a CMUNeXt model"), "{message}");
}

#[test]
fn data_parallel_prefixes_are_removed_and_values_survive_our_own_format() {
    let (_, weights) = checkpoint::read_model(&fixture("cmunext_S.pth")).unwrap();
    let card =
        labrum_nn::infer::bare_card("golden", checkpoint::detect_architecture(&weights).unwrap());
    let prefixed = weights
        .iter()
        .map(|(n, t)| (format!("module.{n}"), t.clone()))
        .collect();
    let (read, again) =
        checkpoint::from_bytes(&checkpoint::to_bytes(&card, &prefixed).unwrap()).unwrap();
    assert_eq!(read, Some(card));
    assert_eq!(again, weights);
}

#[test]
fn half_precision_halves_the_file_and_rounds_each_weight_to_eleven_bits() {
    let (_, weights) = checkpoint::read_model(&fixture("cmunext_S.pth")).unwrap();
    let card =
        labrum_nn::infer::bare_card("golden", checkpoint::detect_architecture(&weights).unwrap());
    let single = checkpoint::to_bytes(&card, &weights).unwrap();
    let half = checkpoint::to_bytes_with_precision(&card, &weights, Precision::Half).unwrap();
    assert!(half.len() < single.len() * 6 / 10, "{} bytes", half.len());
    let (read, again) = checkpoint::from_bytes(&half).unwrap();
    assert_eq!(read, Some(card.clone()));
    for (name, tensor) in &weights {
        for (was, is) in tensor.values.iter().zip(&again[name].values) {
            assert!(
                (was - is).abs() <= was.abs() / 2048.0 + 3e-8,
                "{name}: {was} {is}"
            );
        }
    }
    let mut large = weights;
    if let Some(tensor) = large.values_mut().next() {
        tensor.values[0] = 65_520.0;
    }
    let error = checkpoint::to_bytes_with_precision(&card, &large, Precision::Half).unwrap_err();
    assert!(
        error.to_string().contains("too large for half precision"),
        "{error}"
    );
}

#[test]
fn parameter_counts_are_the_published_ones() {
    for (config, published) in [
        (Config::S, 417_505),
        (Config::Base, 3_149_185),
        (Config::L, 8_286_721),
    ] {
        let mut network = labrum_nn::cmunext::CmuNext::new(config, 3, 1, &Device::flex());
        let mut count = 0;
        network.each_tensor(&mut |_, slot| {
            count += match slot {
                Slot::Weight(p) => p.val().shape().num_elements(),
                Slot::Vector(p) => p.val().shape().num_elements(),
                Slot::Statistic(_) => 0,
            };
        });
        assert_eq!(count, published, "CMUNeXt-{config}");
    }
}

fn doubles(case: &serde_json::Value, key: &str) -> Vec<f64> {
    case[key]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

#[test]
fn boundary_dou_and_its_gradient_agree_with_pytorch() {
    let text = std::fs::read_to_string(fixture("boundary_dou.json")).unwrap();
    let cases: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 6);
    for (name, case) in &cases {
        let shape: Vec<usize> = doubles(case, "shape_bkhw")
            .iter()
            .map(|v| *v as usize)
            .collect();
        let labels: Vec<u8> = doubles(case, "labels").iter().map(|v| *v as u8).collect();
        let logits: Vec<f32> = doubles(case, "logits").iter().map(|v| *v as f32).collect();
        let device = Device::flex().autodiff();
        let logits = Tensor::<4>::from_data(TensorData::new(logits, shape), &device).require_grad();
        let loss = BoundaryDou::default().compute_loss(
            logits.clone(),
            Truth {
                labels: &labels,
                weights: None,
            },
        );
        let value = f64::from(loss.clone().into_scalar::<f32>());
        let expected = case["loss"].as_f64().unwrap();
        assert!(
            (value - expected).abs() <= 1e-5 * expected,
            "{name}: loss {value}, PyTorch {expected}"
        );
        let gradient: Vec<f32> = logits
            .grad(&loss.backward())
            .unwrap()
            .into_data()
            .try_into_vec()
            .unwrap();
        let expected = doubles(case, "grad_logits");
        let largest = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        for (i, (ours, theirs)) in gradient.iter().zip(&expected).enumerate() {
            let off = (f64::from(*ours) - theirs).abs();
            assert!(
                off <= 1e-5 * largest.max(1e-3),
                "{name}: gradient {i} is {ours}, PyTorch {theirs}"
            );
        }
    }
}

#[test]
fn an_empty_image_has_a_larger_gradient_if_absent_classes_are_left_out() {
    let device = Device::flex().autodiff();
    let labels = vec![0u8; 64];
    // The network predicts the class everywhere, although it is absent.
    let logits = [vec![-1.0f32; 64], vec![1.0f32; 64]].concat();
    let gradient = |absent: Absent| -> f32 {
        let logits = Tensor::<4>::from_data(TensorData::new(logits.clone(), [1, 2, 8, 8]), &device)
            .require_grad();
        let loss = BoundaryDou {
            absent,
            ..BoundaryDou::default()
        };
        let loss = loss.compute_loss(
            logits.clone(),
            Truth {
                labels: &labels,
                weights: None,
            },
        );
        logits
            .grad(&loss.backward())
            .unwrap()
            .abs()
            .sum()
            .into_scalar()
    };
    assert!(gradient(Absent::LeaveOut) > 1.9 * gradient(Absent::Paper));
}

#[test]
fn ignored_pixels_change_neither_loss_nor_gradient() {
    let device = Device::flex().autodiff();
    let labels: Vec<u8> = (0..64)
        .map(|i| if i % 8 == 7 { 255 } else { u8::from(i % 8 > 3) })
        .collect();
    let loss = BoundaryDou {
        ignore: Some(255),
        cross_entropy: 0.5,
        dice: 0.5,
        ..BoundaryDou::default()
    };
    let run = |hidden: f32| {
        let logits: Vec<f32> = (0..128)
            .map(|i| {
                if i % 8 == 7 {
                    hidden
                } else {
                    (i as f32 * 0.37).sin()
                }
            })
            .collect();
        let logits =
            Tensor::<4>::from_data(TensorData::new(logits, [1, 2, 8, 8]), &device).require_grad();
        let value = loss.compute_loss(
            logits.clone(),
            Truth {
                labels: &labels,
                weights: None,
            },
        );
        let gradient: Vec<f32> = logits
            .grad(&value.backward())
            .unwrap()
            .into_data()
            .try_into_vec()
            .unwrap();
        (value.into_scalar::<f32>(), gradient)
    };
    let (a, gradient) = run(3.0);
    let (b, _) = run(-2.0);
    assert!((a - b).abs() < 1e-6);
    assert!(
        gradient
            .iter()
            .enumerate()
            .all(|(i, g)| i % 8 != 7 || g.abs() < 1e-9)
    );
}

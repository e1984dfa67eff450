//! The network and the loss agree with PyTorch: published names, logits, loss and gradient.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use burn::tensor::{Device, Tensor, TensorData};
use labrum::model::boundary_dou::{Absent, BoundaryDou, Truth};
use labrum::model::card::Config;
use labrum::model::checkpoint;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn floats(view: &safetensors::tensor::TensorView<'_>) -> Vec<f32> {
    view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

/// Largest distance of our logits from PyTorch's; a sigmoid head z is the softmax head (0, z).
fn distance_from_pytorch(checkpoint_file: &Path, io_file: &Path, device: &Device) -> f32 {
    let (_, weights) = checkpoint::read(checkpoint_file).unwrap();
    let single = weights["Conv_1x1.weight"].shape[0] == 1;
    let (_, network) = checkpoint::build(weights, device).unwrap();
    let bytes = std::fs::read(io_file).unwrap();
    let io = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let input = io.tensor("input").unwrap();
    let data = TensorData::new(floats(&input), input.shape().to_vec());
    let logits = network.forward(Tensor::<4>::from_data(data, device));
    let [b, k, h, w] = logits.dims();
    let logits = if single { logits.slice([0..b, 1..k, 0..h, 0..w]) } else { logits };
    let ours: Vec<f32> = logits.into_data().try_into_vec().unwrap();
    let theirs = floats(&io.tensor("logits").unwrap());
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn logits_of_a_published_checkpoint_agree_with_pytorch() {
    let off = distance_from_pytorch(&fixture("cmunext_S.pth"), &fixture("cmunext_S_io.safetensors"), &Device::flex());
    assert!(off < 1e-4, "off by {off}");
}

/// `LABRUM_GOLDEN=FOLDER` names a folder of `cmunext_NAME.pth` and `cmunext_NAME_io.safetensors`, made by
/// `tests/peers/golden.py`.
#[test]
#[ignore = "needs golden files of all sizes and, for the GPU part, a Vulkan adapter (a software one will do)"]
fn gpu_and_cpu_agree_with_pytorch_on_every_golden_checkpoint() {
    let folder = std::env::var_os("LABRUM_GOLDEN").map_or_else(|| fixture(""), PathBuf::from);
    let gpu = Device::wgpu_options().init().expect("a wgpu adapter");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "pth") {
            let io = path.with_file_name(format!("{}_io.safetensors", path.file_stem().unwrap().to_str().unwrap()));
            for (name, device) in [("CPU", Device::flex()), ("GPU", gpu.clone())] {
                let off = distance_from_pytorch(&path, &io, &device);
                assert!(off < 1e-4, "{}: off by {off} on the {name}", path.display());
            }
            seen += 1;
        }
    }
    assert!(seen > 0);
}

#[test]
fn a_checkpoint_of_another_network_is_refused_by_name() {
    let (_, mut weights) = checkpoint::read(&fixture("cmunext_S.pth")).unwrap();
    let head = weights.remove("Up3.up.1.weight").unwrap();
    let message = checkpoint::build(weights.clone(), &Device::flex()).unwrap_err().to_string();
    assert!(message.contains("Up3.up.1.weight"), "{message}");
    weights.insert("Up3.up.1.weight".into(), head);
    weights.remove("stem.conv.0.weight");
    let message = checkpoint::build(weights, &Device::flex()).unwrap_err().to_string();
    assert!(message.contains("not the weights of a CMUNeXt"), "{message}");
}

#[test]
fn prefixes_of_data_parallel_training_are_left_out_and_values_survive_our_own_format() {
    let (_, weights) = checkpoint::read(&fixture("cmunext_S.pth")).unwrap();
    let card = labrum::model::infer::bare_card("golden", checkpoint::architecture(&weights).unwrap());
    let prefixed = weights.iter().map(|(n, t)| (format!("module.{n}"), t.clone())).collect();
    let (read, again) = checkpoint::from_bytes(&checkpoint::to_bytes(&card, &prefixed).unwrap()).unwrap();
    assert_eq!(read, Some(card));
    assert_eq!(again, weights);
}

#[test]
fn parameter_counts_are_the_published_ones() {
    for (config, published) in [(Config::S, 417_505), (Config::Base, 3_149_185), (Config::L, 8_286_721)] {
        let mut network = labrum::model::cmunext::CmuNext::new(config, 3, 1, &Device::flex());
        let mut count = 0;
        network.each_tensor(&mut |_, slot| {
            use labrum::model::cmunext::Slot;
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
    case[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[test]
fn boundary_dou_and_its_gradient_agree_with_pytorch() {
    let text = std::fs::read_to_string(fixture("boundary_dou.json")).unwrap();
    let cases: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 6);
    for (name, case) in &cases {
        let shape: Vec<usize> = doubles(case, "shape_bkhw").iter().map(|v| *v as usize).collect();
        let labels: Vec<u8> = doubles(case, "labels").iter().map(|v| *v as u8).collect();
        let logits: Vec<f32> = doubles(case, "logits").iter().map(|v| *v as f32).collect();
        let device = Device::flex().autodiff();
        let logits = Tensor::<4>::from_data(TensorData::new(logits, shape), &device).require_grad();
        let loss = BoundaryDou::default().loss(logits.clone(), Truth { labels: &labels, weights: None });
        let value = f64::from(loss.clone().into_scalar::<f32>());
        let expected = case["loss"].as_f64().unwrap();
        assert!((value - expected).abs() <= 1e-5 * expected, "{name}: loss {value}, PyTorch {expected}");
        let gradient: Vec<f32> = logits.grad(&loss.backward()).unwrap().into_data().try_into_vec().unwrap();
        let expected = doubles(case, "grad_logits");
        let largest = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        for (i, (ours, theirs)) in gradient.iter().zip(&expected).enumerate() {
            let off = (f64::from(*ours) - theirs).abs();
            assert!(off <= 1e-5 * largest.max(1e-3), "{name}: gradient {i} is {ours}, PyTorch {theirs}");
        }
    }
}

#[test]
fn an_empty_image_teaches_only_when_absent_classes_are_left_out() {
    let device = Device::flex().autodiff();
    let labels = vec![0u8; 64];
    // The network draws the class everywhere, though it is nowhere.
    let logits = [vec![-1.0f32; 64], vec![1.0f32; 64]].concat();
    let gradient = |absent: Absent| -> f32 {
        let logits = Tensor::<4>::from_data(TensorData::new(logits.clone(), [1, 2, 8, 8]), &device).require_grad();
        let loss = BoundaryDou { absent, ..BoundaryDou::default() };
        let loss = loss.loss(logits.clone(), Truth { labels: &labels, weights: None });
        logits.grad(&loss.backward()).unwrap().abs().sum().into_scalar()
    };
    assert!(gradient(Absent::LeaveOut) > 1.9 * gradient(Absent::Paper));
}

#[test]
fn ignored_pixels_change_neither_loss_nor_gradient() {
    let device = Device::flex().autodiff();
    let labels: Vec<u8> = (0..64).map(|i| if i % 8 == 7 { 255 } else { u8::from(i % 8 > 3) }).collect();
    let loss = BoundaryDou { ignore: Some(255), cross_entropy: 0.5, dice: 0.5, ..BoundaryDou::default() };
    let run = |hidden: f32| {
        let logits: Vec<f32> = (0..128).map(|i| if i % 8 == 7 { hidden } else { (i as f32 * 0.37).sin() }).collect();
        let logits = Tensor::<4>::from_data(TensorData::new(logits, [1, 2, 8, 8]), &device).require_grad();
        let value = loss.loss(logits.clone(), Truth { labels: &labels, weights: None });
        let gradient: Vec<f32> = logits.grad(&value.backward()).unwrap().into_data().try_into_vec().unwrap();
        (value.into_scalar::<f32>(), gradient)
    };
    let (a, gradient) = run(3.0);
    let (b, _) = run(-2.0);
    assert!((a - b).abs() < 1e-6);
    assert!(gradient.iter().enumerate().all(|(i, g)| i % 8 != 7 || g.abs() < 1e-9));
}

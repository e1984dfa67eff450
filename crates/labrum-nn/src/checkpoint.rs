//! Converts between networks and plain weights; [`super::weights`] reads weights from files.

use super::cmunext::{CmuNext, Slot, to_learnable_tensor};
use super::kernels::gpu_counts::{count_read_back, tensor_on_device};
use super::weights::CARD_KEY;
pub use super::weights::{
    Architecture, PlainTensor, Weights, detect_architecture, from_bytes, read_card, read_model,
};
use burn::module::{Param, RunningState};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData, Transaction};
use half::f16;
use labrum_core::{Error, Result, hex::hex_text, model_card::ModelCard};
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, HashMap},
    fmt, mem,
};

/// Checks that the weights are a complete CMUNeXt: all tensors present, of the right shape and finite, and no others.
pub fn check_weights(weights: &Weights) -> Result<()> {
    build_network(weights.clone(), &Device::flex()).map(drop)
}

/// Builds a network from weights. All tensors must be present with the right shape; a sigmoid head becomes a softmax
/// head.
pub fn build_network(mut weights: Weights, device: &Device) -> Result<(Architecture, CmuNext)> {
    let found = detect_architecture(&weights)?;
    widen_sigmoid_head(&mut weights);
    let mut network = CmuNext::new(found.config, found.channels, found.classes, device);
    let mut problem = None;
    network.each_tensor(&mut |name, slot| {
        let wanted = slot_shape(&slot);
        match weights.remove(name) {
            Some(tensor)
                if tensor.shape == wanted && tensor.values.iter().all(|v| v.is_finite()) =>
            {
                fill_slot(slot, tensor, device);
            }
            Some(tensor) if tensor.shape == wanted => {
                problem.get_or_insert(format!("\"{name}\" contains NaN or infinite values"));
            }
            Some(tensor) => {
                problem.get_or_insert(format!(
                    "\"{name}\" has shape {:?} instead of {wanted:?}",
                    tensor.shape
                ));
            }
            None => {
                problem.get_or_insert(format!("\"{name}\" is missing"));
            }
        }
    });
    weights.retain(|name, _| !name.ends_with("num_batches_tracked"));
    if let Some(name) = weights.keys().next() {
        problem.get_or_insert(format!(
            "\"{name}\" is not a tensor of CMUNeXt-{}",
            found.config
        ));
    }
    match problem {
        Some(reason) => Err(Error::new("use the model", reason)
            .with_advice("The weights are damaged or belong to a different network.")),
        None => Ok((found, network)),
    }
}

/// Turns a sigmoid head z into the softmax head (0, z); leaves other heads unchanged.
pub fn widen_sigmoid_head(weights: &mut Weights) {
    for name in ["Conv_1x1.weight", "Conv_1x1.bias"] {
        if let Some(tensor) = weights
            .get_mut(name)
            .filter(|t| t.shape.first() == Some(&1))
        {
            tensor.shape[0] = 2;
            let zeros = vec![0.0; tensor.values.len()];
            tensor.values.splice(0..0, zeros);
        }
    }
}

pub(super) fn slot_shape(slot: &Slot<'_>) -> Vec<usize> {
    match slot {
        Slot::Weight(p) => p.val().dims().to_vec(),
        Slot::Vector(p) => p.val().dims().to_vec(),
        Slot::Statistic(s) => s.value().dims().to_vec(),
    }
}

/// Copies a plain tensor into its slot of a network.
pub(super) fn fill_slot(slot: Slot<'_>, tensor: PlainTensor, device: &Device) {
    let data = TensorData::new(tensor.values, tensor.shape);
    match slot {
        Slot::Weight(p) => {
            let tensor = to_learnable_tensor(tensor_on_device(data, device));
            *p = Param::initialized(p.id, tensor);
        }
        Slot::Vector(p) => {
            let tensor = to_learnable_tensor(tensor_on_device(data, device));
            *p = Param::initialized(p.id, tensor);
        }
        Slot::Statistic(s) => *s = RunningState::new(tensor_on_device(data, device)),
    }
}

/// A tensor read back from a network, with its gradient if it has one.
pub(super) struct ReadBack {
    pub name: String,
    pub tensor: PlainTensor,
    pub gradient: Option<Vec<f32>>,
}

/// Reads the `wanted` tensors of a network back from the device, in order and in one transaction: separate reads would
/// stall a GPU two hundred times. Removes their gradients from `gradients`.
pub(super) fn read_back(
    network: &mut CmuNext,
    gradients: &mut GradientsParams,
    wanted: impl Fn(&Slot<'_>) -> bool,
) -> Result<Vec<ReadBack>> {
    let (mut reads, mut known) = (Transaction::default(), Vec::new());
    network.each_tensor(&mut |name, slot| {
        if !wanted(&slot) {
            return;
        }
        let before = mem::take(&mut reads);
        let (now, learns) = match slot {
            Slot::Weight(p) => register_tensor(before, p.val(), gradients.remove::<4>(p.id)),
            Slot::Vector(p) => register_tensor(before, p.val(), gradients.remove::<1>(p.id)),
            Slot::Statistic(s) => register_tensor(before, s.value_sync(), None),
        };
        reads = now;
        known.push((name.to_owned(), learns));
    });
    let mut data = execute_reads(reads)?.into_iter();
    let mut found = Vec::with_capacity(known.len());
    for (name, learns) in known {
        let tensor = next_tensor(&mut data)?;
        let gradient = if learns {
            Some(next_tensor(&mut data)?.values)
        } else {
            None
        };
        found.push(ReadBack {
            name,
            tensor,
            gradient,
        });
    }
    Ok(found)
}

/// Reads tensors without autodiff back from their device, in one transaction.
pub(super) fn read_tensors<const D: usize>(
    tensors: impl Iterator<Item = Tensor<D>>,
) -> Result<Vec<PlainTensor>> {
    let reads = tensors.fold(Transaction::default(), Transaction::register);
    execute_reads(reads)?
        .into_iter()
        .map(to_plain_tensor)
        .collect()
}

fn execute_reads(reads: Transaction) -> Result<Vec<TensorData>> {
    let data = reads.try_execute().map_err(not_read)?;
    for tensor in &data {
        count_read_back(tensor.num_elements() * size_of::<f32>());
    }
    Ok(data)
}

/// The next tensor that was read.
fn next_tensor(data: &mut impl Iterator<Item = TensorData>) -> Result<PlainTensor> {
    to_plain_tensor(data.next().ok_or_else(|| not_read("too few tensors"))?)
}

fn to_plain_tensor(data: TensorData) -> Result<PlainTensor> {
    let shape = data.shape().to_vec();
    Ok(PlainTensor {
        shape,
        values: data.try_into_vec::<f32>().map_err(not_read)?,
    })
}

fn register_tensor<const D: usize>(
    reads: Transaction,
    values: Tensor<D>,
    gradient: Option<Tensor<D>>,
) -> (Transaction, bool) {
    let values = if values.is_autodiff() {
        values.inner()
    } else {
        values
    };
    let reads = reads.register(values);
    match gradient {
        Some(gradient) => (reads.register(gradient), true),
        None => (reads, false),
    }
}

fn not_read(e: impl fmt::Debug) -> Error {
    Error::new("read the weights back from the device", format!("{e:?}"))
}

/// The weights of a network as plain numbers.
pub fn read_weights(network: &CmuNext) -> Result<Weights> {
    let read = read_back(&mut network.clone(), &mut GradientsParams::new(), |_| true)?;
    Ok(read
        .into_iter()
        .map(|read| (read.name, read.tensor))
        .collect())
}

/// How a model file stores its weights. They are computed with in single precision either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits for each number.
    Single,
    /// 16 bits for each number, rounded to the nearest.
    Half,
}

/// Writes Labrum's model format: safetensors with the model card in its metadata.
pub fn to_bytes(card: &ModelCard, weights: &Weights) -> Result<Vec<u8>> {
    to_bytes_with_precision(card, weights, Precision::Single)
}

/// As [`to_bytes`], with the weights stored in this precision.
///
/// # Errors
/// If a number is too large for the precision (from 65,520 for half precision).
pub fn to_bytes_with_precision(
    card: &ModelCard,
    weights: &Weights,
    precision: Precision,
) -> Result<Vec<u8>> {
    let text = serde_json::to_string(card).map_err(not_written)?;
    let mut bytes = BTreeMap::new();
    for (name, tensor) in weights {
        let stored = match precision {
            Precision::Single => tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Precision::Half => half_bytes(name, &tensor.values)?,
        };
        bytes.insert(name.as_str(), stored);
    }
    let dtype = match precision {
        Precision::Single => Dtype::F32,
        Precision::Half => Dtype::F16,
    };
    let mut views = Vec::with_capacity(weights.len());
    for (name, tensor) in weights {
        let view = TensorView::new(dtype, tensor.shape.clone(), &bytes[name.as_str()])
            .map_err(not_written)?;
        views.push((name.clone(), view));
    }
    let metadata = HashMap::from([(CARD_KEY.to_owned(), text)]);
    safetensors::serialize(views, Some(metadata)).map_err(not_written)
}

/// The values of the tensor `name` in half precision, little-endian.
fn half_bytes(name: &str, values: &[f32]) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(2 * values.len());
    for value in values {
        let half = f16::from_f32(*value);
        if !half.is_finite() {
            let reason = format!("\"{name}\" has the value {value}, too large for half precision");
            return Err(Error::new("write the model", reason));
        }
        bytes.extend(half.to_le_bytes());
    }
    Ok(bytes)
}

fn not_written(e: impl fmt::Display) -> Error {
    Error::new("write the model", e)
}

/// SHA-256 (hex) of names, shapes and values: identifies weights independently of their model card.
pub fn weights_hash(weights: &Weights) -> String {
    let mut hasher = Sha256::new();
    for (name, tensor) in weights {
        hasher.update(name.as_bytes());
        tensor
            .shape
            .iter()
            .for_each(|n| hasher.update((*n as u64).to_le_bytes()));
        tensor
            .values
            .iter()
            .for_each(|v| hasher.update(v.to_le_bytes()));
    }
    hex_text(&hasher.finalize())
}

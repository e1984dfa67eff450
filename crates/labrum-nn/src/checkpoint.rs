//! Networks to weights and back: see [`super::weights`] for how they are read from files.

use super::cmunext::{CmuNext, Slot};
use super::weights::CARD_KEY;
pub use super::weights::{
    Architecture, PlainTensor, Weights, detect_architecture, from_bytes, read_card, read_model,
};
use burn::module::{Param, RunningState};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData, Transaction};
use labrum_core::{Error, Result, model_card::ModelCard};
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// Sees that the weights are those of a whole CMUNeXt: every tensor is there, in its size and finite, and none too many.
pub fn check_weights(weights: &Weights) -> Result<()> {
    build_network(weights.clone(), &Device::flex()).map(drop)
}

/// A network with these weights. Every tensor must be there in its size; a sigmoid head becomes a softmax one.
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
                problem.get_or_insert(format!("\"{name}\" holds values that are not finite"));
            }
            Some(tensor) => {
                problem.get_or_insert(format!(
                    "\"{name}\" is {:?} and should be {wanted:?}",
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
            "\"{name}\" has no place in CMUNeXt-{}",
            found.config
        ));
    }
    match problem {
        Some(reason) => Err(Error::new("use the model", reason)
            .with_advice("It is a checkpoint of another network or a damaged one.")),
        None => Ok((found, network)),
    }
}

/// Turns a sigmoid head z into the softmax head (0, z); leaves other heads as they are.
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

fn slot_shape(slot: &Slot<'_>) -> Vec<usize> {
    match slot {
        Slot::Weight(p) => p.val().dims().to_vec(),
        Slot::Vector(p) => p.val().dims().to_vec(),
        Slot::Statistic(s) => s.value().dims().to_vec(),
    }
}

/// Puts plain numbers into their place in a network.
pub(super) fn fill_slot(slot: Slot<'_>, tensor: PlainTensor, device: &Device) {
    let data = TensorData::new(tensor.values, tensor.shape);
    match slot {
        Slot::Weight(p) => *p = Param::initialized(p.id, to_learnable_tensor(data, device)),
        Slot::Vector(p) => *p = Param::initialized(p.id, to_learnable_tensor(data, device)),
        Slot::Statistic(s) => *s = RunningState::new(Tensor::from_data(data, device)),
    }
}

fn to_learnable_tensor<const D: usize>(data: TensorData, device: &Device) -> Tensor<D> {
    let tensor = Tensor::from_data(data, device);
    if device.is_autodiff() {
        tensor.require_grad()
    } else {
        tensor
    }
}

/// What a tensor of a network holds, in plain numbers, and its gradient where it has one.
pub(super) struct ReadBack {
    pub name: String,
    pub tensor: PlainTensor,
    pub gradient: Option<Vec<f32>>,
}

/// Reads the tensors of a network that are `wanted` back from the device, in their order and in one go: each reading for
/// itself would make a GPU wait two hundred times. Takes what it finds in `gradients`.
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
        let before = std::mem::take(&mut reads);
        let (now, learns) = match slot {
            Slot::Weight(p) => register_tensor(before, p.val(), gradients.remove::<4>(p.id)),
            Slot::Vector(p) => register_tensor(before, p.val(), gradients.remove::<1>(p.id)),
            Slot::Statistic(s) => register_tensor(before, s.value_sync(), None),
        };
        reads = now;
        known.push((name.to_owned(), learns));
    });
    let mut data = reads.try_execute().map_err(not_read)?.into_iter();
    let mut next = || -> Result<PlainTensor> {
        let data = data.next().ok_or_else(|| not_read("too few tensors"))?;
        let shape = data.shape().to_vec();
        Ok(PlainTensor {
            shape,
            values: data.try_into_vec::<f32>().map_err(not_read)?,
        })
    };
    let of_one = |(name, learns)| {
        let tensor = next()?;
        let gradient = if learns { Some(next()?.values) } else { None };
        Ok(ReadBack {
            name,
            tensor,
            gradient,
        })
    };
    known.into_iter().map(of_one).collect()
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

fn not_read(e: impl std::fmt::Debug) -> Error {
    Error::new("read the network back from the device", format!("{e:?}"))
}

/// The weights of a network in plain numbers.
pub fn read_weights(network: &CmuNext) -> Result<Weights> {
    let read = read_back(&mut network.clone(), &mut GradientsParams::new(), |_| true)?;
    Ok(read
        .into_iter()
        .map(|read| (read.name, read.tensor))
        .collect())
}

/// Our own format: safetensors with the card in its metadata.
pub fn to_bytes(card: &ModelCard, weights: &Weights) -> Result<Vec<u8>> {
    let failed = |e: &dyn std::fmt::Display| Error::new("write the model", e);
    let text = serde_json::to_string(card).map_err(|e| failed(&e))?;
    let bytes: BTreeMap<&str, Vec<u8>> = weights
        .iter()
        .map(|(n, t)| {
            (
                n.as_str(),
                t.values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            )
        })
        .collect();
    let view = |(name, tensor): (&String, &PlainTensor)| {
        TensorView::new(Dtype::F32, tensor.shape.clone(), &bytes[name.as_str()])
            .map(|v| (name.clone(), v))
    };
    let views = weights
        .iter()
        .map(view)
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|e| failed(&e))?;
    safetensors::serialize(views, Some(HashMap::from([(CARD_KEY.to_owned(), text)])))
        .map_err(|e| failed(&e))
}

/// SHA-256 of names, sizes and values, in hex: what tells two sets of weights apart, whatever their card says.
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
    hasher
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

//! Weights in files: our own safetensors with the model card in its metadata, and PyTorch checkpoints.
//!
//! Both use the names of the published checkpoints, so that our files load in the authors' PyTorch code.

use super::card::{Config, ModelCard};
use super::cmunext::{CmuNext, Slot};
use crate::{Error, Result};
use burn::module::{Param, RunningState};
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The key of the card in the metadata of a safetensors file.
const CARD_KEY: &str = "labrum.model_card";
/// Weights larger than this are no CMUNeXt.
const MAX_BYTES: u64 = 1 << 30;

/// A tensor in plain numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainTensor {
    /// Sizes.
    pub shape: Vec<usize>,
    /// Values, the last index fastest.
    pub values: Vec<f32>,
}

/// Weights by name.
pub type Weights = BTreeMap<String, PlainTensor>;

/// What the weights themselves tell about their network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// Which of the networks.
    pub config: Config,
    /// Input channels.
    pub channels: usize,
    /// Output classes, background included; a sigmoid head counts as two.
    pub classes: usize,
}

/// Reads weights and, from our own format, the card.
pub fn read(path: &Path) -> Result<(Option<ModelCard>, Weights)> {
    let tried = "read the model";
    let size = std::fs::metadata(path).map_err(|e| Error::at(tried, path, e))?.len();
    if size > MAX_BYTES {
        return Err(Error::at(tried, path, format!("{size} bytes are more than any CMUNeXt has")));
    }
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    if matches!(extension.as_str(), "pth" | "pt" | "bin") {
        return Ok((None, read_pytorch(path)?));
    }
    let bytes = std::fs::read(path).map_err(|e| Error::at(tried, path, e))?;
    from_bytes(&bytes).map_err(|e| Error { path: Some(path.to_owned()), ..e })
}

/// Reads our own format from memory.
pub fn from_bytes(bytes: &[u8]) -> Result<(Option<ModelCard>, Weights)> {
    let card = header_card(bytes)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| not_safetensors(&e))?;
    let mut weights = Weights::new();
    for (name, view) in tensors.iter() {
        if let Some(values) = floats(view.dtype(), view.data()) {
            weights.insert(plain_name(name), PlainTensor { shape: view.shape().to_vec(), values });
        }
    }
    Ok((card, weights))
}

/// The card alone, without reading the weights.
pub fn card(bytes: &[u8]) -> Result<ModelCard> {
    header_card(bytes)?.ok_or_else(|| Error::new("read the model", "it has no model card"))
}

fn header_card(bytes: &[u8]) -> Result<Option<ModelCard>> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| not_safetensors(&e))?;
    let text = header.metadata().as_ref().and_then(|m| m.get(CARD_KEY));
    text.map(|text| serde_json::from_str(text))
        .transpose()
        .map_err(|e| Error::new("read the model", format!("its card cannot be understood ({e})")))
}

fn not_safetensors(e: &dyn std::fmt::Display) -> Error {
    Error::new("read the model", format!("not a safetensors file ({e})"))
        .advise("Give a .safetensors file of Labrum, or a PyTorch checkpoint that ends in .pth.")
}

/// Float tensors as f32; `None` for counters and the like.
fn floats(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    match dtype {
        Dtype::F32 => Some(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()),
        Dtype::F64 => {
            let wide = |b: &[u8]| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32;
            Some(bytes.chunks_exact(8).map(wide).collect())
        }
        Dtype::F16 => Some(bytes.chunks_exact(2).map(|b| half_to_f32(u16::from_le_bytes([b[0], b[1]]))).collect()),
        Dtype::BF16 => Some(
            bytes.chunks_exact(2).map(|b| f32::from_bits(u32::from(u16::from_le_bytes([b[0], b[1]])) << 16)).collect(),
        ),
        _ => None,
    }
}

fn half_to_f32(bits: u16) -> f32 {
    let (sign, exponent, mantissa) = (bits >> 15, (bits >> 10) & 0x1f, f32::from(bits & 0x3ff));
    let size = match exponent {
        0 => mantissa * 2f32.powi(-24),
        31 if mantissa == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        e => (1.0 + mantissa / 1024.0) * 2f32.powi(i32::from(e) - 15),
    };
    if sign == 1 { -size } else { size }
}

/// A name without what data parallel training put before it.
fn plain_name(name: &str) -> String {
    name.strip_prefix("module.").unwrap_or(name).to_owned()
}

fn read_pytorch(path: &Path) -> Result<Weights> {
    let tried = "read the PyTorch checkpoint";
    let broken = |e: &dyn std::fmt::Display| Error::at(tried, path, e);
    let reader = pytorch_reader::PytorchReader::new(path).map_err(|e| broken(&e))?;
    let mut weights = Weights::new();
    for (name, tensor) in reader.tensors() {
        use pytorch_reader::DType as D;
        let dtype = match tensor.dtype() {
            D::F32 => Dtype::F32,
            D::F64 => Dtype::F64,
            D::F16 => Dtype::F16,
            D::BF16 => Dtype::BF16,
            _ => continue,
        };
        let bytes = tensor.read().map_err(|e| broken(&e))?;
        let name = name.strip_prefix("state_dict.").unwrap_or(name);
        if let Some(values) = floats(dtype, &bytes) {
            weights.insert(plain_name(name), PlainTensor { shape: tensor.shape().to_vec(), values });
        }
    }
    Ok(weights)
}

/// Recognises the network that weights belong to.
pub fn architecture(weights: &Weights) -> Result<Architecture> {
    let other = |reason: &str| {
        Error::new("read the model", format!("these are not the weights of a CMUNeXt: {reason}"))
            .advise("Labrum reads CMUNeXt S, base and L; other networks cannot be used.")
    };
    let shape = |name: &str| match weights.get(name) {
        Some(tensor) if tensor.shape.len() == 4 => Ok(tensor.shape.clone()),
        Some(_) => Err(other(&format!("\"{name}\" has another number of dimensions"))),
        None => Err(other(&format!("\"{name}\" is missing"))),
    };
    let stem = shape("stem.conv.0.weight")?;
    let head = shape("Conv_1x1.weight")?;
    let deepest = shape("encoder5.up.conv.0.weight")?;
    let config = match (stem[0], deepest[0]) {
        (8, 128) => Config::S,
        (16, 256) => Config::Base,
        (32, 512) => Config::L,
        (first, last) => return Err(other(&format!("widths {first} to {last} belong to none of S, base and L"))),
    };
    let classes = if head[0] == 1 { 2 } else { head[0] };
    if classes == 0 || classes > 255 || stem[1] == 0 {
        return Err(other(&format!("{} classes and {} channels make no sense", head[0], stem[1])));
    }
    Ok(Architecture { config, channels: stem[1], classes })
}

/// Sees that the weights are those of a whole CMUNeXt: every tensor is there, in its size and finite, and none too many.
pub fn check(weights: &Weights) -> Result<()> {
    build(weights.clone(), &Device::flex()).map(drop)
}

/// A network with these weights. Every tensor must be there in its size; a sigmoid head becomes a softmax one.
pub fn build(mut weights: Weights, device: &Device) -> Result<(Architecture, CmuNext)> {
    let found = architecture(&weights)?;
    widen_sigmoid_head(&mut weights);
    let mut network = CmuNext::new(found.config, found.channels, found.classes, device);
    let mut problem = None;
    network.each_tensor(&mut |name, slot| {
        let wanted = slot_shape(&slot);
        match weights.remove(name) {
            Some(tensor) if tensor.shape == wanted && tensor.values.iter().all(|v| v.is_finite()) => {
                fill(slot, tensor, device);
            }
            Some(tensor) if tensor.shape == wanted => {
                problem.get_or_insert(format!("\"{name}\" holds values that are not finite"));
            }
            Some(tensor) => {
                problem.get_or_insert(format!("\"{name}\" is {:?} and should be {wanted:?}", tensor.shape));
            }
            None => {
                problem.get_or_insert(format!("\"{name}\" is missing"));
            }
        }
    });
    weights.retain(|name, _| !name.ends_with("num_batches_tracked"));
    if let Some(name) = weights.keys().next() {
        problem.get_or_insert(format!("\"{name}\" has no place in CMUNeXt-{}", found.config));
    }
    match problem {
        Some(reason) => {
            Err(Error::new("use the model", reason).advise("It is a checkpoint of another network or a damaged one."))
        }
        None => Ok((found, network)),
    }
}

/// Turns a sigmoid head z into the softmax head (0, z); leaves other heads as they are.
pub fn widen_sigmoid_head(weights: &mut Weights) {
    for name in ["Conv_1x1.weight", "Conv_1x1.bias"] {
        if let Some(tensor) = weights.get_mut(name).filter(|t| t.shape.first() == Some(&1)) {
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
pub(super) fn fill(slot: Slot<'_>, tensor: PlainTensor, device: &Device) {
    let data = TensorData::new(tensor.values, tensor.shape);
    match slot {
        Slot::Weight(p) => *p = Param::initialized(p.id, learnable(data, device)),
        Slot::Vector(p) => *p = Param::initialized(p.id, learnable(data, device)),
        Slot::Statistic(s) => *s = RunningState::new(Tensor::from_data(data, device)),
    }
}

fn learnable<const D: usize>(data: TensorData, device: &Device) -> Tensor<D> {
    let tensor = Tensor::from_data(data, device);
    if device.is_autodiff() { tensor.require_grad() } else { tensor }
}

/// What a place in a network holds, in plain numbers.
pub(super) fn plain(slot: &Slot<'_>) -> Result<PlainTensor> {
    let data = match slot {
        Slot::Weight(p) => p.val().into_data(),
        Slot::Vector(p) => p.val().into_data(),
        Slot::Statistic(s) => s.value_sync().into_data(),
    };
    let failed = |e| Error::new("read the weights back from the device", format!("{e:?}"));
    Ok(PlainTensor { shape: slot_shape(slot), values: data.try_into_vec::<f32>().map_err(failed)? })
}

/// The weights of a network in plain numbers.
pub fn weights(network: &CmuNext) -> Result<Weights> {
    let mut out = Ok(Weights::new());
    network.clone().each_tensor(&mut |name, slot| match (&mut out, plain(&slot)) {
        (Ok(weights), Ok(tensor)) => drop(weights.insert(name.to_owned(), tensor)),
        (Ok(_), Err(error)) => out = Err(error),
        (Err(_), _) => {}
    });
    out
}

/// Our own format: safetensors with the card in its metadata.
pub fn to_bytes(card: &ModelCard, weights: &Weights) -> Result<Vec<u8>> {
    let failed = |e: &dyn std::fmt::Display| Error::new("write the model", e);
    let text = serde_json::to_string(card).map_err(|e| failed(&e))?;
    let bytes: BTreeMap<&str, Vec<u8>> =
        weights.iter().map(|(n, t)| (n.as_str(), t.values.iter().flat_map(|v| v.to_le_bytes()).collect())).collect();
    let view = |(name, tensor): (&String, &PlainTensor)| {
        TensorView::new(Dtype::F32, tensor.shape.clone(), &bytes[name.as_str()]).map(|v| (name.clone(), v))
    };
    let views = weights.iter().map(view).collect::<std::result::Result<Vec<_>, _>>().map_err(|e| failed(&e))?;
    safetensors::serialize(views, Some(HashMap::from([(CARD_KEY.to_owned(), text)]))).map_err(|e| failed(&e))
}

/// SHA-256 of names, sizes and values, in hex: what tells two sets of weights apart, whatever their card says.
pub fn hash(weights: &Weights) -> String {
    let mut hasher = Sha256::new();
    for (name, tensor) in weights {
        hasher.update(name.as_bytes());
        tensor.shape.iter().for_each(|n| hasher.update((*n as u64).to_le_bytes()));
        tensor.values.iter().for_each(|v| hasher.update(v.to_le_bytes()));
    }
    hasher.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

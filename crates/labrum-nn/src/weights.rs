//! Reads weights from files: Labrum's safetensors with the model card in its metadata, and PyTorch checkpoints. No
//! network is built here.
//!
//! Both use the tensor names of the published checkpoints, so that Labrum's files load in the authors' PyTorch code.

use half::{bf16, f16};
use labrum_core::{
    Error, Result,
    model_card::{Config, ModelCard},
    reason_of,
};
use safetensors::tensor::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::{fmt, fs, path::Path};

/// Key of the model card in the metadata of a safetensors file.
pub(super) const CARD_KEY: &str = "labrum.model_card";
/// Maximum number of classes of a model, background included: labels are stored as bytes.
pub(super) const MOST_CLASSES: usize = 255;
/// Maximum size of a file in bytes: a CMUNeXt is never larger, even with the state of an optimiser.
const MAX_BYTES: u64 = 1 << 30;
/// Maximum total size of a file's tensors when unpacked, in bytes.
const MAX_UNPACKED: usize = 1 << 28;

/// A tensor as plain numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainTensor {
    /// Size of each dimension.
    pub shape: Vec<usize>,
    /// Values; the last index varies fastest.
    pub values: Vec<f32>,
}

/// Weights by name.
pub type Weights = BTreeMap<String, PlainTensor>;

/// The architecture of a network, as detected from its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// Variant of the network: S, base or L.
    pub config: Config,
    /// Input channels.
    pub channels: usize,
    /// Output classes, background included; a sigmoid head counts as two.
    pub classes: usize,
}

/// Reads weights and, from Labrum's own format, the model card.
pub fn read_model(path: &Path) -> Result<(Option<ModelCard>, Weights)> {
    let tried = "read the model";
    let size = fs::metadata(path)
        .map_err(|e| Error::at_path(tried, path, reason_of(&e)))?
        .len();
    if size > MAX_BYTES {
        return Err(Error::at_path(
            tried,
            path,
            format!("the file is too large for a CMUNeXt model ({size} bytes)"),
        ));
    }
    let extension = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    if matches!(extension.as_str(), "pth" | "pt" | "bin") {
        return Ok((None, read_pytorch(path)?));
    }
    let bytes =
        fs::read(path).map_err(|e| Error::at_path(tried, path, reason_of(&e)).caused_by(e))?;
    from_bytes(&bytes).map_err(|e| Error {
        path: Some(path.to_owned()),
        ..e
    })
}

/// Reads Labrum's own format from memory.
pub fn from_bytes(bytes: &[u8]) -> Result<(Option<ModelCard>, Weights)> {
    let card = header_card(bytes)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| not_safetensors(&e))?;
    let mut weights = Weights::new();
    for (name, view) in tensors.iter() {
        if let Some(values) = floats_from_bytes(view.dtype(), view.data()) {
            weights.insert(
                plain_name(name),
                PlainTensor {
                    shape: view.shape().to_vec(),
                    values,
                },
            );
        }
    }
    Ok((card, weights))
}

/// Reads only the model card, not the weights.
pub fn read_card(bytes: &[u8]) -> Result<ModelCard> {
    header_card(bytes)?.ok_or_else(|| Error::new("read the model", "it has no model card"))
}

fn header_card(bytes: &[u8]) -> Result<Option<ModelCard>> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| not_safetensors(&e))?;
    let text = header.metadata().as_ref().and_then(|m| m.get(CARD_KEY));
    text.map(|text| serde_json::from_str(text))
        .transpose()
        .map_err(|e| {
            Error::new(
                "read the model",
                format!("its model card is not valid ({e})"),
            )
        })
}

fn not_safetensors(e: &dyn fmt::Display) -> Error {
    log::debug!("safetensors: {e}");
    Error::new("read the model", "not a safetensors file, or damaged").with_advice(
        "Choose a Labrum model (.safetensors) or a PyTorch checkpoint (.pth, .pt or .bin).",
    )
}

/// Float values as f32; `None` for other types, such as integer counters.
fn floats_from_bytes(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    match dtype {
        Dtype::F32 => Some(read_values(bytes, f32::from_le_bytes)),
        Dtype::F64 => Some(read_values(bytes, |value| f64::from_le_bytes(value) as f32)),
        Dtype::F16 => Some(read_values(bytes, |value| {
            f16::from_le_bytes(value).to_f32()
        })),
        Dtype::BF16 => Some(read_values(bytes, |value| {
            bf16::from_le_bytes(value).to_f32()
        })),
        _ => None,
    }
}

/// Values of `N` bytes each.
fn read_values<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let values = bytes.as_chunks::<N>().0.iter();
    values.map(|value| read(*value)).collect()
}

/// Removes the prefix that PyTorch's data-parallel training adds to names.
fn plain_name(name: &str) -> String {
    name.strip_prefix("module.").unwrap_or(name).to_owned()
}

fn read_pytorch(path: &Path) -> Result<Weights> {
    let reader =
        pytorch_reader::PytorchReader::new(path).map_err(|e| checkpoint_error(path, &e))?;
    let mut weights = Weights::new();
    // Many tensors may be views of one small storage, so a small file can unpack to a large size.
    let unpacked = reader.tensors().iter().fold(0usize, |sum, (_, tensor)| {
        sum.saturating_add(tensor.byte_len())
    });
    if unpacked > MAX_UNPACKED {
        let reason = format!("too large for a CMUNeXt model ({unpacked} bytes of tensors)");
        return Err(checkpoint_error(path, &reason));
    }
    for (name, tensor) in reader.tensors() {
        use pytorch_reader::DType as D;
        let dtype = match tensor.dtype() {
            D::F32 => Dtype::F32,
            D::F64 => Dtype::F64,
            D::F16 => Dtype::F16,
            D::BF16 => Dtype::BF16,
            _ => continue,
        };
        let bytes = tensor.read().map_err(|e| checkpoint_error(path, &e))?;
        let name = name.strip_prefix("state_dict.").unwrap_or(name);
        if let Some(values) = floats_from_bytes(dtype, &bytes) {
            weights.insert(
                plain_name(name),
                PlainTensor {
                    shape: tensor.shape().to_vec(),
                    values,
                },
            );
        }
    }
    Ok(weights)
}

fn checkpoint_error(path: &Path, reason: &dyn fmt::Display) -> Error {
    Error::at_path("read the PyTorch checkpoint", path, reason)
}

/// Detects the architecture of a network from its weights.
pub fn detect_architecture(weights: &Weights) -> Result<Architecture> {
    let stem = conv_shape(weights, "stem.conv.0.weight")?;
    let head = conv_shape(weights, "Conv_1x1.weight")?;
    let deepest = conv_shape(weights, "encoder5.up.conv.0.weight")?;
    let config = match (stem[0], deepest[0]) {
        (8, 128) => Config::S,
        (16, 256) => Config::Base,
        (32, 512) => Config::L,
        (first, last) => {
            return Err(other_network(&format!(
                "widths {first} to {last} match none of S, base and L"
            )));
        }
    };
    let classes = if head[0] == 1 { 2 } else { head[0] };
    if classes > MOST_CLASSES {
        return Err(other_network(&format!(
            "{classes} classes, but a model can have at most {MOST_CLASSES}"
        )));
    }
    if classes == 0 || stem[1] == 0 {
        return Err(other_network(&format!(
            "invalid number of classes ({}) or channels ({})",
            head[0], stem[1]
        )));
    }
    Ok(Architecture {
        config,
        channels: stem[1],
        classes,
    })
}

/// Shape `[out, in, rows, columns]` of the weight of a convolution.
fn conv_shape<'a>(weights: &'a Weights, name: &str) -> Result<&'a [usize]> {
    match weights.get(name) {
        Some(tensor) if tensor.shape.len() == 4 => Ok(tensor.shape.as_slice()),
        Some(_) => Err(other_network(&format!(
            "\"{name}\" does not have 4 dimensions"
        ))),
        None => Err(other_network(&format!("\"{name}\" is missing"))),
    }
}

fn other_network(reason: &str) -> Error {
    Error::new("read the model", format!("not a CMUNeXt model: {reason}"))
        .with_advice("Labrum supports only CMUNeXt S, base and L.")
}

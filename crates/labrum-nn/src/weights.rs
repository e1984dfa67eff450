//! Weights read from files, whoever made them: our own safetensors with the model card in its metadata, and PyTorch
//! checkpoints. No network is built here.
//!
//! Both use the names of the published checkpoints, so that our files load in the authors' PyTorch code.

use labrum_core::{
    Error, Result,
    model_card::{Config, ModelCard},
    reason_of,
};
use safetensors::tensor::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::Path;

/// The key of the card in the metadata of a safetensors file.
pub(super) const CARD_KEY: &str = "labrum.model_card";
/// Background and labels of a model. Not one more: masks are bytes.
pub(super) const MOST_CLASSES: usize = 255;
/// Files larger than this are no CMUNeXt, even with all that an optimiser keeps.
const MAX_BYTES: u64 = 1 << 30;
/// Tensors of a file, unpacked, that are larger than this in all are no CMUNeXt.
const MAX_UNPACKED: usize = 1 << 28;

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
pub fn read_model(path: &Path) -> Result<(Option<ModelCard>, Weights)> {
    let tried = "read the model";
    let size = std::fs::metadata(path)
        .map_err(|e| Error::at_path(tried, path, reason_of(&e)))?
        .len();
    if size > MAX_BYTES {
        return Err(Error::at_path(
            tried,
            path,
            format!("{size} bytes are more than any CMUNeXt has"),
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
        std::fs::read(path).map_err(|e| Error::at_path(tried, path, reason_of(&e)).caused_by(e))?;
    from_bytes(&bytes).map_err(|e| Error {
        path: Some(path.to_owned()),
        ..e
    })
}

/// Reads our own format from memory.
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

/// The card alone, without reading the weights.
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
                format!("its card cannot be understood ({e})"),
            )
        })
}

fn not_safetensors(e: &dyn std::fmt::Display) -> Error {
    log::debug!("safetensors: {e}");
    Error::new("read the model", "it is no safetensors file, or is damaged").with_advice(
        "Give a .safetensors file of Labrum, or a PyTorch checkpoint that ends in .pth.",
    )
}

/// Float tensors as f32; `None` for counters and the like.
fn floats_from_bytes(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    match dtype {
        Dtype::F32 => Some(
            bytes
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
        ),
        Dtype::F64 => {
            let wide = |b: &[u8]| {
                f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32
            };
            Some(bytes.chunks_exact(8).map(wide).collect())
        }
        Dtype::F16 => Some(
            bytes
                .chunks_exact(2)
                .map(|b| half_to_f32(u16::from_le_bytes([b[0], b[1]])))
                .collect(),
        ),
        Dtype::BF16 => Some(
            bytes
                .chunks_exact(2)
                .map(|b| f32::from_bits(u32::from(u16::from_le_bytes([b[0], b[1]])) << 16))
                .collect(),
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
    let broken = |e: &dyn std::fmt::Display| Error::at_path(tried, path, e);
    let reader = pytorch_reader::PytorchReader::new(path).map_err(|e| broken(&e))?;
    let mut weights = Weights::new();
    // Many tensors may be views of one small storage.
    let unpacked = reader.tensors().iter().fold(0usize, |sum, (_, tensor)| {
        sum.saturating_add(tensor.byte_len())
    });
    if unpacked > MAX_UNPACKED {
        return Err(broken(&format!(
            "{unpacked} bytes of tensors are more than any CMUNeXt has"
        )));
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
        let bytes = tensor.read().map_err(|e| broken(&e))?;
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

/// Recognises the network that weights belong to.
pub fn detect_architecture(weights: &Weights) -> Result<Architecture> {
    let other = |reason: &str| {
        Error::new(
            "read the model",
            format!("these are not the weights of a CMUNeXt: {reason}"),
        )
        .with_advice("Labrum reads CMUNeXt S, base and L; other networks cannot be used.")
    };
    let shape = |name: &str| match weights.get(name) {
        Some(tensor) if tensor.shape.len() == 4 => Ok(tensor.shape.clone()),
        Some(_) => Err(other(&format!(
            "\"{name}\" has another number of dimensions"
        ))),
        None => Err(other(&format!("\"{name}\" is missing"))),
    };
    let stem = shape("stem.conv.0.weight")?;
    let head = shape("Conv_1x1.weight")?;
    let deepest = shape("encoder5.up.conv.0.weight")?;
    let config = match (stem[0], deepest[0]) {
        (8, 128) => Config::S,
        (16, 256) => Config::Base,
        (32, 512) => Config::L,
        (first, last) => {
            return Err(other(&format!(
                "widths {first} to {last} belong to none of S, base and L"
            )));
        }
    };
    let classes = if head[0] == 1 { 2 } else { head[0] };
    if classes > MOST_CLASSES {
        return Err(other(&format!(
            "{classes} classes are more than the {MOST_CLASSES} that a model can have"
        )));
    }
    if classes == 0 || stem[1] == 0 {
        return Err(other(&format!(
            "{} classes and {} channels make no sense",
            head[0], stem[1]
        )));
    }
    Ok(Architecture {
        config,
        channels: stem[1],
        classes,
    })
}

//! Splits the images of a folder for training and testing, by fraction of subjects or by lists.

use super::{DatasetPair, normalized_stem};
use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
};

/// Splits pairs into those to train on and the hold-out set, which has about `fraction` (0..=1) of the subjects.
///
/// A hash of `seed` and subject decides, so that a subject stays on its side when others are added or removed. With at least
/// two subjects and a fraction between 0 and 1, neither side is empty; a single subject is not held out.
pub fn split_by_subject(
    pairs: &[DatasetPair],
    fraction: f64,
    seed: u64,
) -> (Vec<DatasetPair>, Vec<DatasetPair>) {
    let subjects: BTreeSet<&str> = pairs.iter().map(|pair| pair.subject.as_str()).collect();
    let mut order: Vec<(f64, &str)> = subjects
        .into_iter()
        .map(|subject| (subject_fraction(subject, seed), subject))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut held_out = order.partition_point(|(place, _)| *place < fraction);
    if fraction > 0.0 && fraction < 1.0 {
        // A single subject is trained on.
        let most = order.len().saturating_sub(1);
        held_out = held_out.clamp(most.min(1), most);
    }
    let held_out: BTreeSet<&str> = order[..held_out]
        .iter()
        .map(|(_, subject)| *subject)
        .collect();
    pairs
        .iter()
        .cloned()
        .partition(|pair| !held_out.contains(pair.subject.as_str()))
}

/// Names of the images for training, for choosing the best epoch, and for the hold-out set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SplitLists([Vec<String>; 3]);

impl SplitLists {
    /// Reads one to three files in that order, with one name per line, with or without extension. Empty lines and lines that
    /// begin with `#` are skipped. A part without a file has no images.
    ///
    /// # Errors
    /// If a file cannot be read or lists no image, or a name occurs twice.
    pub fn read_files(files: &[PathBuf]) -> Result<Self> {
        if files.is_empty() || files.len() > 3 {
            return Err(Error::new(
                "read the lists of images",
                format!("one to three lists are needed, not {}", files.len()),
            )
            .with_advice(
                "Give the lists for training, for choosing the best epoch and for the hold-out \
                 set, in that order.",
            ));
        }
        let mut parts = <[Vec<String>; 3]>::default();
        let mut seen: HashMap<String, &Path> = HashMap::new();
        for (part, file) in parts.iter_mut().zip(files) {
            *part = read_names(file)?;
            for name in part.iter() {
                if let Some(other) = seen.insert(name.clone(), file) {
                    let reason = format!("\"{name}\" is already listed in \"{}\"", other.display());
                    return Err(Error::at_path("use the list", file, reason)
                        .with_advice("List each image only once."));
                }
            }
        }
        Ok(Self(parts))
    }

    /// The pairs of the three parts, each in the order of its list. Fails for a name that no pair has.
    pub fn apply(&self, pairs: &[DatasetPair]) -> Result<[Vec<DatasetPair>; 3]> {
        let by_name: HashMap<&str, &DatasetPair> = pairs
            .iter()
            .map(|pair| (pair.name.as_str(), pair))
            .collect();
        let mut parts = <[Vec<DatasetPair>; 3]>::default();
        for (part, names) in parts.iter_mut().zip(&self.0) {
            *part = names
                .iter()
                .map(|name| pair_by_name(&by_name, name))
                .collect::<Result<_>>()?;
        }
        Ok(parts)
    }
}

/// The pairs that a file lists, in the format and with the errors of [`SplitLists::read_files`].
pub fn only_listed(pairs: &[DatasetPair], file: &Path) -> Result<Vec<DatasetPair>> {
    let [listed, ..] = SplitLists::read_files(&[file.to_owned()])?.apply(pairs)?;
    Ok(listed)
}

fn pair_by_name(by_name: &HashMap<&str, &DatasetPair>, name: &str) -> Result<DatasetPair> {
    by_name
        .get(name)
        .map(|pair| (*pair).clone())
        .ok_or_else(|| {
            Error::new(
                "use the list of images",
                format!("no image has the name \"{name}\""),
            )
            .with_advice("Check that the list belongs to this folder.")
        })
}

fn read_names(file: &Path) -> Result<Vec<String>> {
    let text =
        fs::read_to_string(file).map_err(|e| image_list_error(file, labrum_core::reason_of(&e)))?;
    let lines = text
        .lines()
        .map(|line| line.trim_start_matches('\u{feff}').trim());
    let names: Vec<String> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(normalized_stem)
        .collect();
    if names.is_empty() {
        Err(image_list_error(file, "the list is empty"))
    } else {
        Ok(names)
    }
}

fn image_list_error(file: &Path, reason: impl ToString) -> Error {
    Error::at_path("read the list of images", file, reason)
        .with_advice("Each line must be the name of an image.")
}

/// A number in 0..1 that depends only on subject and seed.
fn subject_fraction(subject: &str, seed: u64) -> f64 {
    let hash = Sha256::new()
        .chain_update(seed.to_le_bytes())
        .chain_update(subject)
        .finalize();
    let bits = hash
        .iter()
        .take(6)
        .fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    bits as f64 / (1u64 << 48) as f64
}

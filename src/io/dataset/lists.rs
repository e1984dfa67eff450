//! Which images of a folder are for what: by shares of the subjects, or by lists.

use super::{DatasetPair, normalized_stem};
use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
};

/// Divides pairs into those to train on and those held out, about `fraction` (0..=1) of the subjects.
///
/// The hash of `seed` and subject decides, so that a subject stays on its side when others come or go. With two
/// subjects or more, and a fraction between 0 and 1, both sides have one; one alone is not held out.
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
        // A single subject stays to be trained on.
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

/// Which images of a folder are trained on, choose the best epoch, and are held out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SplitLists([Vec<String>; 3]);

impl SplitLists {
    /// Reads one to three files in that order, each with a name on each line; with or without ending, empty lines and
    /// those that begin with `#` passed over. A part without file has no images.
    ///
    /// Errors: files that cannot be read or name no image, a name in two of them.
    pub fn read_files(files: &[PathBuf]) -> Result<Self> {
        if files.is_empty() || files.len() > 3 {
            return Err(Error::new(
                "read the lists of images",
                format!("there are {} of them", files.len()),
            )
            .with_advice(
                "Give the lists to train on, to choose the best epoch and held out, in that order.",
            ));
        }
        let mut parts = <[Vec<String>; 3]>::default();
        let mut seen: HashMap<String, &Path> = HashMap::new();
        for (part, file) in parts.iter_mut().zip(files) {
            *part = read_names(file)?;
            for name in part.iter() {
                if let Some(other) = seen.insert(name.clone(), file) {
                    let reason = format!(
                        "\"{name}\" is in it that \"{}\" names already",
                        other.display()
                    );
                    return Err(Error::at_path("use the list", file, reason)
                        .with_advice("Name each image once."));
                }
            }
        }
        Ok(Self(parts))
    }

    /// The pairs of the three parts, each in the order of its list. Errors: a name that no pair has.
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

/// The pairs that a file names, a name on each line as for [`SplitLists`]. Errors: as there.
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
                format!("it names \"{name}\", and no image has that name"),
            )
            .with_advice("Is it the list of another folder?")
        })
}

fn read_names(file: &Path) -> Result<Vec<String>> {
    let failed = |reason: String| {
        Error::at_path("read the list of images", file, reason)
            .with_advice("Each line is the name of an image.")
    };
    let text = std::fs::read_to_string(file).map_err(|e| failed(labrum_core::reason_of(&e)))?;
    let lines = text
        .lines()
        .map(|line| line.trim_start_matches('\u{feff}').trim());
    let names: Vec<String> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(normalized_stem)
        .collect();
    if names.is_empty() {
        Err(failed("it names no image".into()))
    } else {
        Ok(names)
    }
}

/// A number 0..1 that subject and seed fix.
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

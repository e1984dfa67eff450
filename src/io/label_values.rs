//! Decides what the values of label maps mean: one rule for a whole set of files, so that a value means the same label in
//! each of them.

mod soft;

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use soft::soft_values;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    result,
};

const TRIED: &str = "use the mask";
/// Maximum number of distinct values kept for a file; a label map has no more.
const MOST_VALUES: usize = 256;
/// The only value of a mask may mean white from here on; a lower one is more likely a label value.
const LOWEST_WHITE: u16 = 128;

/// The stored values of a label map, row by row.
pub(super) struct StoredLabels {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) values: Vec<u16>,
    pub(super) coding: Coding,
}

/// How the values of a label map are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Coding {
    /// Indices into a colour palette: they cannot be grey levels.
    Indices,
    /// Exact grey levels.
    Grey,
    /// Grey levels changed by lossy compression.
    Lossy,
}

/// How the values of a set of label maps are converted to labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueReading {
    /// The values are the labels.
    #[default]
    Values,
    /// Values of at least this threshold are label 1, the rest is background.
    AtLeast(u16),
}

impl ValueReading {
    /// The label of each value. The error, a clause, names a value above 255.
    pub(super) fn to_labels(self, values: &[u16]) -> result::Result<Vec<u8>, String> {
        match self {
            Self::AtLeast(least) => Ok(values.iter().map(|v| u8::from(*v >= least)).collect()),
            Self::Values => {
                let labels = values
                    .iter()
                    .map(|value| u8::try_from(*value).map_err(|_| too_high(*value)));
                labels.collect()
            }
        }
    }
}

fn too_high(value: u16) -> String {
    format!("value {value} is not a label: labels range from 0 to 255")
}

/// The values that occur in a label map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskValues {
    /// Ascending, without 0, at most [`MOST_VALUES`].
    values: Vec<u16>,
    highest: u16,
    coding: Coding,
    /// Number of intermediate values at soft edges between two areas; 0 if the edges are sharp.
    soft: usize,
    /// True if nearly all pixels are black or white.
    is_black_and_white: bool,
}

impl MaskValues {
    pub(super) fn from_stored(stored: &StoredLabels) -> Self {
        let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
        for run in stored.values.chunk_by(|a, b| a == b) {
            *counts.entry(run[0]).or_default() += run.len();
        }
        let black_and_white: usize = counts
            .iter()
            .filter(|(value, _)| is_nearly_black_or_white(**value))
            .map(|(_, count)| count)
            .sum();
        Self {
            values: counts
                .keys()
                .copied()
                .filter(|v| *v != 0)
                .take(MOST_VALUES)
                .collect(),
            highest: counts.keys().next_back().copied().unwrap_or(0),
            coding: stored.coding,
            soft: if stored.coding == Coding::Grey {
                soft_values(stored, &counts)
            } else {
                0
            },
            is_black_and_white: black_and_white * 10 >= stored.values.len() * 9,
        }
    }

    /// The only value besides background, if there is exactly one.
    fn single_value(&self) -> Option<u16> {
        match self.values.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// The only grey level, if it may mean white as well as the label of that number.
    fn perhaps_white(&self) -> Option<u16> {
        self.single_value()
            .filter(|v| *v >= LOWEST_WHITE && self.coding == Coding::Grey)
    }
}

/// True for an 8-bit grey level that lossy compression may have made from black or white.
fn is_nearly_black_or_white(value: u16) -> bool {
    value < 64 || (192..256).contains(&value)
}

/// The rule for a set of label maps, and the labels that result from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueRule {
    /// How the values of each file are converted.
    pub reading: ValueReading,
    /// The labels that occur, without background.
    pub labels: BTreeSet<u8>,
    /// A description of the rule for the user; `None` if nothing had to be guessed.
    pub note: Option<String>,
}

/// Finds the rule for a set of label maps. `named` are the values defined in a label list next to them; `threshold` is the
/// user's choice and overrides everything else.
///
/// # Errors
/// If values are not labels, edges are soft, or the same value would mean different things in different files.
pub fn find_rule(
    set: &[(PathBuf, MaskValues)],
    named: Option<&BTreeSet<u8>>,
    threshold: Option<u16>,
) -> Result<ValueRule> {
    if let Some(least) = threshold {
        let note =
            format!("pixels with a value of {least} or more are label 1, all others background");
        return Ok(at_least(set, least, Some(note)));
    }
    for (path, values) in set {
        // A label list that defines all values takes precedence.
        if values.coding != Coding::Lossy && !are_all_named(named, &values.values) {
            refuse_soft(path, values)?;
        }
    }
    if set.iter().any(|(_, values)| values.coding == Coding::Lossy) {
        return rule_for_jpeg(set);
    }
    if let Some((path, values)) = set.iter().find(|(_, values)| values.highest > 255) {
        return Err(refusal_error(path, too_high(values.highest)));
    }
    let present: BTreeSet<u16> = set
        .iter()
        .flat_map(|(_, values)| values.values.iter().copied())
        .collect();
    match present.first() {
        Some(&first) if are_all_named(named, &present) && named.is_some() => {
            Ok(as_they_are(&present, first, named))
        }
        Some(&white)
            if is_white_everywhere(set, white)
                && named.is_none_or(|named| named.iter().eq(&[1])) =>
        {
            Ok(at_least(
                set,
                1,
                Some(format!("0 is background and {white} is label 1")),
            ))
        }
        Some(&first) => {
            refuse_ambiguous(set, &present, named)?;
            Ok(as_they_are(&present, first, named))
        }
        None => Ok(ValueRule {
            reading: ValueReading::Values,
            labels: BTreeSet::new(),
            note: None,
        }),
    }
}

/// True if the label list defines this value.
fn is_named_value(named: Option<&BTreeSet<u8>>, value: u16) -> bool {
    named.is_some_and(|named| u8::try_from(value).is_ok_and(|value| named.contains(&value)))
}

fn are_all_named<'a>(
    named: Option<&BTreeSet<u8>>,
    values: impl IntoIterator<Item = &'a u16>,
) -> bool {
    values
        .into_iter()
        .all(|value| is_named_value(named, *value))
}

/// True if `white` is the only value in all files and may mean white in each.
fn is_white_everywhere(set: &[(PathBuf, MaskValues)], white: u16) -> bool {
    set.iter()
        .all(|(_, values)| values.values.is_empty() || values.perhaps_white() == Some(white))
}

/// The reading for files that each hold the mask of a single label, whatever its value. `threshold` as for [`find_rule`].
///
/// # Errors
/// If edges are soft, or a JPEG is not black and white.
pub fn of_single_labels(
    set: &[(PathBuf, MaskValues)],
    threshold: Option<u16>,
) -> Result<ValueReading> {
    if let Some(least) = threshold {
        return Ok(ValueReading::AtLeast(least));
    }
    set.iter()
        .try_for_each(|(path, values)| refuse_soft(path, values))?;
    if set.iter().any(|(_, values)| values.coding == Coding::Lossy) {
        return rule_for_jpeg(set).map(|rule| rule.reading);
    }
    Ok(ValueReading::AtLeast(1))
}

fn at_least(set: &[(PathBuf, MaskValues)], least: u16, note: Option<String>) -> ValueRule {
    let is_any = set.iter().any(|(_, values)| values.highest >= least);
    ValueRule {
        reading: ValueReading::AtLeast(least),
        labels: is_any.then_some(1).into_iter().collect(),
        note,
    }
}

fn as_they_are(present: &BTreeSet<u16>, first: u16, named: Option<&BTreeSet<u8>>) -> ValueRule {
    let labels: BTreeSet<u8> = present
        .iter()
        .filter_map(|v| u8::try_from(*v).ok())
        .collect();
    let is_plain = present.len() == 1 && first == 1;
    let note = (named.is_none() && !is_plain)
        .then(|| format!("pixel values are label values: {}", format_ranges(&labels)));
    ValueRule {
        reading: ValueReading::Values,
        labels,
        note,
    }
}

/// Formats values as ranges: "1 to 4, 7".
pub(super) fn format_ranges(values: &BTreeSet<u8>) -> String {
    let mut runs: Vec<(u8, u8)> = Vec::new();
    for &value in values {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == value => *last = value,
            _ => runs.push((value, value)),
        }
    }
    let runs: Vec<String> = runs
        .into_iter()
        .map(|(first, last)| format_one_range(first, last))
        .collect();
    runs.join(", ")
}

fn format_one_range(first: u8, last: u8) -> String {
    match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first} to {last}"),
    }
}

/// JPEG changes values, so only black and white can be told apart.
fn rule_for_jpeg(set: &[(PathBuf, MaskValues)]) -> Result<ValueRule> {
    for (path, values) in set {
        let fits = match values.coding {
            Coding::Lossy => {
                values.highest == 0 || values.highest >= 192 && values.is_black_and_white
            }
            _ => values.values.is_empty() || values.perhaps_white().is_some(),
        };
        if !fits {
            let reason = match values.coding {
                Coding::Lossy => {
                    "JPEG compression has changed the values, so labels cannot be recognised"
                }
                _ => "the mask is not black and white, but the JPEG masks of the same set are",
            };
            return Err(refusal_error(path, reason.into()));
        }
    }
    Ok(at_least(
        set,
        LOWEST_WHITE,
        Some("black is background and white (128 or more) is label 1".into()),
    ))
}

fn refuse_soft(path: &Path, values: &MaskValues) -> Result<()> {
    match values.soft {
        0 => Ok(()),
        soft => {
            let reason = format!(
                "its areas have soft edges, as left by smoothing, scaling or JPEG compression: \
                 {soft} intermediate values are not labels"
            );
            Err(refusal_error(path, reason))
        }
    }
}

/// Refuses a set in which a high value may mean white, and therefore label 1, while other files hold other values.
fn refuse_ambiguous(
    set: &[(PathBuf, MaskValues)],
    present: &BTreeSet<u16>,
    named: Option<&BTreeSet<u8>>,
) -> Result<()> {
    for (path, values) in set {
        let Some(white) = values
            .perhaps_white()
            .filter(|value| !is_named_value(named, *value) && !occurs_beside_others(set, *value))
        else {
            continue;
        };
        let Some((other, _)) = set
            .iter()
            .find(|(_, values)| values.values.iter().any(|value| *value != white))
        else {
            continue;
        };
        let others: BTreeSet<u8> = present
            .iter()
            .copied()
            .filter(|value| *value != white)
            .filter_map(|v| u8::try_from(v).ok())
            .collect();
        let name = other.file_name().unwrap_or_default().to_string_lossy();
        let reason = format!(
            "0 and {white} may mean black and white here, but other masks (such as \"{name}\") \
             have other values: {}",
            format_ranges(&others)
        );
        return Err(Error::at_path(TRIED, path, reason).with_advice(
            "Define the values in a labels.json next to the masks \
             ({\"labels\": [{\"value\": 1, \"name\": \"Liver\"}]}), or pass --threshold 1 to make \
             every value above 0 label 1.",
        ));
    }
    Ok(())
}

/// True if some file holds this value together with others.
fn occurs_beside_others(set: &[(PathBuf, MaskValues)], value: u16) -> bool {
    set.iter()
        .any(|(_, values)| values.single_value().is_none() && values.values.contains(&value))
}

fn refusal_error(path: &Path, reason: String) -> Error {
    Error::at_path(TRIED, path, reason).with_advice(
        "Save the mask with label values and without smoothing, or pass --threshold 128 to make \
         values of 128 or more label 1.",
    )
}

#[cfg(test)]
mod tests;

//! What the values of label maps mean: one rule for all pictures of a set, found over all of them. A value that stands alone
//! in one picture is the same label in another.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

const TRIED: &str = "use the mask";
/// So many values of a picture are kept; a label map has no more.
const MOST_VALUES: usize = 256;
/// A value below is more likely a number than a grey level.
const LOWEST_WHITE: u16 = 128;

/// A picture of labels as it is stored.
pub(super) struct StoredLabels {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) values: Vec<u16>,
    pub(super) coding: Coding,
}

/// How values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Coding {
    /// Indices of a palette with colours: they cannot be grey levels.
    Indices,
    /// Grey levels, exact.
    Grey,
    /// Grey levels, changed by compression.
    Lossy,
}

/// How the values of a set of label maps are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueReading {
    /// The values are the labels.
    #[default]
    Values,
    /// So much and more is label 1, the rest is background.
    AtLeast(u16),
}

impl ValueReading {
    /// The label of each value. Errors: a value over 255, as a clause.
    pub(super) fn to_labels(self, values: &[u16]) -> std::result::Result<Vec<u8>, String> {
        match self {
            Self::AtLeast(least) => Ok(values.iter().map(|v| u8::from(*v >= least)).collect()),
            Self::Values => {
                let label = |v: &u16| u8::try_from(*v).map_err(|_| too_high(*v));
                values.iter().map(label).collect()
            }
        }
    }
}

fn too_high(value: u16) -> String {
    format!("its value {value} is no label: labels go up to 255")
}

/// What values a picture of labels holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskValues {
    /// Those that occur, ascending, without 0: the first [`MOST_VALUES`] of them.
    values: Vec<u16>,
    highest: u16,
    coding: Coding,
    /// How many of them lie on the rims between two areas, where these are soft.
    soft: usize,
    /// Nearly all pixels are black or white.
    is_black_and_white: bool,
}

impl MaskValues {
    pub(super) fn from_stored(stored: &StoredLabels) -> Self {
        let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
        for run in stored.values.chunk_by(|a, b| a == b) {
            *counts.entry(run[0]).or_default() += run.len();
        }
        let near = |v: u16| v < 64 || (192..256).contains(&v);
        let black_and_white: usize = counts
            .iter()
            .filter(|(v, _)| near(**v))
            .map(|(_, n)| n)
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

    /// The one value beside background, where there is only one.
    fn single_value(&self) -> Option<u16> {
        match self.values.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// The only value of grey levels that may mean white as well as a label of that number.
    fn perhaps_white(&self) -> Option<u16> {
        self.single_value()
            .filter(|v| *v >= LOWEST_WHITE && self.coding == Coding::Grey)
    }
}

/// How many values lie on the rims between areas, where enough do to tell that these are soft: by smoothing, scaling or
/// compression. 0 where they are not.
fn soft_values(stored: &StoredLabels, counts: &BTreeMap<u16, usize>) -> usize {
    /// Fewer may be thin things between others.
    const FEW_BETWEEN: usize = 3;
    /// Fewer may be small things.
    const FEW_THIN: usize = 8;
    if counts.len() < FEW_BETWEEN + 2 {
        return 0;
    }
    // By value: pixels that lie between a lower and a higher one, and those that only have equal ones beside them.
    let (mut between, mut inside) = (vec![0usize; 1 << 16], vec![0usize; 1 << 16]);
    for (place, &value) in stored.values.iter().enumerate() {
        let around = PixelNeighbours::at_pixel(stored, place);
        if around.all_equal(value) {
            inside[usize::from(value)] += 1;
        } else if around.lowest_value() < value && value < around.highest_value() {
            between[usize::from(value)] += 1;
        }
    }
    let share = |of: &[usize], value: &u16| of[usize::from(*value)] as f64 / counts[value] as f64;
    // Nearly every pixel of such a value has a lower neighbour and a higher one, as on a slope.
    let on_slopes = counts.keys().filter(|v| share(&between, v) >= 0.8).count();
    if on_slopes >= FEW_BETWEEN {
        return on_slopes;
    }
    // Two values far apart make up most, and none of the many others covers an area of its own.
    let mut by_size: Vec<(usize, u16)> = counts
        .iter()
        .map(|(value, count)| (*count, *value))
        .collect();
    by_size.sort_unstable_by(|a, b| b.cmp(a));
    let [(first, a), (second, b), others @ ..] = by_size.as_slice() else {
        return 0;
    };
    let third = others.first().map_or(0, |(count, _)| *count);
    let dominate = a.abs_diff(*b) >= 100
        && (first + second) * 2 >= stored.values.len()
        && *second >= 3 * third;
    let are_thin =
        others.len() >= FEW_THIN && others.iter().all(|(_, value)| share(&inside, value) < 0.3);
    if dominate && are_thin {
        others.len()
    } else {
        0
    }
}

/// The neighbours of a pixel.
struct PixelNeighbours {
    /// Above, below, left and right.
    beside: [Option<u16>; 4],
    across: [Option<u16>; 4],
}

impl PixelNeighbours {
    fn at_pixel(stored: &StoredLabels, place: usize) -> Self {
        let (columns, values) = (stored.columns.max(1), &stored.values);
        let (is_first, is_last) = (
            place.is_multiple_of(columns),
            (place + 1).is_multiple_of(columns),
        );
        let at = |row: Option<usize>, step: isize| match (step, row) {
            (-1, _) if is_first => None,
            (1, _) if is_last => None,
            (_, Some(row)) => values.get(row.checked_add_signed(step)?).copied(),
            (_, None) => None,
        };
        let (above, below) = (place.checked_sub(columns), Some(place + columns));
        Self {
            beside: [
                at(above, 0),
                at(below, 0),
                at(Some(place), -1),
                at(Some(place), 1),
            ],
            across: [at(above, -1), at(above, 1), at(below, -1), at(below, 1)],
        }
    }

    fn all_equal(&self, value: u16) -> bool {
        self.beside.iter().flatten().all(|v| *v == value)
    }

    fn values(&self) -> impl Iterator<Item = u16> {
        self.beside.iter().chain(&self.across).flatten().copied()
    }

    fn lowest_value(&self) -> u16 {
        self.values().min().unwrap_or(u16::MAX)
    }

    fn highest_value(&self) -> u16 {
        self.values().max().unwrap_or(0)
    }
}

/// The rule of a set, and what it makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueRule {
    /// How each picture is read.
    pub reading: ValueReading,
    /// The labels that occur then, without background.
    pub labels: BTreeSet<u8>,
    /// The rule, for the user to read; `None` where nothing had to be found out.
    pub note: Option<String>,
}

/// The rule for the pictures of a set. `named` are the values that a list of labels beside them names; `threshold` is what a
/// person said.
///
/// # Errors
/// Values that are no labels, soft rims, and values that mean one thing in one picture and another in the next.
pub fn find_rule(
    set: &[(PathBuf, MaskValues)],
    named: Option<&BTreeSet<u8>>,
    threshold: Option<u16>,
) -> Result<ValueRule> {
    if let Some(least) = threshold {
        let note = format!("pixels of {least} and more are label 1, all others background");
        return Ok(at_least(set, least, Some(note)));
    }
    let is_named = |value: &u16| {
        named.is_some_and(|named| u8::try_from(*value).is_ok_and(|v| named.contains(&v)))
    };
    for (path, values) in set {
        // A list of labels that names them all knows better.
        if values.coding != Coding::Lossy && !values.values.iter().all(is_named) {
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
    let is_white = |white: u16| {
        set.iter()
            .all(|(_, v)| v.values.is_empty() || v.perhaps_white() == Some(white))
    };
    match present.first() {
        Some(&white) if present.iter().all(is_named) && named.is_some() => {
            Ok(as_they_are(&present, white, named))
        }
        Some(&white) if is_white(white) && named.is_none_or(|named| named.iter().eq(&[1])) => {
            Ok(at_least(
                set,
                1,
                Some(format!("0 is background and {white} is label 1")),
            ))
        }
        Some(&first) => {
            refuse_ambiguous(set, &present, is_named)?;
            Ok(as_they_are(&present, first, named))
        }
        None => Ok(ValueRule {
            reading: ValueReading::Values,
            labels: BTreeSet::new(),
            note: None,
        }),
    }
}

/// How pictures are read of which each is the mask of one label, whatever its value. `threshold` as for [`find_rule`].
///
/// # Errors
/// Soft rims, and a JPEG that is not black and white.
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
        .then(|| format!("the values are the labels: {}", format_ranges(&labels)));
    ValueRule {
        reading: ValueReading::Values,
        labels,
        note,
    }
}

/// "1 to 4, 7".
pub(super) fn format_ranges(values: &BTreeSet<u8>) -> String {
    let mut runs: Vec<(u8, u8)> = Vec::new();
    for &value in values {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == value => *last = value,
            _ => runs.push((value, value)),
        }
    }
    let run = |(first, last): &(u8, u8)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first} to {last}"),
    };
    runs.iter().map(run).collect::<Vec<_>>().join(", ")
}

/// JPEG changes values: only black and white can be told apart then.
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
                    "JPEG has changed its values, so that labels cannot be told from them"
                }
                _ => "its values are not black and white as those of the JPEG masks beside it",
            };
            return Err(refusal_error(path, reason.into()));
        }
    }
    Ok(at_least(
        set,
        LOWEST_WHITE,
        Some("black is background and white (128 and more) is label 1".into()),
    ))
}

fn refuse_soft(path: &Path, values: &MaskValues) -> Result<()> {
    match values.soft {
        0 => Ok(()),
        soft => {
            let reason = format!(
                "its areas have soft rims ({soft} values between theirs), as smoothing, scaling and JPEG leave them, and \
                 these are no labels"
            );
            Err(refusal_error(path, reason))
        }
    }
}

/// A high value that is alone wherever it occurs may be white, and then label 1; but other pictures have other values.
fn refuse_ambiguous(
    set: &[(PathBuf, MaskValues)],
    present: &BTreeSet<u16>,
    is_named: impl Fn(&u16) -> bool,
) -> Result<()> {
    let beside_others = |value: u16| {
        set.iter()
            .any(|(_, v)| v.single_value().is_none() && v.values.contains(&value))
    };
    for (path, values) in set {
        let Some(white) = values
            .perhaps_white()
            .filter(|v| !is_named(v) && !beside_others(*v))
        else {
            continue;
        };
        let is_other = |v: &u16| *v != white;
        let Some((other, _)) = set
            .iter()
            .find(|(_, values)| values.values.iter().any(is_other))
        else {
            continue;
        };
        let others: BTreeSet<u8> = present
            .iter()
            .copied()
            .filter(is_other)
            .filter_map(|v| u8::try_from(v).ok())
            .collect();
        let name = other.file_name().unwrap_or_default().to_string_lossy();
        let reason = format!(
            "0 and {white} may be black and white here, but other masks (\"{name}\") have other values: {}",
            format_ranges(&others)
        );
        return Err(Error::at_path(TRIED, path, reason).with_advice(
            "Say in labels.json beside the masks what the values mean ({\"labels\": [{\"value\": 1, \"name\": \"Liver\"}]}), \
             or give --threshold 1: all but 0 is label 1 then.",
        ));
    }
    Ok(())
}

fn refusal_error(path: &Path, reason: String) -> Error {
    Error::at_path(TRIED, path, reason)
        .with_advice("Save the labels as values, without smoothing, or give --threshold 128: 128 and more is label 1 then.")
}

#[cfg(test)]
mod tests;

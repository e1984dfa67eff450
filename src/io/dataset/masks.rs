//! What the values of a folder's masks mean: found over all of them, and put into the order of a model's labels.

use super::{DatasetPair, layout::FolderLayout};
use crate::{
    Error, Result,
    io::{
        export::{LabelList, labels_beside},
        label_file,
        label_values::{self, ValueRule},
    },
};
use labrum_core::{label::Label, label_table::LabelTable, naming::compose_accents};
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// The labels that the masks of a folder hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderLabels {
    /// Their values.
    pub values: BTreeSet<u8>,
    /// What was found out about them, for the user to read.
    pub(super) note: Option<String>,
    list: LabelList,
}

/// Finds the rule for all masks of a folder and says it of each pair.
///
/// The list of labels is `labels.json` in the folder of the masks, or in that above it, or nnU-Net's `dataset.json`.
pub(super) fn resolve_labels(
    pairs: &mut [DatasetPair],
    folder: &Path,
    layout: &FolderLayout,
    threshold: Option<u16>,
) -> Result<FolderLabels> {
    let path = [layout.masks.as_path(), folder]
        .iter()
        .find_map(|folder| labels_beside(folder, "masks"));
    let (list, ignored) = match path {
        Some(path) => (Some(LabelList::read_file(&path)?), None),
        None => layout.read_labels()?.map_or((None, None), |described| {
            (Some(described.list), described.ignored)
        }),
    };
    let values = |pair: &DatasetPair| {
        Ok((
            pair.mask.clone(),
            label_file::mask_values(&pair.mask, pair.frame)?,
        ))
    };
    let set: Vec<(PathBuf, label_values::MaskValues)> =
        pairs.par_iter().map(values).collect::<Result<_>>()?;
    let named = list.as_ref().map(LabelList::named_values);
    let ValueRule {
        reading,
        labels,
        note,
    } = label_values::find_rule(&set, named.as_ref(), threshold)?;
    if let Some(value) = ignored.filter(|value| labels.contains(value)) {
        let reason = format!(
            "its value {value} says that pixels are to be ignored, and here each pixel is learned from"
        );
        return Err(Error::at_path("use the masks", &layout.masks, reason)
            .with_advice("Leave out what is not drawn to the end."));
    }
    pairs.iter_mut().for_each(|pair| pair.reading = reading);
    let unlisted: BTreeSet<u8> = named
        .iter()
        .flat_map(|named| labels.difference(named))
        .copied()
        .collect();
    let unlisted = (!unlisted.is_empty()).then(|| {
        format!(
            "the list of labels does not name these values of the masks: {}",
            label_values::format_ranges(&unlisted)
        )
    });
    let notes: Vec<String> = note
        .map(|note| format!("in the masks {note}"))
        .into_iter()
        .chain(unlisted)
        .collect();
    let note = (!notes.is_empty()).then(|| notes.join("; "));
    Ok(FolderLabels {
        values: labels,
        note,
        list: list.unwrap_or_default(),
    })
}

impl FolderLabels {
    /// The label of a value: as `labels.json` names it, else by number.
    pub fn label_for(&self, value: u8) -> Label {
        self.list
            .label_for(value)
            .cloned()
            .unwrap_or_else(|| Label::by_number(value))
    }

    /// Those that `labels.json` names, by their values.
    pub fn named_labels(&self) -> BTreeMap<u8, Label> {
        let named = |value: u8| Some((value, self.list.label_for(value)?.clone()));
        self.list
            .named_values()
            .into_iter()
            .filter_map(named)
            .collect()
    }

    /// Which of `labels` each value of the masks is: by its name where `labels.json` says it, else by its value, `trained`
    /// being the values that the labels had in the masks that they were learned from (empty for 1, 2 and so on).
    pub fn label_table(&self, labels: &[Label], trained: &[u8]) -> LabelTable {
        let named = |value: &u8| {
            let name = compose_accents(&self.list.label_for(*value)?.name);
            labels
                .iter()
                .position(|label| compose_accents(&label.name) == name)
        };
        let mut places: Vec<Option<u8>> = vec![None; labels.len()];
        let mut unnamed = Vec::new();
        for &value in &self.values {
            match named(&value)
                .and_then(|place| places.get_mut(place))
                .filter(|place| place.is_none())
            {
                Some(place) => *place = Some(value),
                None => unnamed.push(value),
            }
        }
        for value in unnamed {
            let place = match trained.is_empty() {
                true => usize::from(value).checked_sub(1),
                false => trained.iter().position(|trained| *trained == value),
            };
            if let Some(place) = place
                .and_then(|place| places.get_mut(place))
                .filter(|place| place.is_none())
            {
                *place = Some(value);
            }
        }
        LabelTable::new(&places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> Vec<Label> {
        names
            .iter()
            .enumerate()
            .map(|(i, name)| Label::with_name(*name, i))
            .collect()
    }

    #[test]
    fn values_find_the_labels_that_were_learned_from_them() {
        let folder = FolderLabels {
            values: [3, 7, 200].into(),
            ..FolderLabels::default()
        };
        let table = folder.label_table(&labels(&["Organ", "Tumour"]), &[3, 200]);
        assert_eq!([0, 3, 200].map(|value| table.map_label(value)), [0, 1, 2]);
        assert!(
            table.map_label(7) > 2,
            "a label that the model does not know is none of its labels"
        );
        let plain = folder.label_table(&labels(&["a", "b", "c"]), &[]);
        assert_eq!(plain.map_label(3), 3);
        assert!(
            plain.map_label(7) > 3
                && plain.map_label(200) > 3
                && plain.map_label(7) != plain.map_label(200)
        );
    }

    #[test]
    fn names_count_more_than_values() {
        let mut folder = FolderLabels {
            values: [1, 2].into(),
            ..FolderLabels::default()
        };
        folder.list = LabelList::from_labels([
            (1, Label::with_name("Tumour", 0)),
            (2, Label::with_name("Organ", 1)),
        ]);
        let table = folder.label_table(&labels(&["Organ", "Tumour"]), &[]);
        assert_eq!([1, 2].map(|value| table.map_label(value)), [2, 1]);
    }
}

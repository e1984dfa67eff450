//! The meaning of the mask values in a folder, found for all masks together, and their mapping to the labels of a model.

use super::{DatasetPair, layout::FolderLayout};
use crate::{
    Error, Result,
    io::{
        export::{LabelList, labels_beside},
        label_file,
        label_values::{self, MaskValues, ValueRule},
    },
};
use labrum_core::{label::Label, label_table::LabelTable, naming::compose_accents};
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// The labels in the masks of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderLabels {
    /// The label values.
    pub values: BTreeSet<u8>,
    /// Remarks on the values for the user.
    pub(super) note: Option<String>,
    list: LabelList,
}

/// Finds the rule for all masks of a folder and stores it in each pair.
///
/// The label list is `labels.json` in the folder of the masks or in the folder above, or nnU-Net's `dataset.json`.
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
    let set: Vec<(PathBuf, MaskValues)> = pairs
        .par_iter()
        .map(path_and_values)
        .collect::<Result<_>>()?;
    let named = list.as_ref().map(LabelList::named_values);
    let ValueRule {
        reading,
        labels,
        note,
    } = label_values::find_rule(&set, named.as_ref(), threshold)?;
    if let Some(value) = ignored.filter(|value| labels.contains(value)) {
        let reason =
            format!("value {value} marks pixels to ignore, but Labrum trains on every pixel");
        return Err(Error::at_path("use the masks", &layout.masks, reason)
            .with_advice("Remove images that are not fully annotated."));
    }
    pairs.iter_mut().for_each(|pair| pair.reading = reading);
    let unlisted: BTreeSet<u8> = named
        .iter()
        .flat_map(|named| labels.difference(named))
        .copied()
        .collect();
    let unlisted = (!unlisted.is_empty()).then(|| {
        format!(
            "the label list does not define these values of the masks: {}",
            label_values::format_ranges(&unlisted)
        )
    });
    let notes: Vec<String> = note
        .map(|note| format!("in the masks, {note}"))
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

/// The mask file of a pair, and the values that occur in it.
fn path_and_values(pair: &DatasetPair) -> Result<(PathBuf, MaskValues)> {
    let values = label_file::mask_values(&pair.mask, pair.frame)?;
    Ok((pair.mask.clone(), values))
}

impl FolderLabels {
    /// The label of a value, from the label list or else named by number.
    pub fn label_for(&self, value: u8) -> Label {
        self.list
            .label_for(value)
            .cloned()
            .unwrap_or_else(|| Label::by_number(value))
    }

    /// The labels in the label list, by value.
    pub fn named_labels(&self) -> BTreeMap<u8, Label> {
        self.list
            .named_values()
            .into_iter()
            .filter_map(|value| Some((value, self.list.label_for(value)?.clone())))
            .collect()
    }

    /// Maps each mask value to one of `labels`, by the name in the label list or else by value. `trained` are the values of
    /// these labels in the masks that the model was trained on (empty for 1, 2 and so on).
    pub fn label_table(&self, labels: &[Label], trained: &[u8]) -> LabelTable {
        let mut places: Vec<Option<u8>> = vec![None; labels.len()];
        let mut unnamed = Vec::new();
        for &value in &self.values {
            match self
                .place_by_name(value, labels)
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

    /// The index in `labels` of the label of a value, by its name in the label list.
    fn place_by_name(&self, value: u8, labels: &[Label]) -> Option<usize> {
        let name = compose_accents(&self.list.label_for(value)?.name);
        labels
            .iter()
            .position(|label| compose_accents(&label.name) == name)
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
    fn mask_values_map_to_the_labels_that_the_model_learned_from_them() {
        let folder = FolderLabels {
            values: [3, 7, 200].into(),
            ..FolderLabels::default()
        };
        let table = folder.label_table(&labels(&["Organ", "Tumour"]), &[3, 200]);
        assert_eq!([0, 3, 200].map(|value| table.map_label(value)), [0, 1, 2]);
        assert!(
            table.map_label(7) > 2,
            "a label that the model does not know must not map to one of its labels"
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
    fn label_names_take_precedence_over_mask_values() {
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

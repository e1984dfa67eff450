//! Turns the values of label maps into a list of labels, for image files and volumes alike.

use crate::io::{export::LabelList, label_values};
use labrum_core::{
    import::MaskChoice,
    label::{Label, PALETTE},
    label_table::LabelTable,
};
use std::collections::BTreeSet;

/// The labels of the values that occur (`present`) or that the label list next to the maps defines, and the table from values
/// to labels. Labels are renumbered, unless `choice` keeps the values.
pub(in crate::io) fn resolve_labels(
    present: &BTreeSet<u8>,
    list: Option<LabelList>,
    choice: &MaskChoice,
    notes: &mut Vec<String>,
) -> (LabelTable, Vec<Label>) {
    let is_listed = list.is_some();
    let list = list.unwrap_or_default();
    let unlisted: BTreeSet<u8> = present
        .iter()
        .copied()
        .filter(|value| list.label_for(*value).is_none())
        .collect();
    if is_listed && !unlisted.is_empty() {
        notes.push(format!(
            "the labels.json next to the masks does not define these values: {}",
            label_values::format_ranges(&unlisted)
        ));
    }
    if !is_listed {
        notes.push(
            "there is no labels.json next to the masks, so the names and codes of the labels are \
             unknown"
                .into(),
        );
    }
    let mut values: BTreeSet<u8> = list.named_values().union(present).copied().collect();
    if values.is_empty() {
        values.insert(1);
    }
    if choice.keep_values {
        values = (1..=values.last().copied().unwrap_or(1)).collect();
    }
    let table = LabelTable::new(&values.iter().copied().map(Some).collect::<Vec<_>>());
    let labels = values
        .iter()
        .enumerate()
        .map(|(place, value)| label_of_value(&list, place, *value))
        .collect();
    (table, labels)
}

/// The label from the list; else a generic one with the value as its number and the next colour of the palette.
fn label_of_value(list: &LabelList, place: usize, value: u8) -> Label {
    match list.label_for(value) {
        Some(label) => label.clone(),
        None => Label {
            color: PALETTE[place % PALETTE.len()],
            ..Label::by_number(value)
        },
    }
}

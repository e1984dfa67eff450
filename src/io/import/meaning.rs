//! What the values of label maps become: one list of labels, for pictures as for volumes.

use crate::io::{export::LabelList, label_values};
use labrum_core::{
    import::MaskChoice,
    label::{Label, PALETTE},
    label_table::LabelTable,
};
use std::collections::BTreeSet;

/// The labels of values that occur (`present`) or that a list beside the maps names, and which label each value is. They are
/// numbered anew, unless their values are to be kept.
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
            "labels.json beside it does not name these values: {}",
            label_values::format_ranges(&unlisted)
        ));
    }
    if !is_listed {
        notes.push(
            "there is no labels.json beside it, so the names and codes of the labels are not known"
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
    let label = |(place, value): (usize, &u8)| match list.label_for(*value) {
        Some(label) => label.clone(),
        None => Label {
            color: PALETTE[place % PALETTE.len()],
            ..Label::by_number(*value)
        },
    };
    (table, values.iter().enumerate().map(label).collect())
}

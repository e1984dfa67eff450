//! Reads existing masks for images of a workspace and converts them to the values of its labels.

use super::AddCasesArguments;
use crate::cli::console;
use crate::io::{
    import,
    label_maps::{self, LabelMaps, MapLabel},
};
use crate::worker::identity;
use crate::workspace::Workspace;
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    import::MaskChoice,
    label::{self, Label, StoredLabel},
    mask::{Mask, labels_in},
    study::{Series, Study},
};
use std::path::PathBuf;

/// Maximum number of labels in a mask.
const MOST_LABELS: usize = 255;

/// Masks of a series, with the label values of the workspace.
pub(super) struct MasksToAdd {
    pub(super) masks: Vec<(usize, Mask)>,
    /// Names of the labels in the masks.
    pub(super) labels: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// The given masks.
pub(super) struct Masks {
    paths: Vec<PathBuf>,
    /// Label maps with the file names of images; all are read by the same rule.
    maps: Option<LabelMaps>,
    choice: MaskChoice,
}

impl Masks {
    pub(super) fn find_for_images(
        arguments: &AddCasesArguments,
        images: &[(&Study, &Series)],
    ) -> Result<Self> {
        let paths = identity::absolute_paths(arguments.masks.clone());
        let images: Vec<&Series> = images.iter().map(|(_, series)| *series).collect();
        let maps = LabelMaps::find_for_images(&paths, &images, arguments.threshold)?;
        if let Some(note) = maps.as_ref().and_then(LabelMaps::values_note) {
            console::print_remark(format_args!("labrum: in the masks, {note}"));
        }
        let choice = MaskChoice {
            threshold: arguments.threshold,
            by_position: arguments.by_position,
            time: arguments.time,
            by_name: true,
            ..MaskChoice::default()
        };
        Ok(Self {
            paths,
            maps,
            choice,
        })
    }

    /// The masks of a series.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there are none.
    pub(super) fn for_series(
        &self,
        series: &Series,
        workspace: &mut Workspace,
    ) -> Result<MasksToAdd> {
        if let Some(maps) = &self.maps {
            let masks = maps.masks_for_series(series)?;
            if !masks.is_empty() {
                return from_maps(maps, masks, workspace);
            }
        }
        let paths = label_maps::other_mask_files(&self.paths, series)?;
        if paths.is_empty() {
            return Err(Error::new("find a mask", "no mask with the same file name")
                .of_kind(ErrorKind::NotFound));
        }
        let imported = import::read_masks(&paths, series, &self.choice)?;
        if let Some(loss) = imported.loss_reason() {
            return Err(Error::new("add the masks", loss)
                .with_advice("Use labrum import-masks to choose the labels to import."));
        }
        let values = values_of(workspace, &imported.labels)?;
        Ok(MasksToAdd {
            masks: imported
                .masks
                .iter()
                .map(|(slice, mask)| (*slice, mask.remap_labels(&values)))
                .collect(),
            labels: imported
                .labels
                .into_iter()
                .map(|label| label.name)
                .collect(),
            notes: imported.notes,
        })
    }
}

/// Converts label maps. A value without a name means the label of the workspace with that number, if there is one.
fn from_maps(
    maps: &LabelMaps,
    masks: Vec<(usize, Mask)>,
    workspace: &mut Workspace,
) -> Result<MasksToAdd> {
    let known = workspace.read_labels()?;
    let (numbers, labels): (Vec<u8>, Vec<Label>) = maps
        .labels()
        .into_iter()
        .map(|label| (label.value, label_in_workspace(label, &known)))
        .unzip();
    let values = values_of(workspace, &labels)?;
    // Maps values of the label map to values of the workspace.
    let mut table = vec![0; 255];
    for (number, value) in numbers.iter().zip(&values) {
        table[usize::from(*number) - 1] = *value;
    }
    let held = labels_in(
        masks
            .iter()
            .flat_map(|(_, mask)| mask.pixel_labels())
            .copied(),
    );
    let labels = numbers
        .iter()
        .zip(&labels)
        .filter(|(number, _)| held.contains(number));
    Ok(MasksToAdd {
        labels: labels.map(|(_, label)| label.name.clone()).collect(),
        masks: masks
            .into_iter()
            .map(|(slice, mask)| (slice, mask.remap_labels(&table)))
            .collect(),
        notes: Vec::new(),
    })
}

/// The label that a value means: by its name in the label map, else the label of the workspace with that number.
fn label_in_workspace(label: MapLabel, known: &[Label]) -> Label {
    match known.get(usize::from(label.value) - 1) {
        Some(known) if !label.is_named => known.clone(),
        _ => label.label,
    }
}

/// The values of these labels in the workspace; labels that it does not have are added to it.
fn values_of(workspace: &mut Workspace, labels: &[Label]) -> Result<Vec<u8>> {
    let mut known = workspace.read_labels()?;
    let count = known.len();
    let mut values = Vec::with_capacity(labels.len());
    // A label without codes matches any label with the same name.
    let bare = Label::with_name("", 0).concept;
    for label in labels {
        let known_as = place_of_label(&known, |one| one.is_same(label)).or_else(|| {
            place_of_label(&known, |one| one.name == label.name && one.concept == bare)
        });
        let place = known_as.unwrap_or_else(|| {
            let is_taken = known.iter().any(|one| one.color == label.color);
            let color = if is_taken {
                label::free_color(&known)
            } else {
                label.color
            };
            known.push(Label {
                color,
                kept: StoredLabel::default(),
                ..label.clone()
            });
            known.len() - 1
        });
        let value = u8::try_from(place + 1)
            .ok()
            .filter(|_| known.len() <= MOST_LABELS);
        values.push(value.ok_or_else(|| {
            Error::new(
                "add the masks",
                "the workspace would have more than 255 labels",
            )
        })?);
    }
    if known.len() != count {
        workspace.set_labels(&known)?;
    }
    Ok(values)
}

/// Index of the first label for which `is_meant` holds, ignoring deleted labels.
fn place_of_label(labels: &[Label], is_meant: impl Fn(&Label) -> bool) -> Option<usize> {
    labels
        .iter()
        .position(|label| !label.is_gone() && is_meant(label))
}

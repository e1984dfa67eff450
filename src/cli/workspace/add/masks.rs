//! Masks that are there already for the images of a workspace, in the values of its labels.

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

/// More labels do not fit in a mask.
const MOST_LABELS: usize = 255;

/// Masks of a series in the values of the workspace.
pub(super) struct MasksToAdd {
    pub(super) masks: Vec<(usize, Mask)>,
    /// Names of their labels.
    pub(super) labels: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// Where masks are looked for.
pub(super) struct Masks {
    paths: Vec<PathBuf>,
    /// Those that are called like pictures, read by one rule.
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
            console::print_remark(format_args!("labrum: in the masks {note}"));
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

    /// The masks of a series. Errors: [`ErrorKind::NotFound`] where there are none.
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
            return Err(
                Error::new("find a mask", "none is called like it").of_kind(ErrorKind::NotFound)
            );
        }
        let imported = import::read_masks(&paths, series, &self.choice)?;
        if let Some(loss) = imported.loss_reason() {
            return Err(Error::new("take the masks", loss)
                .with_advice("labrum import-masks chooses what is taken."));
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

/// Values that nothing names are the labels of the workspace of these numbers, where it has so many.
fn from_maps(
    maps: &LabelMaps,
    masks: Vec<(usize, Mask)>,
    workspace: &mut Workspace,
) -> Result<MasksToAdd> {
    let known = workspace.read_labels()?;
    let of_number = |label: MapLabel| match known
        .get(usize::from(label.value) - 1)
        .filter(|_| !label.is_named)
    {
        Some(known) => (label.value, known.clone()),
        None => (label.value, label.label),
    };
    let (numbers, labels): (Vec<u8>, Vec<Label>) = maps.labels().into_iter().map(of_number).unzip();
    let values = values_of(workspace, &labels)?;
    // From the value in the map to that in the workspace.
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

/// The values of these labels in the workspace, which gets those that it does not have.
fn values_of(workspace: &mut Workspace, labels: &[Label]) -> Result<Vec<u8>> {
    let mut known = workspace.read_labels()?;
    let count = known.len();
    let mut values = Vec::with_capacity(labels.len());
    // A label that was made by its name alone is any of that name.
    let bare = Label::with_name("", 0).concept;
    for label in labels {
        let first = |is_it: &dyn Fn(&Label) -> bool| {
            known.iter().position(|one| !one.is_gone() && is_it(one))
        };
        let known_as = first(&|one| one.is_same(label))
            .or_else(|| first(&|one| one.name == label.name && one.concept == bare));
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
            Error::new("take the masks", "the workspace would have over 255 labels")
        })?);
    }
    if known.len() != count {
        workspace.set_labels(&known)?;
    }
    Ok(values)
}

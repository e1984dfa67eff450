//! Training on a folder of image and mask pairs, divided into training, validation and hold-out images.

use crate::{
    Result,
    io::dataset::{self, Dataset, DatasetPair, FolderOptions, SplitLists, SubjectPattern},
};
use labrum_core::{image::Image, mask::Mask, progress::Cancel};
use labrum_nn::train::{
    self, ImageMaskPair, TrainOptions, Trained, TrainingKeeper, TrainingLog, TrainingSet,
    state::TrainingState,
};
use std::path::Path;

const TRIED: &str = "train on";

/// How to divide the images of a folder.
#[derive(Clone, Debug, Default)]
pub struct Division {
    /// Finds the subject in the name of an image.
    pub subject_pattern: Option<SubjectPattern>,
    /// Lists of training, validation and hold-out images, used instead of a division by subject.
    pub lists: Option<SplitLists>,
}

/// Trains on `folder`, from the beginning or from the state of an interrupted training.
///
/// Pairs are divided by lists or by subject into training, validation (chooses the epoch) and hold-out images (used once, for
/// the scores on the card). Findings about the folder are passed to `note`.
///
/// # Errors
/// Unsuitable data, a failure of the device, or an earlier training with other settings or images.
pub fn train_model(
    folder: &Path,
    (options, division): (&TrainOptions, &Division),
    earlier: Option<(TrainingLog, TrainingState)>,
    keeper: &mut dyn TrainingKeeper,
    note: &mut dyn FnMut(&str),
    cancel: &Cancel,
) -> Result<Trained> {
    let wishes = FolderOptions {
        threshold: options.threshold,
        subject_pattern: division.subject_pattern.clone(),
    };
    let data = dataset::open_folder(folder, &wishes)?;
    let [training, validation, held_out] = divide_pairs(&data, options, division)?;
    data.notes.iter().for_each(|text| note(text));
    let set = TrainingSet {
        folder: data.folder,
        training,
        validation,
        held_out,
        labels: data.labels.named_labels(),
    };
    train::train_network(&set, options, earlier, keeper, cancel)
}

impl ImageMaskPair for DatasetPair {
    fn display_name(&self) -> &str {
        &self.name
    }

    fn read_image_and_mask(&self) -> Result<(Image, Mask)> {
        Self::load_image_and_mask(self)
    }
}

/// Returns training, validation and hold-out pairs.
///
/// # Errors
/// Requested subjects that do not exist, or a single subject when some are to be held out.
fn divide_pairs(
    data: &Dataset,
    options: &TrainOptions,
    division: &Division,
) -> Result<[Vec<DatasetPair>; 3]> {
    if let Some(lists) = &division.lists {
        return lists.apply(&data.pairs);
    }
    let wanted = data.check_subjects(TRIED, &options.held_out_subjects)?;
    if options.held_out > 0.0 {
        data.refuse_one_subject(TRIED)?;
    }
    let (always, rest): (Vec<_>, Vec<_>) = data
        .pairs
        .iter()
        .cloned()
        .partition(|p| wanted.contains(&p.subject));
    let (rest, mut held_out) = dataset::split_by_subject(&rest, options.held_out, options.seed);
    held_out.extend(always);
    let (training, validation) =
        dataset::split_by_subject(&rest, options.validation, options.seed.wrapping_add(1));
    Ok([training, validation, held_out])
}

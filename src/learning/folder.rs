//! Training from a folder of image and mask pairs: which of them are trained on, choose the epoch and are held out.

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

/// How the images of a folder are divided.
#[derive(Clone, Debug, Default)]
pub struct Division {
    /// What part of a name names the subject.
    pub subject_pattern: Option<SubjectPattern>,
    /// Which images are trained on, choose the best epoch and are held out, instead of shares of the subjects.
    pub lists: Option<SplitLists>,
}

/// Trains on `folder`, from the beginning or from where an earlier training had come.
///
/// Pairs are divided by lists or by subject into training, validation (chooses the epoch) and held-out images (seen once,
/// for the figures on the card). What was found out about the folder is told by `note`.
///
/// # Errors
/// Data that cannot be trained on, a device that fails, an earlier training with other settings or images.
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

/// Images to train on, to choose the epoch, and held out.
///
/// Errors: subjects that nobody is, and a folder of one subject where some are to be held out.
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

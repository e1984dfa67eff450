//! Training of a model from scratch, on images with masks.

mod run;

use super::super::checkpoint::{self, Architecture, Weights};
use super::super::device::{self, DeviceChoice, NamedDevice};
use super::super::infer::{Segmenter, imagenet_levels};
use super::super::weights::MOST_CLASSES;
use super::log::{Epoch, Images, TrainingLog};
use super::options::{LevelStatistics, TrainOptions};
use super::random::random_weights;
use super::samples::{TrainingSample, grey_statistics};
use super::state::TrainingState;
use labrum_core::{
    Error, Result,
    hex::hex_text,
    image::Image,
    label::Label,
    label_table::LabelTable,
    mask::{Mask, labels_in},
    metrics,
    model_card::{HeldOut, InputSpec, ModelCard, TrainedOn},
    progress::{Cancel, Control},
};
use rayon::prelude::*;
use run::{Beginning, FullTraining};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;

/// An image with its mask, read on demand.
pub trait ImageMaskPair: Sync {
    /// Name of the image, for the log.
    fn display_name(&self) -> &str;

    /// Reads the image and its mask, which have the same size.
    ///
    /// # Errors
    /// If one of them cannot be read, or their sizes differ.
    fn read_image_and_mask(&self) -> Result<(Image, Mask)>;
}

/// The images of a training.
#[derive(Clone, Debug)]
pub struct TrainingSet<P> {
    /// The folder of the images, for error messages.
    pub folder: PathBuf,
    /// Images to train on.
    pub training: Vec<P>,
    /// Images that decide which epoch is best; may be empty.
    pub validation: Vec<P>,
    /// Hold-out images, evaluated once for the figures on the model card; may be empty.
    pub held_out: Vec<P>,
    /// Named labels, by their value in the masks.
    pub labels: BTreeMap<u8, Label>,
}

/// Progress of a training.
#[derive(Clone, Debug)]
pub enum TrainingProgress {
    /// The images have been read.
    Started {
        /// Number of images in each part.
        images: Images,
        /// Display name of the device.
        device: String,
        /// The epoch that starts now, from 1.
        epoch: usize,
    },
    /// A step is done.
    Step {
        /// Share of the training that is done, 0..=1.
        done: f64,
        /// Current epoch, from 1.
        epoch: usize,
        /// Running mean of the loss.
        loss: f64,
        /// Estimated time remaining.
        remaining: Duration,
    },
    /// An epoch is done.
    Epoch {
        /// Figures of the epoch.
        epoch: Epoch,
        /// True if it is the best so far and was stored.
        best: bool,
        /// True if the figures are those of validation images; if there are none, they are those of the training
        /// images.
        is_validated: bool,
    },
}

/// Receives the progress of a training and stores its results.
pub trait TrainingKeeper {
    /// Reports progress.
    fn report_progress(&mut self, progress: TrainingProgress);

    /// Stores each new best model, so that an interruption does not lose it.
    fn keep_best(&mut self, card: &ModelCard, weights: &Weights) -> Result<()>;

    /// Stores the log at the end of each epoch, with a state to resume from.
    fn keep_epoch(&mut self, log: &TrainingLog, state: &TrainingState) -> Result<()>;
}

/// The result of a training.
pub struct Trained {
    /// The model card, with the figures of the hold-out images.
    pub card: ModelCard,
    /// The weights of the best epoch.
    pub weights: Weights,
    /// The weights of the last epoch.
    pub last: Weights,
    /// The log of all epochs.
    pub log: TrainingLog,
}

/// Trains on `set`, from scratch or by resuming an earlier training.
///
/// # Errors
/// If there are no training images, an image or mask cannot be read, all masks are empty, a device fails, or the
/// earlier training used other settings or images.
pub fn train_network<P: ImageMaskPair>(
    set: &TrainingSet<P>,
    options: &TrainOptions,
    earlier: Option<(TrainingLog, TrainingState)>,
    keeper: &mut dyn TrainingKeeper,
    cancel: &Cancel,
) -> Result<Trained> {
    let TrainingSet {
        training,
        validation,
        held_out,
        ..
    } = set;
    if training.is_empty() {
        return Err(Error::at_path(
            "train on",
            &set.folder,
            "no training images are left after the split by subject",
        )
        .with_advice("Add images of more subjects, or lower --held-out."));
    }
    let mut samples = load_samples(training, options, cancel)?;
    let mut judges = load_samples(
        if validation.is_empty() {
            training
        } else {
            validation
        },
        options,
        cancel,
    )?;
    // They are read again after the training; this reports unreadable files before it.
    held_out
        .par_iter()
        .try_for_each(|pair| pair.read_image_and_mask().map(drop))?;
    let classes = collect_classes(&samples, &judges, set, options)?;
    let table = classes.label_table();
    let truths = samples
        .iter_mut()
        .chain(&mut judges)
        .flat_map(|sample| &mut sample.truth);
    truths.for_each(|pixel| pixel.label = table.map_label(pixel.label));
    let (mean, std) = match options.levels {
        LevelStatistics::Images => grey_statistics(&samples, options.channels),
        LevelStatistics::ImageNet => imagenet_levels(options.channels),
    };
    let device = device::select_available(options.device)?;
    let input = InputSpec {
        mean,
        std,
        ..bare_spec(options)
    };
    let count = classes.labels.len() + 1;
    let (first, parent) = first_weights(options, count, (&samples, &input), &device, cancel)?;
    let mut card = new_card(options, training.len(), classes, input, parent);
    let log = new_log(options, set, &device)?;
    let mut run = FullTraining::begin_or_resume(
        Beginning {
            options,
            samples,
            judges,
            card: &card,
            device: &device,
            first,
            log,
        },
        earlier,
    )?;
    // burn reports most failures of a GPU (memory, a lost device) as a panic; the best model so far has been stored by
    // then.
    catch_unwind(AssertUnwindSafe(|| run.run_epochs(keeper, cancel))).unwrap_or_else(|panic| {
        Err(device::panic_to_error(
            &device,
            "train the model",
            panic.as_ref(),
        ))
    })?;
    let (weights, last, log) = run.into_results()?;
    if !held_out.is_empty() {
        card.held_out = Some(held_out_figures(
            held_out,
            &table,
            &card,
            &weights,
            options.device,
        )?);
    }
    Ok(Trained {
        card,
        weights,
        last,
        log,
    })
}

/// The card of the new model before any figures are known; `cases` is the number of training images.
fn new_card(
    options: &TrainOptions,
    cases: usize,
    classes: TrainedClasses,
    input: InputSpec,
    parent: Option<String>,
) -> ModelCard {
    let TrainedClasses { labels, values } = classes;
    let is_usual = values.iter().zip(1..).all(|(value, label)| *value == label);
    ModelCard {
        name: options.name.clone(),
        version: options.version.clone(),
        config: options.config,
        labels,
        input,
        takes_prompts: false,
        without_channels: Vec::new(),
        purpose: options.purpose.clone(),
        looks: None,
        trained_on: TrainedOn {
            cases,
            values: if is_usual { Vec::new() } else { values },
            ..options.trained_on.clone()
        },
        held_out: None,
        parent,
    }
}

/// The input without normalisation: mean 0, standard deviation 1.
fn bare_spec(options: &TrainOptions) -> InputSpec {
    InputSpec {
        channels: options.channels,
        columns: options.columns,
        rows: options.rows,
        aspect: options.aspect,
        mean: vec![0.0; options.channels],
        std: vec![1.0; options.channels],
    }
}

fn load_samples<P: ImageMaskPair>(
    pairs: &[P],
    options: &TrainOptions,
    cancel: &Cancel,
) -> Result<Vec<TrainingSample>> {
    let spec = bare_spec(options);
    pairs
        .par_iter()
        .map(|pair| load_sample(pair, &spec, cancel))
        .collect()
}

fn load_sample<P: ImageMaskPair>(
    pair: &P,
    spec: &InputSpec,
    cancel: &Cancel,
) -> Result<TrainingSample> {
    if cancel.is_cancelled() {
        return Err(Error::new("read the images", "stopped by the user"));
    }
    let (image, mask) = pair.read_image_and_mask()?;
    TrainingSample::new(&image, &mask, None, spec)
}

/// The labels that the network learns, without background.
struct TrainedClasses {
    labels: Vec<Label>,
    /// The value of each label in the masks.
    values: Vec<u8>,
}

impl TrainedClasses {
    /// Maps values in the masks to labels of the network.
    fn label_table(&self) -> LabelTable {
        LabelTable::new(&self.values.iter().copied().map(Some).collect::<Vec<_>>())
    }
}

/// The labels that occur in the masks and those of the starting model; no others are trained.
fn collect_classes<P>(
    samples: &[TrainingSample],
    judges: &[TrainingSample],
    set: &TrainingSet<P>,
    options: &TrainOptions,
) -> Result<TrainedClasses> {
    let pixels = samples.iter().chain(judges).flat_map(|s| &s.truth);
    let mut values: BTreeSet<u8> = labels_in(pixels.map(|p| p.label)).into_iter().collect();
    if values.is_empty() {
        return Err(Error::new("train", "all masks are empty")
            .with_advice("Choose masks with at least one label."));
    }
    // A starting model keeps its labels.
    let known = options
        .start
        .as_ref()
        .map(|start| start.label_values(&values))
        .transpose()?;
    values.extend(known.into_iter().flatten());
    if values.len() >= MOST_CLASSES {
        let reason = format!(
            "the masks contain {} labels, but a model can have at most {}",
            values.len(),
            MOST_CLASSES - 1
        );
        return Err(Error::at_path("train on", &set.folder, reason).with_advice(
            "Merge or remove labels, and check that the files are masks and not images.",
        ));
    }
    // If there are as many names as labels, they are assigned in order; else the first name is that of value 1.
    let is_one_for_each = options.labels.len() == values.len();
    let mut labels = Vec::with_capacity(values.len());
    for (place, &value) in values.iter().enumerate() {
        let index = if is_one_for_each {
            place
        } else {
            usize::from(value) - 1
        };
        let given = options.labels.get(index);
        let known = given.or_else(|| set.labels.get(&value)).cloned();
        labels.push(known.unwrap_or_else(|| unnamed_label(place, value)));
    }
    Ok(TrainedClasses {
        labels,
        values: values.into_iter().collect(),
    })
}

/// A label named by its value, in the colour of its position, so that neighbours in the list differ.
fn unnamed_label(place: usize, value: u8) -> Label {
    Label {
        color: Label::with_name("", place).color,
        ..Label::by_number(value)
    }
}

/// The initial weights, and the hash of the starting model if there is one.
fn first_weights(
    options: &TrainOptions,
    classes: usize,
    samples: (&[TrainingSample], &InputSpec),
    device: &NamedDevice,
    cancel: &Cancel,
) -> Result<(Weights, Option<String>)> {
    let TrainOptions {
        config,
        channels,
        seed,
        ..
    } = *options;
    let Some(start) = &options.start else {
        return Ok((random_weights(config, channels, classes, seed)?, None));
    };
    let wanted = Architecture {
        config,
        channels,
        classes,
    };
    let control = Control::with_cancel(cancel.clone());
    let weights = start.first_weights(wanted, seed, samples, device, &control)?;
    Ok((weights, Some(checkpoint::weights_hash(&start.weights))))
}

fn new_log<P: ImageMaskPair>(
    options: &TrainOptions,
    set: &TrainingSet<P>,
    device: &NamedDevice,
) -> Result<TrainingLog> {
    let parts = [&set.training, &set.validation, &set.held_out];
    let mut names = Sha256::new();
    for part in parts {
        part.iter()
            .for_each(|pair| names.update(format!("{}\n", pair.display_name())));
        names.update("\n");
    }
    let [training, validation, held_out] = parts.map(Vec::len);
    Ok(TrainingLog {
        program: format!("labrum {}", env!("CARGO_PKG_VERSION")),
        device: device.name.clone(),
        settings: serde_json::to_value(options).map_err(|e| Error::new("log the settings", e))?,
        images: Images {
            training,
            validation,
            held_out,
            names: hex_text(&names.finalize()),
        },
        ..TrainingLog::default()
    })
}

fn held_out_figures<P: ImageMaskPair>(
    pairs: &[P],
    table: &LabelTable,
    card: &ModelCard,
    weights: &Weights,
    device: DeviceChoice,
) -> Result<HeldOut> {
    let mut model = Segmenter::new(card.clone(), weights.clone(), device)?;
    let mut scores = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let (image, truth) = pair.read_image_and_mask()?;
        let predicted = model.segment_slice(&image)?.mask;
        scores.extend(metrics::score_masks(
            &predicted,
            &table.map_mask(&truth),
            [1.0, 1.0],
        ));
    }
    let mean = metrics::Scores::mean_over(&scores)
        .ok_or_else(|| Error::new("evaluate the model", "no hold-out image could be scored"))?;
    let dice = mean.dice;
    let iou = mean.iou;
    let boundary_iou = mean.boundary_iou;
    Ok(HeldOut {
        cases: scores.len(),
        dice,
        iou,
        hd95: mean.hd95,
        boundary_iou,
    })
}

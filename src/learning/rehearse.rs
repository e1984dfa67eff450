//! Simulates the learning loop on a folder with masks, which stand in for the annotator, to estimate how many corrections a
//! task needs, or how many clicks.

pub mod clicks;
pub mod proposals;
mod rounds;
mod summary;

pub use summary::{RoundSummary, SeedSpread, summarize_rounds};

use super::exercise::Exercise;
use super::model::Model;
use crate::Result;
use crate::io::dataset::{self, Dataset, DatasetPair, FolderOptions};
use labrum_core::{
    gate::{SecondLook, Verdict},
    holdout::{self, Side},
    label::Label,
    label_table::LabelTable,
    mask::PackedMask,
    progress::Control,
    study::Kind,
    training::{Plan, RoundPhase},
};
use labrum_nn::device::DeviceChoice;
use rand::{SeedableRng, rngs::SmallRng, seq::SliceRandom};
use rayon::prelude::*;
use rounds::RehearsalLoop;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path};

/// Order in which cases are corrected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RehearsalOrder {
    /// Random order.
    #[default]
    Random,
    /// Cases about which the active model is most uncertain first, with every third one at random.
    Doubt,
}

/// Settings of a rehearsal.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// Number of training cases in each round, ascending.
    pub cases: Vec<usize>,
    /// Seconds per round, including judging.
    pub seconds: f64,
    /// Steps per round, instead of `seconds`: the same on every machine, however busy it is.
    pub steps: Option<usize>,
    /// Model to start from; `None` for random weights. A new model takes over the layers of a prompt model.
    pub model: Option<Model>,
    /// For a new model, side of a square with about the area of the input; the input has the aspect ratio of the images.
    pub size: usize,
    /// Channels of the input: 1 for grey, 3 for colour; `None` for those of the images.
    pub channels: Option<usize>,
    /// Order in which cases are corrected.
    pub order: RehearsalOrder,
    /// Options for reading the folder.
    pub wishes: FolderOptions,
    /// Training settings, except for the length of the rounds.
    pub plan: Plan,
    /// Device to train on.
    pub device: DeviceChoice,
}

/// What became of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateDecision {
    /// It passed the promotion gate.
    Passed,
    /// It was rejected.
    Rejected,
    /// It is not accurate enough to become the first model; the next round continues from it.
    NotYet,
    /// A person would have been asked. The simulated one follows the evidence, which speaks for the candidate.
    AskedFor,
    /// A person would have been asked. The simulated one follows the evidence, which speaks against the candidate.
    AskedAgainst,
}

impl GateDecision {
    /// The decision of a report.
    fn of_verdict(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Better { .. } => Self::Passed,
            Verdict::Worse { .. } => Self::Rejected,
            Verdict::NotYet { .. } => Self::NotYet,
            Verdict::Ask {
                speaks_for: true, ..
            } => Self::AskedFor,
            Verdict::Ask { .. } => Self::AskedAgainst,
        }
    }

    /// True if the candidate becomes active.
    pub fn accepts(self) -> bool {
        matches!(self, Self::Passed | Self::AskedFor)
    }
}

/// Result of one round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundResult {
    /// Random seed of the rehearsal.
    pub seed: u64,
    /// Number of training cases.
    pub cases: usize,
    /// Number of hold-out cases, in addition to these.
    pub holdout_cases: usize,
    /// Number of their subjects.
    pub holdout_subjects: usize,
    /// Mean Dice on the test set of the model that is active after the round.
    pub test_dice: f64,
    /// Mean Dice on the test set of the model that was active before the round; `None` if there was none.
    pub active_test_dice: Option<f64>,
    /// Mean Dice on the test set of the candidate.
    pub candidate_test_dice: f64,
    /// Mean Dice on the test set that the decision lost: that of the better model minus that of the chosen one; 0 if the
    /// decision was right. The other decision would have lost the difference of both models.
    pub lost_test_dice: f64,
    /// What the promotion gate decided.
    pub decision: GateDecision,
    /// Probability by which it decided, that the candidate is better; `None` without an active model or hold-out cases.
    pub probability: Option<f64>,
    /// What the cases that came in since say about the model that was active before the round; `None` without new
    /// cases or without an earlier model of the rehearsal.
    pub second_look: Option<SecondLook>,
    /// The second look made the earlier model active again.
    pub went_back: bool,
    /// Mean Dice of the active model on the hold-out cases; `None` if there are none yet, or if the earlier model became
    /// active again.
    pub holdout_dice: Option<f64>,
    /// The candidate became the active model.
    pub accepted: bool,
    /// Why the candidate was accepted or rejected.
    pub reason: String,
    /// Seconds from the start of the round to the decision.
    pub seconds: f64,
    /// Number of training steps.
    pub steps: usize,
    /// Number of pixels that the annotator had to change: those in which the masks of the new cases of this round, including
    /// hold-out cases, differ from the proposals of the active model.
    pub corrected_pixels: u64,
    /// The same as a share of the labelled pixels, averaged over the new cases.
    pub corrected_share: f64,
}

/// Progress of a rehearsal.
pub enum RehearsalEvent<'a> {
    /// A remark about the folder.
    Note(&'a str),
    /// The images were divided.
    Divided {
        /// Number of images to correct.
        pool: usize,
        /// Number of test images.
        test: usize,
    },
    /// Test Dice of the model to start from, before the first round.
    Start(f64),
    /// Progress of the current round.
    Phase(RoundPhase),
    /// A round has finished.
    Round(&'a RoundResult),
}

/// Simulates the learning loop on `folder`. One fifth of the subjects is set aside as a test set. The cases of the others are
/// corrected one after the other, and used for training or held out by the same rule as in a workspace.
///
/// # Errors
/// Those of [`dataset::open_folder`] and of a round; a folder with a single subject, or with fewer cases than requested.
pub fn run_rehearsal(
    folder: &Path,
    rehearsal: &Rehearsal,
    control: &Control,
    tell: &mut dyn FnMut(RehearsalEvent<'_>),
) -> Result<Vec<RoundResult>> {
    let DividedFolder { data, pool, test } =
        DividedFolder::open(folder, &rehearsal.wishes, rehearsal.plan.seed)?;
    data.notes
        .iter()
        .for_each(|note| tell(RehearsalEvent::Note(note)));
    tell(RehearsalEvent::Divided {
        pool: pool.len(),
        test: test.len(),
    });
    if let Some(reason) = too_few_cases(&rehearsal.cases, pool.len()) {
        tell(RehearsalEvent::Note(&reason));
    }
    let model = rehearsal.model.as_ref();
    let (labels, table) = starting_labels(&data, model.filter(|model| !model.card.takes_prompts));
    let mut stage = RehearsalLoop::new(
        rehearsal,
        pool,
        exercises_for_pairs(&test, &table)?,
        labels,
        table,
    )?;
    if let Some(dice) = stage.active_test_dice()? {
        tell(RehearsalEvent::Start(dice));
    }
    let mut results = Vec::new();
    for &cases in &rehearsal.cases {
        if !stage.correct_until(cases, control)? {
            break;
        }
        let Some(result) =
            stage.run_round(control, &mut |phase| tell(RehearsalEvent::Phase(phase)))?
        else {
            break;
        };
        tell(RehearsalEvent::Round(&result));
        results.push(result);
    }
    Ok(results)
}

/// The images of a folder: those to correct, in random order, and the test set, a fifth of the subjects.
struct DividedFolder {
    data: Dataset,
    pool: Vec<DatasetPair>,
    test: Vec<DatasetPair>,
}

impl DividedFolder {
    /// # Errors
    /// Those of [`dataset::open_folder`]; a folder with a single subject.
    fn open(folder: &Path, wishes: &FolderOptions, seed: u64) -> Result<Self> {
        let data = dataset::open_folder(folder, wishes)?;
        data.refuse_one_subject("rehearse on")?;
        let (mut pool, test) = dataset::split_by_subject(&data.pairs, 0.2, seed);
        pool.shuffle(&mut SmallRng::seed_from_u64(seed));
        Ok(Self { data, pool, test })
    }
}

/// A remark if the folder has fewer cases than one of the rounds needs.
fn too_few_cases(wanted: &[usize], pool: usize) -> Option<String> {
    let cases = wanted.iter().find(|cases| **cases > pool)?;
    Some(format!(
        "cannot reach {cases} cases: there are only {pool} for training and hold-out"
    ))
}

/// Which subjects are held out, by the rule of workspaces.
#[derive(Default)]
struct SubjectSides(BTreeMap<String, Side>);

impl SubjectSides {
    /// The side of a subject, which is decided when it is first seen.
    fn side_of(&mut self, subject: &str) -> Side {
        let subject = holdout::subject_hash(subject);
        if let Some(side) = self.0.get(&subject) {
            return *side;
        }
        let sides = self.0.values();
        let held_out = sides.filter(|side| **side == Side::HoldOut).count();
        let side = holdout::side_of(&subject, self.0.len(), held_out);
        self.0.insert(subject, side);
        side
    }
}

/// The labels of the model to start from, followed by those that only the folder has, and the table from mask values to them.
fn starting_labels(data: &Dataset, model: Option<&Model>) -> (Vec<Label>, LabelTable) {
    let (mut labels, mut places) = (Vec::new(), Vec::new());
    if let Some(Model { card, .. }) = model {
        labels = card.labels.clone();
        let table = data.labels.label_table(&labels, &card.trained_on.values);
        places = (1..=labels.len())
            .map(|label| first_value_of(label, data, &table))
            .collect();
    }
    for value in data
        .labels
        .values
        .iter()
        .filter(|value| !places.contains(&Some(**value)))
        .copied()
        .collect::<Vec<_>>()
    {
        labels.push(data.labels.label_for(value));
        places.push(Some(value));
    }
    (labels, LabelTable::new(&places))
}

/// The first mask value that stands for `label`, which counts from 1.
fn first_value_of(label: usize, data: &Dataset, table: &LabelTable) -> Option<u8> {
    data.labels
        .values
        .iter()
        .copied()
        .find(|value| usize::from(table.map_label(*value)) == label)
}

/// A new case for a pair, not trained on yet.
fn exercise_for_pair(pair: &DatasetPair, table: &LabelTable, case: i64) -> Result<Exercise> {
    let mask = table.map_mask(&pair.load_image_and_mask()?.1);
    Ok(Exercise {
        case,
        name: pair.name.clone(),
        subject: pair.subject.clone(),
        source: pair.image_source(),
        kind: Kind::Picture,
        mask: PackedMask::from_mask(&mask),
        before: None,
        is_untouched: false,
        is_new: true,
        prompted: Vec::new(),
    })
}

fn exercises_for_pairs(pairs: &[DatasetPair], table: &LabelTable) -> Result<Vec<Exercise>> {
    pairs
        .par_iter()
        .enumerate()
        .map(|(i, pair)| exercise_for_pair(pair, table, i as i64))
        .collect()
}

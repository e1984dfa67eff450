//! The whole loop on a folder with masks, the masks standing in for the annotator: how many corrections will a task take?

mod rounds;

use super::course::{Model, RoundPhase, RoundStart};
use super::exercise::Exercise;
use crate::Result;
use crate::io::dataset::{self, Dataset, DatasetPair, FolderOptions};
use labrum_core::{
    label::Label, label_table::LabelTable, mask::PackedMask, progress::Control, study::Kind,
    training::Plan,
};
use labrum_nn::device::DeviceChoice;
use rand::{SeedableRng, rngs::SmallRng, seq::SliceRandom};
use rayon::prelude::*;
use rounds::RehearsalLoop;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// In which order cases are corrected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RehearsalOrder {
    /// As the dice fall.
    #[default]
    Random,
    /// Those first that the active model is least sure of, every third one at random.
    Doubt,
}

/// What is rehearsed.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// Cases that are learned from, after each round; ascending.
    pub cases: Vec<usize>,
    /// Seconds for a round, judging included.
    pub seconds: f64,
    /// So many steps for a round instead: the same on every machine, however busy it is.
    pub steps: Option<usize>,
    /// The model to start from; none for random weights.
    pub model: Option<Model>,
    /// Where there is no model to start from, the input has about the area of a square with this side, in the shape of
    /// the images.
    pub size: usize,
    /// 1 for grey, 3 for colour; `None` for what the images are.
    pub channels: Option<usize>,
    /// In which order cases are corrected.
    pub order: RehearsalOrder,
    /// How the folder is read.
    pub wishes: FolderOptions,
    /// How rounds are done, but for their length.
    pub plan: Plan,
    /// Where.
    pub device: DeviceChoice,
}

/// One round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundResult {
    /// Cases learned from.
    pub cases: usize,
    /// Corrected cases that were held out, on top of these.
    pub holdout_cases: usize,
    /// Mean Dice of the active model, after the gate, on images that nothing in the loop ever sees.
    pub test_dice: f64,
    /// The same of the candidate.
    pub candidate_test_dice: f64,
    /// Mean Dice of the active model on the held-out cases; none where none is held out yet.
    pub holdout_dice: Option<f64>,
    /// The candidate became the active model.
    pub accepted: bool,
    /// Why, or why not.
    pub reason: String,
    /// Seconds from the start of the round to the verdict.
    pub seconds: f64,
    /// Steps of the training.
    pub steps: usize,
    /// Pixels in which the masks of the cases new in this round differ from what the active model proposed for them,
    /// those held out included: what the annotator had to change.
    pub corrected_pixels: u64,
    /// The same for a case, as a share of the pixels of its mask.
    pub corrected_share: f64,
}

/// What a rehearsal tells while it runs.
pub enum RehearsalEvent<'a> {
    /// Something about the folder that a person should know.
    Note(&'a str),
    /// The folder is divided.
    Divided {
        /// Images to correct, one after the other.
        pool: usize,
        /// Images that nothing ever sees.
        test: usize,
    },
    /// What the model that it starts from is worth on the test, before any round.
    Start(f64),
    /// What a round does.
    Phase(RoundPhase),
    /// A round is over.
    Round(&'a RoundResult),
}

/// Plays the loop on `folder`. One fifth of the subjects is set aside for the test; cases of the others come in, are
/// corrected, and are learned from or held out by the same rule as in a workspace.
///
/// Errors: what [`dataset::open_folder`] says; a folder of one subject; fewer cases than asked for; what a round says.
pub fn run_rehearsal(
    folder: &Path,
    rehearsal: &Rehearsal,
    control: &Control,
    tell: &mut dyn FnMut(RehearsalEvent<'_>),
) -> Result<Vec<RoundResult>> {
    let data = dataset::open_folder(folder, &rehearsal.wishes)?;
    data.refuse_one_subject("rehearse on")?;
    data.notes
        .iter()
        .for_each(|note| tell(RehearsalEvent::Note(note)));
    let (mut pool, test) = dataset::split_by_subject(&data.pairs, 0.2, rehearsal.plan.seed);
    pool.shuffle(&mut SmallRng::seed_from_u64(rehearsal.plan.seed));
    tell(RehearsalEvent::Divided {
        pool: pool.len(),
        test: test.len(),
    });
    if let Some(cases) = rehearsal.cases.iter().find(|cases| **cases > pool.len()) {
        let reason = format!(
            "{cases} cases cannot be reached: there are {} to learn from and hold out",
            pool.len()
        );
        tell(RehearsalEvent::Note(&reason));
    }
    let (labels, table) = starting_labels(&data, rehearsal.model.as_ref());
    let mut stage = RehearsalLoop::new(
        rehearsal,
        pool,
        exercises_for_pairs(&test, &table)?,
        labels,
        table,
    )?;
    if let RoundStart::Model(model) = &stage.active {
        tell(RehearsalEvent::Start(stage.test_dice(model)?));
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

/// The labels of the model to start from, and those of the folder that it does not know; none that do not occur.
fn starting_labels(data: &Dataset, model: Option<&Model>) -> (Vec<Label>, LabelTable) {
    let (mut labels, mut places) = (Vec::new(), Vec::new());
    if let Some(Model { card, .. }) = model {
        labels = card.labels.clone();
        let table = data.labels.label_table(&labels, &card.trained_on.values);
        let value = |label: usize| {
            data.labels
                .values
                .iter()
                .copied()
                .find(|v| usize::from(table.map_label(*v)) == label)
        };
        places = (1..=labels.len()).map(value).collect();
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

/// A case for a pair, not learned from yet.
fn exercise_for_pair(pair: &DatasetPair, table: &LabelTable, case: i64) -> Result<Exercise> {
    let mask = table.map_mask(&pair.load_image_and_mask()?.1);
    Ok(Exercise {
        case,
        name: pair.name.clone(),
        source: pair.image_source(),
        kind: Kind::Picture,
        mask: PackedMask::from_mask(&mask),
        before: None,
        is_untouched: false,
        is_new: true,
    })
}

fn exercises_for_pairs(pairs: &[DatasetPair], table: &LabelTable) -> Result<Vec<Exercise>> {
    pairs
        .par_iter()
        .enumerate()
        .map(|(i, pair)| exercise_for_pair(pair, table, i as i64))
        .collect()
}

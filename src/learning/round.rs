//! A round of training in a workspace: from a snapshot of its accepted masks to new versions.

mod clicks;
mod second_look;

use super::cost;
use super::course::{self, Course, RoundStart};
use super::exercise::Exercise;
use super::model::Model;
use crate::{Error, Result};
use labrum_core::{
    gate::{SecondLook, Verdict},
    holdout::Side,
    image::Pixels,
    label::{Label, value_in},
    learning::{
        ModelKind, NewVersion, PreviousVersion, RoundKey, RoundVersions, SnapshotSlice, VersionKey,
        VersionState,
    },
    model_card::ModelCard,
    progress::Control,
    training::{Estimate, Length, Plan, RoundPhase, RoundSettings, StartFrom},
    whole_file,
};
use labrum_nn::{
    checkpoint,
    device::DeviceChoice,
    train::state::{self, TrainingState},
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Maximum number of pixels, approximately, of the input of a new model.
const INPUT_AREA: usize = 224 * 224;

/// Advice if all cases are of one subject.
const PATIENT_IDS: &str = "Cases with the same Patient ID count as one subject. If they belong to several patients, as in some \
     de-identified files, give them different Patient IDs and open them in a new workspace.";

/// Stands in the list of modalities for image files, which have none.
const PICTURES: &str = "pictures";

/// A round to run.
#[derive(Clone, Debug)]
pub struct WorkspaceRound {
    /// Key of the round.
    pub key: RoundKey,
    /// The accepted masks.
    pub snapshot: Vec<SnapshotSlice>,
    /// The labels of the workspace.
    pub labels: Vec<Label>,
    /// Settings of the round.
    pub settings: RoundSettings,
    /// The version that it starts from, if any.
    pub parent: Option<VersionKey>,
    /// The version before that one, to which the round takes a second look.
    pub previous: Option<PreviousVersion>,
    /// Name of a new model.
    pub name: String,
    /// File for the state from which the round can be resumed.
    pub checkpoint: PathBuf,
    /// File for the state from which the fine-tuning of the click model can be resumed.
    pub click_checkpoint: PathBuf,
    /// Device to train on.
    pub device: DeviceChoice,
}

impl WorkspaceRound {
    /// Estimates the time and memory of the round on `threads` threads.
    ///
    /// # Errors
    /// Why it cannot run: nothing to train on, a start that cannot be read, too little memory.
    pub fn estimate_cost(&self, threads: usize) -> Result<Estimate> {
        let (cases, slices) = self.count_on_side(Side::Training);
        let (held_out, held_slices) = self.count_on_side(Side::HoldOut);
        if self.snapshot.is_empty() {
            return Err(
                Error::new("train", "no case with a mask has been accepted yet").with_advice(
                    "Accept cases in the window (Enter) or with labrum workspace accept.",
                ),
            );
        }
        if cases == 0 {
            let advice =
                "Accept another corrected case; about one in five is held out to judge the model.";
            return Err(match self.of_one_subject() {
                Some(count) => {
                    let reason =
                        format!("all {count} accepted cases are of one subject, which is held out");
                    Error::new("train", reason).with_advice(PATIENT_IDS)
                }
                None => Error::new("train", "all accepted cases are held out").with_advice(advice),
            });
        }
        let note = self.of_one_subject().map(|count| {
            format!(
                "All {count} accepted cases are of one subject, so none is held out to judge the model. {PATIENT_IDS}"
            )
        });
        let start = self.load_start()?;
        let (spec, config) = course::network_shape(&start);
        let plan = &self.settings.plan;
        let clicks = self.click_cost(threads);
        let memory = cost::peak_bytes(config, &spec, plan.batch, slices)
            .max(clicks.as_ref().map_or(0, |clicks| clicks.memory));
        if let Some(free) = cost::free_memory().filter(|free| *free < memory) {
            let reason = format!(
                "training needs {:.1} GB of memory, but only {:.1} GB are free",
                memory as f64 / 1e9,
                free as f64 / 1e9
            );
            return Err(Error::new("train", reason)
                .with_advice("Close other programs, or start from a smaller model."));
        }
        let around = cost::overhead_seconds(slices, held_slices) + self.second_look_seconds();
        let training = match plan.length {
            Length::Seconds(seconds) => seconds,
            Length::Steps(steps) => {
                let steps = if steps == 0 {
                    cost::step_count(&self.settings, config, &spec, threads, slices, held_slices)
                } else {
                    steps
                };
                steps as f64 * cost::step_seconds(config, &spec, plan.batch, threads)
            }
        };
        let click_seconds = clicks.map(|clicks| clicks.seconds);
        Ok(Estimate {
            cases,
            slices,
            held_out,
            seconds: training + around + click_seconds.unwrap_or(0.0),
            click_seconds,
            memory,
            note,
        })
    }

    /// Number of cases and slices on this side: training or hold-out.
    fn count_on_side(&self, side: Side) -> (usize, usize) {
        let mut cases = BTreeSet::new();
        let mut slices = 0;
        for slice in self.snapshot.iter().filter(|s| s.side == side) {
            cases.insert(slice.case.0);
            slices += 1;
        }
        (cases.len(), slices)
    }

    /// Number of accepted cases if there are several and all are of one subject.
    fn of_one_subject(&self) -> Option<usize> {
        /// Fewer cases may well be series of one patient.
        const SEVERAL: usize = 3;
        let cases: BTreeSet<i64> = self.snapshot.iter().map(|s| s.case.0).collect();
        let subjects: BTreeSet<&str> = self.snapshot.iter().map(|s| s.subject.as_str()).collect();
        let is_one = subjects.len() == 1 && !subjects.contains("");
        (is_one && cases.len() >= SEVERAL).then_some(cases.len())
    }

    /// Runs the round; `None` if cancelled. The versions are not saved yet. A failure in the fine-tuning of the click model
    /// is noted; the other version is made nevertheless.
    ///
    /// # Errors
    /// Those of [`WorkspaceRound::estimate_cost`]; an image that cannot be read, a failure of the device, a full disk.
    pub fn train_versions(
        &self,
        control: &Control,
        phase: &mut dyn FnMut(RoundPhase),
    ) -> Result<Option<RoundVersions>> {
        let Some(mut masks) = self.train_mask_version(control, phase)? else {
            return Ok(None);
        };
        let look = self.look_again(control);
        let clicks = self.train_click_version(control, phase);
        if control.cancel.is_cancelled() {
            return Ok(None);
        }
        let notes = [
            look_note(&look),
            failure_note("The model of the Click tool was not trained", &clicks),
        ];
        let notes: Vec<String> = notes.into_iter().flatten().collect();
        masks.report.second_look = look.unwrap_or_default();
        Ok(Some(RoundVersions {
            masks,
            clicks: clicks.unwrap_or_default(),
            note: (!notes.is_empty()).then(|| notes.join(" ")),
        }))
    }

    /// Trains and judges a model that proposes masks; `None` if cancelled.
    fn train_mask_version(
        &self,
        control: &Control,
        phase: &mut dyn FnMut(RoundPhase),
    ) -> Result<Option<NewVersion>> {
        let begun = Instant::now();
        let start = self.load_start()?;
        let (learned, held_out): (Vec<_>, Vec<_>) =
            self.snapshot.iter().partition(|s| s.side == Side::Training);
        let exercises: Vec<_> = learned.into_iter().map(Exercise::from_slice).collect();
        let held_out: Vec<_> = held_out.into_iter().map(Exercise::from_slice).collect();
        let (spec, config) = course::network_shape(&start);
        let threads = rayon::current_num_threads();
        let steps = cost::step_count(
            &self.settings,
            config,
            &spec,
            threads,
            exercises.len(),
            held_out.len(),
        );
        let plan = match self.settings.plan.length {
            // The caller's setting takes precedence.
            Length::Seconds(_) => self.settings.plan.clone(),
            Length::Steps(0) => Plan {
                length: Length::Steps(steps),
                ..self.settings.plan.clone()
            },
            Length::Steps(_) => self.settings.plan.clone(),
        };
        let classes = self.labels.len() + 1;
        let resume = state::read_from_file(&self.checkpoint, config, spec.channels, classes);
        let (name, version) = self.candidate_title(&start);
        let course = Course {
            start: &start,
            is_start_active: self.settings.is_start_active,
            labels: &self.labels,
            name: name.clone(),
            version: version.clone(),
            exercises: &exercises,
            held_out: &held_out,
            plan: plan.clone(),
            device: self.device,
            resume,
        };
        let candidate = course::train_candidate(course, control, phase, &mut |state| {
            self.write_state(&self.checkpoint, state)
        })?;
        let Some(mut candidate) = candidate else {
            return Ok(None);
        };
        self.widen_purpose(&start, &mut candidate.model.card);
        let Model { card, weights } = &candidate.model;
        let settings = RoundSettings {
            plan,
            ..self.settings.clone()
        };
        Ok(Some(NewVersion {
            round: self.key,
            kind: ModelKind::Masks,
            name: format!("{name} {version}"),
            parent: self.parent,
            parent_name: self.settings.start_name.clone(),
            state: state_of_verdict(&candidate.report.verdict),
            hash: checkpoint::weights_hash(weights),
            cases: exercises
                .iter()
                .map(|e| e.case)
                .collect::<BTreeSet<i64>>()
                .len() as u32,
            seconds: begun.elapsed().as_secs_f64(),
            steps: candidate.learned.steps as u32,
            settings: serde_json::to_string(&settings)
                .map_err(|e| Error::new("save the settings of the round", e))?,
            bytes: checkpoint::to_bytes(card, weights)?.into(),
            report: candidate.report,
        }))
    }

    /// Writes a state from which the round can be resumed.
    fn write_state(&self, file: &Path, state: &TrainingState) -> Result<()> {
        let bytes = state::to_bytes(state)?;
        whole_file::write_atomically(file, "save the training state", |out| out.write_all(&bytes))
    }

    fn load_start(&self) -> Result<RoundStart> {
        let model = match &self.settings.start {
            StartFrom::Nothing => return self.new_model_start(None),
            StartFrom::ClickModel => return self.new_model_start(Some(Model::shipped_click()?)),
            StartFrom::Shipped(index) => Model::from_shipped(*index)?,
            StartFrom::File(path) if self.parent.is_some() => {
                Model::of_version(path, &self.labels)?
            }
            StartFrom::File(path) => Model::read_file(path)?,
        };
        if model.card.takes_prompts {
            return self.new_model_start(Some(model));
        }
        Ok(RoundStart::Model(Box::new(model)))
    }

    /// A new model for inputs of the shape of the first training image.
    fn new_model_start(&self, prompt_model: Option<Model>) -> Result<RoundStart> {
        let first = self.snapshot.iter().find(|s| s.side == Side::Training);
        let first =
            first.ok_or_else(|| Error::new("train", "there are no accepted cases to train on"))?;
        let image = Exercise::from_slice(first).load_image()?;
        let channels = if matches!(image.pixels, Pixels::Rgb8(_)) {
            3
        } else {
            1
        };
        let size = course::input_size(
            image.columns,
            image.rows,
            INPUT_AREA.min(image.columns * image.rows),
        );
        Ok(RoundStart::NewModel {
            size,
            channels,
            prompt_model: prompt_model.map(Box::new),
        })
    }

    /// Name and version of the candidate. It takes the name of the start only if that model has one of these labels.
    fn candidate_title(&self, start: &RoundStart) -> (String, String) {
        let name = match start {
            RoundStart::Model(model) if self.parent.is_some() || self.has_label_of(model) => {
                model.card.name.clone()
            }
            RoundStart::Model(_) | RoundStart::NewModel { .. } => self.name.clone(),
        };
        (name, format!("round-{}", self.key.0))
    }

    fn has_label_of(&self, model: &Model) -> bool {
        let mut labels = model.card.labels.iter();
        labels.any(|label| value_in(&self.labels, label).is_some())
    }

    /// Extends the purpose of the model to the images it was trained on; a new model is only for these.
    fn widen_purpose(&self, start: &RoundStart, card: &mut ModelCard) {
        let is_new = matches!(start, RoundStart::NewModel { .. });
        let purpose = &mut card.purpose;
        for slice in self.snapshot.iter().filter(|s| s.side == Side::Training) {
            let modality = if slice.modality.is_empty() {
                PICTURES
            } else {
                &slice.modality
            };
            let is_narrow = is_new || !purpose.modalities.is_empty();
            if modality == PICTURES {
                // Trained on an image without such a word: the words no longer restrict it.
                let mut words = purpose.picture_words.iter();
                if !words.any(|word| is_named_by(slice, word)) {
                    purpose.picture_words.clear();
                }
            } else if is_narrow && !purpose.modalities.iter().any(|m| m == modality) {
                purpose.body_parts.clear();
            }
            if is_narrow && !purpose.modalities.iter().any(|m| m == modality) {
                purpose.modalities.push(modality.to_owned());
            }
        }
    }
}

/// What a person should know of the second look: that it advises to go back, or why it failed.
fn look_note(look: &Result<Option<SecondLook>>) -> Option<String> {
    match look {
        Ok(look) => {
            let advice = look.as_ref().filter(|look| look.advises_return());
            advice.map(SecondLook::summary_text)
        }
        failed => failure_note(
            "The active model was not compared with the version before it",
            failed,
        ),
    }
}

/// "`what`: reason." if the result is an error.
fn failure_note<T>(what: &str, result: &Result<T>) -> Option<String> {
    let why = result.as_ref().err()?.to_string();
    Some(format!("{what}: {}.", why.trim_end_matches('.')))
}

/// The state of a new version after the decision of the promotion gate.
fn state_of_verdict(verdict: &Verdict) -> VersionState {
    match verdict {
        Verdict::Better { .. } => VersionState::Accepted,
        Verdict::Worse { .. } | Verdict::NotYet { .. } => VersionState::Rejected,
        Verdict::Ask { .. } => VersionState::Undecided,
    }
}

/// True if the name or path of the slice contains the word, ignoring case.
fn is_named_by(slice: &SnapshotSlice, word: &str) -> bool {
    let word = word.to_lowercase();
    let path = slice.source.path.to_string_lossy().to_lowercase();
    path.contains(&word) || slice.name.to_lowercase().contains(&word)
}

#[cfg(test)]
mod tests;

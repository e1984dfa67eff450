//! A round in a workspace: from the snapshot of its accepted masks to a version for its list.

use super::cost;
use super::course::{self, Course, Model, RoundPhase, RoundStart};
use super::exercise::Exercise;
use crate::{Error, Result};
use labrum_core::{
    gate::Verdict,
    holdout::Side,
    image::Pixels,
    label::{Label, value_in},
    learning::{NewVersion, RoundKey, SnapshotSlice, VersionKey, VersionState},
    model_card::ModelCard,
    progress::Control,
    training::{Estimate, Length, Plan, RoundSettings, StartFrom},
    whole_file,
};
use labrum_nn::{checkpoint, device::DeviceChoice, train::state};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

/// The input of a model that starts from nothing has about so many pixels at most.
const INPUT_AREA: usize = 224 * 224;

/// What to do where all cases are of one subject.
const PATIENT_IDS: &str = "Cases of one Patient ID count as one subject: where they are of several patients, as files without \
     the patient's name often are, give them different Patient IDs and open them in a new workspace.";

/// Stands among modalities for pictures, which have none.
const PICTURES: &str = "pictures";

/// A round that is to be done.
#[derive(Clone, Debug)]
pub struct WorkspaceRound {
    /// Which.
    pub key: RoundKey,
    /// The accepted masks.
    pub snapshot: Vec<SnapshotSlice>,
    /// The labels of the workspace.
    pub labels: Vec<Label>,
    /// How it is done.
    pub settings: RoundSettings,
    /// The version that it starts from, where it is one.
    pub parent: Option<VersionKey>,
    /// What a model that starts from nothing is called.
    pub name: String,
    /// Where states to go on from are written.
    pub checkpoint: PathBuf,
    /// Where it runs.
    pub device: DeviceChoice,
}

impl WorkspaceRound {
    /// What it will take. `threads` compute.
    ///
    /// Errors: why it cannot be done: nothing to learn from, a start that cannot be read, too little memory.
    pub fn estimate_cost(&self, threads: usize) -> Result<Estimate> {
        let count = |side: Side| {
            let slices = self.snapshot.iter().filter(move |s| s.side == side);
            let cases: BTreeSet<i64> = slices.clone().map(|s| s.case.0).collect();
            (cases.len(), slices.count())
        };
        let ((cases, slices), (held_out, held_slices)) =
            (count(Side::Training), count(Side::HoldOut));
        if self.snapshot.is_empty() {
            return Err(
                Error::new("train", "no case with a mask is accepted yet").with_advice(
                    "Accept cases in the window (Enter) or with labrum workspace accept.",
                ),
            );
        }
        if cases == 0 {
            let advice =
                "Accept another corrected case; about one in five is held out to judge the model.";
            return Err(match self.of_one_subject() {
                Some(count) => {
                    let reason = format!(
                        "all {count} accepted cases are of one subject, and it is held out"
                    );
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
        let memory = cost::peak_bytes(config, &spec, plan.batch, slices);
        if let Some(free) = cost::free_memory().filter(|free| *free < memory) {
            let gigabytes = |bytes: u64| bytes as f64 / 1e9;
            let reason = format!(
                "it needs {:.1} GB of memory, {:.1} GB are free",
                gigabytes(memory),
                gigabytes(free)
            );
            return Err(Error::new("train", reason)
                .with_advice("Close other programs, or start from a smaller model."));
        }
        let around = cost::overhead_seconds(slices, held_slices);
        let training = match plan.length {
            Length::Seconds(seconds) => seconds,
            Length::Steps(steps) => {
                let by_time = || {
                    cost::step_count(&self.settings, config, &spec, threads, slices, held_slices)
                };
                let steps = if steps == 0 { by_time() } else { steps };
                steps as f64 * cost::step_seconds(config, &spec, plan.batch, threads)
            }
        };
        Ok(Estimate {
            cases,
            slices,
            held_out,
            seconds: training + around,
            memory,
            note,
        })
    }

    /// How many accepted cases there are, where they are several and all of one subject.
    fn of_one_subject(&self) -> Option<usize> {
        /// Fewer may well be the series of one patient.
        const SEVERAL: usize = 3;
        let cases: BTreeSet<i64> = self.snapshot.iter().map(|s| s.case.0).collect();
        let subjects: BTreeSet<&str> = self.snapshot.iter().map(|s| s.subject.as_str()).collect();
        let is_one = subjects.len() == 1 && !subjects.contains("");
        (is_one && cases.len() >= SEVERAL).then_some(cases.len())
    }

    /// Does the round; `None` where it was cancelled. The version is not kept yet.
    ///
    /// Errors: what [`WorkspaceRound::estimate_cost`] says; an image that cannot be read; a device that fails; a disk that is full.
    pub fn train_version(
        &self,
        control: &Control,
        phase: &mut dyn FnMut(RoundPhase),
    ) -> Result<Option<NewVersion>> {
        let begun = Instant::now();
        let start = self.load_start()?;
        let (learned, held_out): (Vec<_>, Vec<_>) =
            self.snapshot.iter().partition(|s| s.side == Side::Training);
        let (exercises, held_out): (Vec<_>, Vec<_>) = (
            learned.into_iter().map(Exercise::from_slice).collect(),
            held_out.into_iter().map(Exercise::from_slice).collect(),
        );
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
            // What a caller set counts.
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
        let mut keep = |found: &_| {
            let bytes = state::to_bytes(found)?;
            whole_file::write_atomically(
                &self.checkpoint,
                "keep the state of the training",
                |file| file.write_all(&bytes),
            )
        };
        let Some(mut candidate) = course::train_candidate(course, control, phase, &mut keep)?
        else {
            return Ok(None);
        };
        self.widen_purpose(&mut candidate.model.card);
        let state = match &candidate.report.verdict {
            Verdict::Better { .. } => VersionState::Accepted,
            Verdict::Worse { .. } | Verdict::NotYet { .. } => VersionState::Rejected,
            Verdict::Ask { .. } => VersionState::Undecided,
        };
        let Model { card, weights } = &candidate.model;
        let settings = RoundSettings {
            plan,
            ..self.settings.clone()
        };
        Ok(Some(NewVersion {
            round: self.key,
            name: format!("{name} {version}"),
            parent: self.parent,
            parent_name: self.settings.start_name.clone(),
            state,
            hash: checkpoint::weights_hash(weights),
            cases: exercises
                .iter()
                .map(|e| e.case)
                .collect::<BTreeSet<i64>>()
                .len() as u32,
            seconds: begun.elapsed().as_secs_f64(),
            steps: candidate.learned.steps as u32,
            settings: serde_json::to_string(&settings)
                .map_err(|e| Error::new("keep the settings of the round", e))?,
            bytes: checkpoint::to_bytes(card, weights)?.into(),
            report: candidate.report,
        }))
    }

    fn load_start(&self) -> Result<RoundStart> {
        let model = match &self.settings.start {
            StartFrom::Nothing => return self.untrained_start(),
            StartFrom::Shipped(index) => Model::from_shipped(*index)?,
            StartFrom::File(path) if self.parent.is_some() => {
                Model::of_version(path, &self.labels)?
            }
            StartFrom::File(path) => Model::read_file(path)?,
        };
        Ok(RoundStart::Model(Box::new(model)))
    }

    /// Random weights for inputs of the shape of the first image that can be read.
    fn untrained_start(&self) -> Result<RoundStart> {
        let first = self.snapshot.iter().find(|s| s.side == Side::Training);
        let first =
            first.ok_or_else(|| Error::new("train", "no accepted case is there to learn from"))?;
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
        Ok(RoundStart::Nothing { size, channels })
    }

    /// Name and version of the candidate: of a model that finds none of these labels only the weights are taken.
    fn candidate_title(&self, start: &RoundStart) -> (String, String) {
        let finds = |model: &Model| {
            model
                .card
                .labels
                .iter()
                .any(|label| value_in(&self.labels, label).is_some())
        };
        let name = match start {
            RoundStart::Model(model) if self.parent.is_some() || finds(model) => {
                model.card.name.clone()
            }
            RoundStart::Model(_) | RoundStart::Nothing { .. } => self.name.clone(),
        };
        (name, format!("round-{}", self.key.0))
    }

    /// What it learned from it is for from now on; one that starts from nothing is for nothing else.
    fn widen_purpose(&self, card: &mut ModelCard) {
        let is_from_nothing = self.settings.start == StartFrom::Nothing;
        let purpose = &mut card.purpose;
        for slice in self.snapshot.iter().filter(|s| s.side == Side::Training) {
            let modality = if slice.modality.is_empty() {
                PICTURES
            } else {
                &slice.modality
            };
            let is_narrow = is_from_nothing || !purpose.modalities.is_empty();
            if modality == PICTURES {
                let is_named = |word: &String| {
                    let path = slice.source.path.to_string_lossy().to_lowercase();
                    path.contains(&word.to_lowercase())
                        || slice.name.to_lowercase().contains(&word.to_lowercase())
                };
                // A word of all pictures is none.
                if !purpose.picture_words.iter().any(is_named) {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use image::GrayImage;
    use labrum_core::{
        journal::CaseKey,
        mask::{Mask, PackedMask},
        study::{Kind, Source},
    };

    /// A round on as many cases as there are names of subjects.
    fn round(folder: &std::path::Path, subjects: &[&str], side: Side) -> WorkspaceRound {
        let path = folder.join("a.png");
        GrayImage::new(32, 32).save(&path).unwrap();
        let slice = |(case, subject): (usize, &&str)| SnapshotSlice {
            case: CaseKey(case as i64),
            name: "a".into(),
            modality: String::new(),
            source: Source {
                path: path.clone(),
                frame: 0,
            },
            kind: Kind::Picture,
            subject: (*subject).into(),
            side,
            mask: PackedMask::from_mask(&Mask::new_blank(32, 32)),
            before: None,
            is_untouched: false,
            is_new: true,
        };
        WorkspaceRound {
            key: RoundKey(1),
            snapshot: subjects.iter().enumerate().map(slice).collect(),
            labels: vec![Label::with_name("Disc", 0)],
            settings: RoundSettings {
                start: StartFrom::Nothing,
                start_name: "nothing".into(),
                is_start_active: true,
                plan: Plan::default(),
                seconds: 1.0,
            },
            parent: None,
            name: "Model".into(),
            checkpoint: PathBuf::new(),
            device: DeviceChoice::Cpu,
        }
    }

    #[test]
    fn many_cases_of_one_subject_are_remarked_on() {
        let folder = tempfile::tempdir().unwrap();
        let note = |subjects: &[&str]| {
            round(folder.path(), subjects, Side::Training)
                .estimate_cost(1)
                .unwrap()
                .note
        };
        assert!(
            note(&["x", "x", "x"])
                .unwrap()
                .contains("All 3 accepted cases are of one subject")
        );
        assert_eq!(note(&["x", "x", "y"]), None);
        assert_eq!(note(&["x", "x"]), None);
        assert_eq!(note(&["", "", ""]), None, "whose they are is not known");
    }

    #[test]
    fn where_all_are_held_out_the_reason_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |subjects: &[&str]| {
            round(folder.path(), subjects, Side::HoldOut)
                .estimate_cost(1)
                .unwrap_err()
                .to_string()
        };
        assert!(
            refused(&["x", "x", "x"])
                .contains("of one subject, and it is held out. Cases of one Patient ID")
        );
        assert!(refused(&["x", "y", "z"]).contains("Accept another corrected case"));
    }
}

//! Training records shared by workspace, editor and commands: rounds, model versions, annotation effort.

use super::{
    gate::GateReport,
    holdout::Side,
    journal::CaseKey,
    mask::PackedMask,
    prompts::PromptedObject,
    study::{Kind, Source},
};
use serde::{Deserialize, Serialize};
use std::{iter, path::PathBuf, sync::Arc};

/// Key of a model version in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VersionKey(pub i64);

/// Key of a training round in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RoundKey(pub i64);

/// What a model version is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// It proposes masks.
    #[default]
    Masks,
    /// It answers clicks, boxes and scribbles.
    Clicks,
}

/// State of a model version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionState {
    /// Accepted by the promotion gate or by a person: it is or was active.
    Accepted,
    /// Rejected by the promotion gate or by a person.
    Rejected,
    /// Waiting for a person's decision.
    Undecided,
}

/// A model version trained in this workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// Key of the version.
    pub key: VersionKey,
    /// The round that made it; its number is shown to users.
    pub round: RoundKey,
    /// What it is for. A round can make one version of each kind.
    #[serde(default)]
    pub kind: ModelKind,
    /// Name: "Fetal head round-3" until it is renamed.
    pub name: String,
    /// The version that training started from; `None` for a shipped or opened model, or from scratch.
    pub parent: Option<VersionKey>,
    /// Display name of what training started from: "Fetal head 1.0.0", "nothing".
    pub parent_name: String,
    /// Time of creation, in milliseconds since 1970 (UTC).
    pub made_at: i64,
    /// State.
    pub state: VersionState,
    /// Reason for the state.
    pub reason: String,
    /// True if it currently proposes masks, or answers clicks.
    pub is_active: bool,
    /// SHA-256 of its weights, hex.
    pub hash: String,
    /// Path of the model file.
    pub file: PathBuf,
    /// Number of accepted cases it was trained on, including those of its parents.
    pub cases: u32,
    /// Duration of the round in seconds.
    pub seconds: f64,
    /// Number of training steps.
    pub steps: u32,
    /// Training settings as JSON.
    pub settings: String,
    /// Validation report: comparison with the model that was active then, on the hold-out set.
    pub report: GateReport,
}

impl Version {
    /// True if it currently does what models of this kind do.
    pub fn is_active_for(&self, kind: ModelKind) -> bool {
        self.is_active && self.kind == kind
    }
}

/// A new version to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct NewVersion {
    /// The round that made it.
    pub round: RoundKey,
    /// What it is for.
    pub kind: ModelKind,
    /// Name.
    pub name: String,
    /// The version that training started from.
    pub parent: Option<VersionKey>,
    /// Display name of what training started from.
    pub parent_name: String,
    /// State; an accepted version becomes active.
    pub state: VersionState,
    /// SHA-256 of its weights, hex.
    pub hash: String,
    /// Number of accepted cases it was trained on.
    pub cases: u32,
    /// Duration of the round in seconds.
    pub seconds: f64,
    /// Number of training steps.
    pub steps: u32,
    /// Training settings as JSON.
    pub settings: String,
    /// Validation report on the hold-out set.
    pub report: GateReport,
    /// Content of the model file.
    pub bytes: Arc<[u8]>,
}

/// The versions that a round made.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundVersions {
    /// The candidate that proposes masks.
    pub masks: NewVersion,
    /// The candidate that answers clicks, if the round fine-tuned the click model.
    pub clicks: Option<NewVersion>,
    /// What a person should know beside the versions, in sentences: why the click model was not fine-tuned although it was
    /// to be, or that the active model seems worse than the version before it.
    pub note: Option<String>,
}

impl RoundVersions {
    /// The versions, that for masks first.
    pub fn all(&self) -> impl Iterator<Item = &NewVersion> {
        iter::once(&self.masks).chain(&self.clicks)
    }
}

/// State of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoundState {
    /// Running, or interrupted because the program ended.
    Running,
    /// Finished with a new version.
    Done,
    /// Cancelled by the user.
    Cancelled,
    /// Failed with an error.
    Failed,
}

/// A round as stored in the workspace.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundRecord {
    /// Key of the round.
    pub key: RoundKey,
    /// Start time, in milliseconds since 1970 (UTC).
    pub started_at: i64,
    /// State.
    pub state: RoundState,
    /// The version that training started from.
    pub parent: Option<VersionKey>,
    /// Round settings as JSON.
    pub settings: String,
    /// Path of the checkpoint from which the round can be resumed.
    pub checkpoint: PathBuf,
    /// Path of the checkpoint from which the fine-tuning of the click model can be resumed.
    pub click_checkpoint: PathBuf,
}

/// The version that was active before the one that a round starts from.
#[derive(Clone, Debug, PartialEq)]
pub struct PreviousVersion {
    /// Its name.
    pub name: String,
    /// Path of the model file.
    pub file: PathBuf,
    /// The training cases whose subjects neither version has learned from.
    pub unseen: Vec<CaseKey>,
}

/// A slice of an accepted case, as it was when the round began.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotSlice {
    /// Key of the case.
    pub case: CaseKey,
    /// Name of the case.
    pub name: String,
    /// Modality; empty for image files.
    pub modality: String,
    /// Location of the pixels.
    pub source: Source,
    /// Kind of file.
    pub kind: Kind,
    /// [`super::holdout::subject_hash`] of the subject; empty if unknown.
    pub subject: String,
    /// Training or hold-out.
    pub side: Side,
    /// The mask.
    pub mask: PackedMask,
    /// The proposed or imported mask, before a person changed it.
    pub before: Option<PackedMask>,
    /// True if the mask equals the proposal.
    pub is_untouched: bool,
    /// True if no earlier round was trained on this mask.
    pub is_new: bool,
    /// The objects that a person segmented with prompts.
    pub prompted: Vec<PromptedObject>,
}

/// Annotation effort for an accepted case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseCost {
    /// Name of the case.
    pub name: String,
    /// When it was accepted, in milliseconds since 1970 (UTC).
    pub accepted_at: i64,
    /// Working time in seconds.
    pub seconds: f64,
    /// Number of pixels that differ from the proposal, or from an empty mask if there was none.
    pub pixels_changed: u64,
    /// Number of labelled pixels in its masks.
    pub pixels: u64,
    /// Name and version of the model that made the proposal; empty if there was none.
    pub model: String,
    /// True for a hold-out case.
    pub held_out: bool,
    /// Number of prompts of the Click tool: clicks, boxes and scribbles.
    #[serde(default)]
    pub prompts: u32,
    /// Number of objects that they segmented.
    #[serde(default)]
    pub objects: u32,
    /// Name and version of the model that answered the last of them; empty if there were none.
    #[serde(default)]
    pub click_model: String,
}

impl CaseCost {
    /// Changed pixels as a share of the labelled pixels; `None` for empty masks.
    pub fn share_changed(&self) -> Option<f64> {
        (self.pixels > 0).then(|| self.pixels_changed as f64 / self.pixels as f64)
    }
}

/// Work report: whether training saves annotation effort.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkReport {
    /// Accepted cases, in the order of acceptance.
    pub cases: Vec<CaseCost>,
    /// All versions, oldest first.
    pub versions: Vec<Version>,
}

impl WorkReport {
    /// For each model that made proposals, in order of first use: name, number of accepted cases that began with its
    /// proposal, mean working time per case in seconds, and mean share of pixels changed.
    pub fn by_model(&self) -> Vec<(String, usize, f64, f64)> {
        let mut groups: Vec<(String, Vec<&CaseCost>)> = Vec::new();
        for case in &self.cases {
            match groups.iter_mut().find(|(model, _)| *model == case.model) {
                Some((_, cases)) => cases.push(case),
                None => groups.push((case.model.clone(), vec![case])),
            }
        }
        groups
            .into_iter()
            .map(|(model, cases)| {
                let seconds: Vec<f64> = cases.iter().map(|c| c.seconds).collect();
                let shares: Vec<f64> = cases.iter().filter_map(|c| c.share_changed()).collect();
                (
                    model,
                    cases.len(),
                    mean_or_zero(&seconds),
                    mean_or_zero(&shares),
                )
            })
            .collect()
    }

    /// For each model that answered prompts, in order of first use: how many prompts its cases took.
    pub fn by_click_model(&self) -> Vec<ClickUse> {
        let mut groups: Vec<ClickUse> = Vec::new();
        for case in self.cases.iter().filter(|case| case.prompts > 0) {
            let at = groups.iter().position(|of| of.model == case.click_model);
            let at = at.unwrap_or_else(|| {
                groups.push(ClickUse {
                    model: case.click_model.clone(),
                    ..ClickUse::default()
                });
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(at) {
                group.cases += 1;
                group.prompts += case.prompts;
                group.objects += case.objects;
            }
        }
        groups
    }

    /// Advice on whether another round is worthwhile, in whole sentences.
    pub fn next_round_advice(&self) -> String {
        let groups = self.by_model();
        let named: Vec<_> = groups
            .iter()
            .filter(|(model, ..)| !model.is_empty())
            .collect();
        let accepted: Vec<&Version> = self
            .versions
            .iter()
            .filter(|v| v.state == VersionState::Accepted)
            .collect();
        let dice: Vec<f64> = accepted
            .iter()
            .filter_map(|v| Some(v.report.mean_scores().1?.dice))
            .collect();
        match (&named[..], &dice[..]) {
            ([], []) => {
                "No model has proposed masks yet. Accept a few cases, then train (Ctrl+T).".into()
            }
            (_, [.., before, last]) if last - before < 0.002 => format!(
                "The last round changed Dice on the hold-out set by {:+.3}. More rounds on the same cases will hardly \
                 help; other, uncertain cases may.",
                last - before
            ),
            (_, [.., before, last]) => {
                format!(
                    "The last round changed Dice on the hold-out set by {:+.3}. Another round is worthwhile.",
                    last - before
                )
            }
            ([first, .., last], _) if last.3 < first.3 => format!(
                "Corrections fell from {:.0} % to {:.0} % of the mask: the model saves work.",
                100.0 * first.3,
                100.0 * last.3
            ),
            _ => "There is not enough data yet to say whether another round is worthwhile.".into(),
        }
    }
}

/// The use of one click model on accepted cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClickUse {
    /// Name and version of the model.
    pub model: String,
    /// Number of cases with prompts that it answered.
    pub cases: u32,
    /// Number of prompts on these.
    pub prompts: u32,
    /// Number of objects that they segmented.
    pub objects: u32,
}

impl ClickUse {
    /// Mean number of prompts per case.
    pub fn prompts_per_case(&self) -> f64 {
        f64::from(self.prompts) / f64::from(self.cases.max(1))
    }

    /// Mean number of prompts per object.
    pub fn prompts_per_object(&self) -> f64 {
        f64::from(self.prompts) / f64::from(self.objects.max(1))
    }
}

/// Mean of the values; 0 if there are none.
fn mean_or_zero(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(click_model: &str, prompts: u32, objects: u32) -> CaseCost {
        CaseCost {
            name: String::new(),
            accepted_at: 0,
            seconds: 1.0,
            pixels_changed: 0,
            pixels: 10,
            model: String::new(),
            held_out: false,
            prompts,
            objects,
            click_model: click_model.to_owned(),
        }
    }

    #[test]
    fn prompts_are_counted_for_each_model_that_answered_them() {
        let cases = vec![
            case("Clicks 1.0.0", 8, 2),
            case("", 0, 0),
            case("Clicks 1.0.0", 5, 1),
            case("Clicks round-2", 3, 2),
        ];
        let report = WorkReport {
            cases,
            versions: Vec::new(),
        };
        let groups = report.by_click_model();
        let models: Vec<&str> = groups.iter().map(|group| group.model.as_str()).collect();
        assert_eq!(models, ["Clicks 1.0.0", "Clicks round-2"]);
        assert_eq!(groups[0].cases, 2);
        assert_eq!(groups[0].prompts_per_case(), 6.5);
        assert_eq!(groups[1].prompts_per_object(), 1.5);
    }
}

//! Training records shared by workspace, editor and commands: rounds, model versions, annotation effort.

use super::{
    gate::GateReport,
    holdout::Side,
    journal::CaseKey,
    mask::PackedMask,
    study::{Kind, Source},
};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, sync::Arc};

/// Key of a model version in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VersionKey(pub i64);

/// Key of a training round in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RoundKey(pub i64);

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
    /// True if it currently proposes masks.
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

/// A new version to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct NewVersion {
    /// The round that made it.
    pub round: RoundKey,
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

/// Mean of the values; 0 if there are none.
fn mean_or_zero(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

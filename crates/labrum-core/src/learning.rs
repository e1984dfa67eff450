//! Records of learning that workspace, editor and commands share: rounds, versions of the model, what the work cost.

use super::{
    gate::GateReport,
    holdout::Side,
    journal::CaseKey,
    mask::PackedMask,
    study::{Kind, Source},
};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, sync::Arc};

/// A version of the model in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VersionKey(pub i64);

/// A round in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RoundKey(pub i64);

/// What became of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionState {
    /// It passed the gate, or a person took it: it is or was active.
    Accepted,
    /// The gate or a person turned it down.
    Rejected,
    /// A person is asked.
    Undecided,
}

/// A version of the model, learned in this workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// Which.
    pub key: VersionKey,
    /// The round that made it: the number by which people know it.
    pub round: RoundKey,
    /// What it is called: "Fetal head round-3", until somebody calls it something else.
    pub name: String,
    /// The version that it was learned from; `None` for a shipped or opened model, or nothing.
    pub parent: Option<VersionKey>,
    /// Name of what it was learned from, for people: "Fetal head 1.0.0", "nothing".
    pub parent_name: String,
    /// When, in milliseconds since 1970 (UTC).
    pub made_at: i64,
    /// What became of it.
    pub state: VersionState,
    /// Why.
    pub reason: String,
    /// It proposes masks now.
    pub is_active: bool,
    /// SHA-256 of its weights, hex.
    pub hash: String,
    /// The model file.
    pub file: PathBuf,
    /// Accepted cases that it learned from, those that its parents learned from included.
    pub cases: u32,
    /// Seconds that the round took.
    pub seconds: f64,
    /// Steps of the training.
    pub steps: u32,
    /// How it was trained, as JSON.
    pub settings: String,
    /// How it did on the hold-out against the model that was active then.
    pub report: GateReport,
}

/// A version that is to be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct NewVersion {
    /// The round that made it.
    pub round: RoundKey,
    /// What it is called.
    pub name: String,
    /// The version that it was learned from.
    pub parent: Option<VersionKey>,
    /// Name of what it was learned from.
    pub parent_name: String,
    /// What is to become of it; an accepted one is active from now on.
    pub state: VersionState,
    /// SHA-256 of its weights, hex.
    pub hash: String,
    /// Accepted cases that it learned from.
    pub cases: u32,
    /// Seconds that the round took.
    pub seconds: f64,
    /// Steps of the training.
    pub steps: u32,
    /// How it was trained, as JSON.
    pub settings: String,
    /// How it did on the hold-out.
    pub report: GateReport,
    /// Bytes of the model file.
    pub bytes: Arc<[u8]>,
}

/// What became of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoundState {
    /// It goes on, or the program ended while it did.
    Running,
    /// It made a version.
    Done,
    /// It was stopped.
    Cancelled,
    /// It could not be done.
    Failed,
}

/// A round as the workspace keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundRecord {
    /// Which.
    pub key: RoundKey,
    /// When it began, in milliseconds since 1970 (UTC).
    pub started_at: i64,
    /// What became of it.
    pub state: RoundState,
    /// The version that it started from.
    pub parent: Option<VersionKey>,
    /// How it is done, as JSON.
    pub settings: String,
    /// Where states to go on from are written.
    pub checkpoint: PathBuf,
}

/// A mask of an accepted case, as it was when the round began.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotSlice {
    /// The case.
    pub case: CaseKey,
    /// Its name.
    pub name: String,
    /// Modality; empty for pictures.
    pub modality: String,
    /// Where the pixels are.
    pub source: Source,
    /// How to read them.
    pub kind: Kind,
    /// Whose it is, as [`super::holdout::subject_hash`] says; empty where not known.
    pub subject: String,
    /// On which side of the line it is.
    pub side: Side,
    /// The mask.
    pub mask: PackedMask,
    /// What a model had proposed, or what was imported, before a person changed it.
    pub before: Option<PackedMask>,
    /// The mask is what a model had proposed.
    pub is_untouched: bool,
    /// No round before has learned from this mask.
    pub is_new: bool,
}

/// What the work on an accepted case cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseCost {
    /// Its name.
    pub name: String,
    /// When it was accepted, in milliseconds since 1970 (UTC).
    pub accepted_at: i64,
    /// Seconds of work on it.
    pub seconds: f64,
    /// Pixels changed against the proposal (against nothing, where there was none).
    pub pixels_changed: u64,
    /// Pixels of its masks.
    pub pixels: u64,
    /// Name and version of the model that proposed; empty where none did.
    pub model: String,
    /// On which side of the line it is.
    pub held_out: bool,
}

impl CaseCost {
    /// Pixels changed, as a share of the pixels of the masks; `None` for empty masks.
    pub fn share_changed(&self) -> Option<f64> {
        (self.pixels > 0).then(|| self.pixels_changed as f64 / self.pixels as f64)
    }
}

/// Whether learning saves work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkReport {
    /// Accepted cases in the order in which they were accepted.
    pub cases: Vec<CaseCost>,
    /// All versions, oldest first.
    pub versions: Vec<Version>,
}

impl WorkReport {
    /// For each model that proposed, in order of first sight: its name, how many accepted cases began with it, mean
    /// seconds of a case, and mean share of pixels changed.
    pub fn by_model(&self) -> Vec<(String, usize, f64, f64)> {
        let mut groups: Vec<(String, Vec<&CaseCost>)> = Vec::new();
        for case in &self.cases {
            match groups.iter_mut().find(|(model, _)| *model == case.model) {
                Some((_, cases)) => cases.push(case),
                None => groups.push((case.model.clone(), vec![case])),
            }
        }
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
        groups
            .into_iter()
            .map(|(model, cases)| {
                let seconds = mean(cases.iter().map(|c| c.seconds).collect());
                let share = mean(cases.iter().filter_map(|c| c.share_changed()).collect());
                (model, cases.len(), seconds, share)
            })
            .collect()
    }

    /// Whether it is worth another round, in a sentence.
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
                "No model has proposed anything yet: accept a few cases, then train (Ctrl+T)."
                    .into()
            }
            (_, [.., before, last]) if last - before < 0.002 => format!(
                "The last round won {:+.3} Dice on the hold-out: more rounds on the same cases will hardly help; other, \
                 doubtful cases may.",
                last - before
            ),
            (_, [.., before, last]) => {
                format!(
                    "The last round won {:+.3} Dice on the hold-out: another one is worth it.",
                    last - before
                )
            }
            ([first, .., last], _) if last.3 < first.3 => format!(
                "Corrections fell from {:.0} % of the mask to {:.0} %: the model saves work.",
                100.0 * first.3,
                100.0 * last.3
            ),
            _ => "Too little was learned yet to say whether another round is worth it.".into(),
        }
    }

    /// The cases as CSV with a line of headings.
    pub fn to_csv(&self) -> String {
        let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let mut csv =
            String::from("case,accepted_at_ms,seconds,pixels,pixels_changed,model,held_out\n");
        for c in &self.cases {
            let (name, model) = (quote(&c.name), quote(&c.model));
            csv += &format!(
                "{name},{},{:.1},{},{},{model},{}\n",
                c.accepted_at, c.seconds, c.pixels, c.pixels_changed, c.held_out
            );
        }
        csv
    }
}

//! Records of a workspace that the editor and the store share: steps of the journal, cases, proposals, the meter.

use super::{
    edit::Edit,
    holdout::Side,
    label::Label,
    mask::PackedMask,
    study::{Series, Source, Status},
};
use crate::Error;
use serde::{Deserialize, Serialize};

/// A case of a workspace; the same one for as long as the workspace lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CaseKey(pub i64);

/// A task of a workspace: cases that share labels. 0 is the one that all belong to until another is begun.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct TaskKey(pub i64);

/// A task with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Which.
    pub key: TaskKey,
    /// What it is called.
    pub name: String,
}

/// How much a label is used in a workspace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LabelUse {
    /// Its value.
    pub value: u8,
    /// Cases with pixels of it.
    pub cases: u32,
    /// Slices with pixels of it.
    pub slices: u32,
    /// Of these cases, those that are accepted.
    pub accepted: u32,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// A person, by the name that the settings give.
    Person(String),
    /// A model, whose proposal was taken over.
    Model {
        /// Its name.
        name: String,
        /// Its version.
        version: String,
    },
}

/// Whether a step counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StepState {
    /// It is in the mask.
    #[default]
    Done,
    /// Taken back, to be had again.
    Undone,
    /// Taken back for good: something else was done after. Kept for the record.
    Dropped,
}

/// Where a case stood before a step and after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusChange {
    /// Before.
    pub before: Status,
    /// After.
    pub after: Status,
}

/// What a label was before a step and after it: name, colour, concept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelChange {
    /// Its value in masks.
    pub value: u8,
    /// Before.
    pub before: Label,
    /// After.
    pub after: Label,
}

/// What a step changes beside pixels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Also {
    /// Where its case stands.
    pub status: Option<StatusChange>,
    /// A label of the workspace.
    pub label: Option<Box<LabelChange>>,
    /// Slices of which a person said that they hold nothing of a label: place in the series, and value.
    pub absent: Vec<(u32, u8)>,
}

impl Also {
    /// True where it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.status.is_none() && self.label.is_none() && self.absent.is_empty()
    }
}

/// One finished gesture, or one decision, on one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalStep {
    /// Place in the journal of the workspace: later steps have higher ones.
    pub seq: i64,
    /// The case that it changed.
    pub case: CaseKey,
    /// When, in milliseconds since 1970 (UTC).
    pub at: i64,
    /// By whom.
    pub author: Author,
    /// With what: "brush".
    pub tool: String,
    /// The slices that it changed, by place in the series, each at most once.
    pub edits: Vec<(u32, Edit)>,
    /// What it changed beside them.
    pub also: Also,
    /// Whether it counts.
    pub state: StepState,
}

/// Which model made a proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelStamp {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Hash of its weights; empty where unknown.
    pub weights: String,
}

/// What a model found on a slice, without the probabilities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Which model.
    pub model: ModelStamp,
    /// When, in milliseconds since 1970 (UTC).
    pub at: i64,
    /// The likeliest labels.
    pub mask: PackedMask,
}

/// A slice as a workspace knows it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceDescription {
    /// Where its pixels are.
    pub source: Source,
    /// SOP Instance UID; `None` for a picture.
    pub sop_instance_uid: Option<String>,
}

/// A case as a workspace lists it and knows it again. Nothing of the patient is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseDescription {
    /// What tells it from all others: the series' id for DICOM, a hash of the file for a picture.
    pub identity: String,
    /// Study Instance UID, or the folder of pictures.
    pub study: String,
    /// Series Description, or the file name of a picture.
    pub description: String,
    /// Modality; empty for pictures.
    pub modality: String,
    /// Study Date as YYYY-MM-DD; empty where unknown.
    pub date: String,
    /// Width of every slice.
    pub columns: u32,
    /// Height of every slice.
    pub rows: u32,
    /// Whom it is of, as [`super::holdout::subject_hash`] says; empty where not known.
    pub subject: String,
    /// What a picture looks like, as [`super::holdout::difference_hash`] says.
    pub fingerprint: Option<u64>,
    /// In the order of the series.
    pub slices: Vec<SliceDescription>,
}

impl CaseDescription {
    /// Describes a series; `identity` is its id for DICOM and the content hash for a picture. Whom it is of and what it
    /// looks like are left open.
    pub fn from_series(
        identity: impl Into<String>,
        study: &str,
        date: &str,
        series: &Series,
    ) -> Self {
        let slice = |s: &super::study::Slice| SliceDescription {
            source: s.source.clone(),
            sop_instance_uid: s.sop_instance_uid.clone(),
        };
        Self {
            identity: identity.into(),
            study: study.to_owned(),
            description: series.description.clone(),
            modality: series.modality.clone(),
            date: date.to_owned(),
            columns: series.columns as u32,
            rows: series.rows as u32,
            subject: String::new(),
            fingerprint: None,
            slices: series.slices.iter().map(slice).collect(),
        }
    }
}

/// A case in the list of a workspace.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseEntry {
    /// Which.
    pub key: CaseKey,
    /// What it is, with the paths at which it was last found.
    pub description: CaseDescription,
    /// Where it stands.
    pub status: Status,
    /// The slice that was last shown; `None` before one was.
    pub shown: Option<u32>,
    /// Seconds of work on it.
    pub seconds: f64,
    /// When it first came in, in milliseconds since 1970 (UTC).
    pub opened_at: i64,
    /// When it was last accepted, where it is.
    pub accepted_at: Option<i64>,
    /// On which side of the line between what is learned from and what judges; `None` where not decided yet.
    pub side: Option<Side>,
    /// The task that it belongs to.
    pub task: TaskKey,
    /// It is in the list: nobody took it out.
    pub is_listed: bool,
}

/// What a workspace keeps of a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredSlice {
    /// The mask as it is now; `None` where there never was one.
    pub mask: Option<PackedMask>,
    /// What a model found last.
    pub proposal: Option<Proposal>,
    /// True where `proposal` came after the work on the slice began: the mask was not made from it.
    pub is_proposal_apart: bool,
    /// True where steps were made on it, undone ones among them, or a mask was imported: a proposal never becomes its
    /// mask by itself.
    pub is_touched: bool,
    /// Values of labels of which a person said that the slice holds nothing, once for each step that says so.
    pub absent: Vec<u8>,
}

/// A case with its masks.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredCase {
    /// All but the masks.
    pub entry: CaseEntry,
    /// One for each slice of the description.
    pub slices: Vec<StoredSlice>,
    /// What could not be restored, and why.
    pub problems: Vec<Error>,
}

/// How far the work in a workspace is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Meter {
    /// Cases accepted.
    pub accepted: u32,
    /// Cases skipped.
    pub skipped: u32,
    /// All cases.
    pub total: u32,
    /// Seconds of work on the accepted ones.
    pub seconds_of_accepted: f64,
    /// Pixels in which accepted masks differ from what the model proposed (from what was there before the first step
    /// where it proposed nothing).
    pub pixels_changed: u64,
    /// Cases that are out of the list; the other figures leave them out.
    pub out_of_list: u32,
}

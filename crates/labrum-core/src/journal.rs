//! Workspace records shared by the editor and the store: journal steps, cases, proposals and progress figures.

use super::{
    cine::TimePoint,
    edit::Edit,
    holdout::Side,
    label::{Label, TaskKey},
    mask::PackedMask,
    measurement::{DrawnMeasurement, MarkedPhases, MeasurementChange, PhaseChange},
    prompts::Prompt,
    study::{Kind, Series, Slice, Source, Status},
};
use crate::Error;

/// Key of a case in a workspace; never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CaseKey(pub i64);

/// Usage of a label in a workspace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LabelUse {
    /// Label value in masks.
    pub value: u8,
    /// Number of cases with pixels of it.
    pub cases: u32,
    /// Number of slices with pixels of it.
    pub slices: u32,
    /// Number of accepted ones among these cases.
    pub accepted: u32,
}

/// Author of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// A person, by the name in the settings.
    Person(String),
    /// A model whose proposal was adopted.
    Model {
        /// Name of the model.
        name: String,
        /// Version of the model.
        version: String,
    },
}

/// Undo state of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StepState {
    /// Applied.
    #[default]
    Done,
    /// Undone; can be redone.
    Undone,
    /// Undone and followed by another step, so it cannot be redone. Kept for the record.
    Dropped,
}

/// Status of a case before and after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusChange {
    /// Before.
    pub before: Status,
    /// After.
    pub after: Status,
}

/// A label (name, colour, concept) before and after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelChange {
    /// Label value in masks.
    pub value: u8,
    /// Before.
    pub before: Label,
    /// After.
    pub after: Label,
}

/// The prompts that a step of the Click tool answered.
#[derive(Clone, Debug, PartialEq)]
pub struct StepPrompts {
    /// Index of the slice.
    pub slice: u32,
    /// Value of the label in masks.
    pub label: u8,
    /// True if the first of them is the first prompt of an object; otherwise they belong to the object of the step before.
    pub begins_object: bool,
    /// The prompts, oldest first: usually one, more if earlier ones changed no pixel.
    pub prompts: Vec<Prompt>,
    /// Name and version of the model that answered.
    pub model: String,
}

/// Changes of a step other than pixels, and the prompts behind it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Also {
    /// Change of the status of the case.
    pub status: Option<StatusChange>,
    /// Change of a label of the workspace.
    pub label: Option<Box<LabelChange>>,
    /// (slice index, label value) pairs that a person confirmed to be empty.
    pub absent: Vec<(u32, u8)>,
    /// Measurements that were drawn, changed or deleted.
    pub measurements: Vec<MeasurementChange>,
    /// Mark of a phase of the heart, at the time that the case is.
    pub phase: Option<PhaseChange>,
    /// The prompts that the step answered.
    pub prompts: Option<Box<StepPrompts>>,
}

impl Also {
    /// True if nothing changes. Prompts by themselves change nothing.
    pub fn is_empty(&self) -> bool {
        self.status.is_none()
            && self.label.is_none()
            && self.absent.is_empty()
            && self.measurements.is_empty()
            && self.phase.is_none()
    }
}

/// A step: one finished gesture or decision on one case.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalStep {
    /// Sequence number in the journal of the workspace; increasing.
    pub seq: i64,
    /// The case changed.
    pub case: CaseKey,
    /// Time, in milliseconds since 1970 (UTC).
    pub at: i64,
    /// Author.
    pub author: Author,
    /// Tool: "brush".
    pub tool: String,
    /// (slice index, edit) for each slice changed, each slice at most once.
    pub edits: Vec<(u32, Edit)>,
    /// Other changes.
    pub also: Also,
    /// Undo state.
    pub state: StepState,
}

/// The model that made a proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelStamp {
    /// Name of the model.
    pub name: String,
    /// Version of the model.
    pub version: String,
    /// Hash of its weights; empty if unknown.
    pub weights: String,
}

/// A model's mask of a slice, without the probabilities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The model.
    pub model: ModelStamp,
    /// Time, in milliseconds since 1970 (UTC).
    pub at: i64,
    /// The most likely label of each pixel.
    pub mask: PackedMask,
}

/// Identifies a slice in a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceDescription {
    /// Location of its pixels.
    pub source: Source,
    /// SOP Instance UID; `None` for an image file.
    pub sop_instance_uid: Option<String>,
}

impl SliceDescription {
    fn from_slice(slice: &Slice) -> Self {
        Self {
            source: slice.source.clone(),
            sop_instance_uid: slice.sop_instance_uid.clone(),
        }
    }
}

/// Identifies and describes a case in a workspace. Contains no patient data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseDescription {
    /// Unique identity: the ID of the series for DICOM, a hash of the file for an image file.
    pub identity: String,
    /// Study Instance UID, or the folder of an image file.
    pub study: String,
    /// Series Description, or the name of an image file.
    pub description: String,
    /// Modality; empty for image files.
    pub modality: String,
    /// Study Date as YYYY-MM-DD; empty if unknown.
    pub date: String,
    /// Width of every slice.
    pub columns: u32,
    /// Height of every slice.
    pub rows: u32,
    /// [`super::holdout::subject_hash`] of the subject; empty if unknown.
    pub subject: String,
    /// [`super::holdout::difference_hash`] of an image file.
    pub fingerprint: Option<u64>,
    /// Which time of a series it is; `None` if it is no such time, or if that is not known yet. Its group holds wherever
    /// the files lie.
    pub time_point: Option<TimePoint>,
    /// The slices, in the order of the series.
    pub slices: Vec<SliceDescription>,
}

impl CaseDescription {
    /// Describes a series; `identity` is its ID for DICOM and the content hash for an image file. Leaves `subject` and
    /// `fingerprint` empty.
    pub fn from_series(
        identity: impl Into<String>,
        study: &str,
        date: &str,
        series: &Series,
    ) -> Self {
        let identity: String = identity.into();
        Self {
            time_point: time_of_identity(&identity, series),
            identity,
            study: study.to_owned(),
            description: series.description.clone(),
            modality: series.modality.clone(),
            date: date.to_owned(),
            columns: series.columns as u32,
            rows: series.rows as u32,
            subject: String::new(),
            fingerprint: None,
            slices: series
                .slices
                .iter()
                .map(SliceDescription::from_slice)
                .collect(),
        }
    }

    /// True if both are times of the same series, which may be the same time.
    pub fn is_time_beside(&self, other: &Self) -> bool {
        let groups = [self, other].map(|case| case.time_point.as_ref().map(|time| &time.group));
        matches!(groups, [Some(own), Some(other)] if own == other)
    }
}

/// The time of a series. That of an image file is linked to the others by the hash of the file, not by its path.
fn time_of_identity(identity: &str, series: &Series) -> Option<TimePoint> {
    let time = series.time_point.clone()?;
    let group = match series.kind {
        Kind::Dicom => time.group,
        Kind::Picture => identity.split('#').next().unwrap_or(identity).to_owned(),
    };
    Some(TimePoint { group, ..time })
}

/// An entry in the case list of a workspace.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseEntry {
    /// Key of the case.
    pub key: CaseKey,
    /// Description, with the paths where it was last found.
    pub description: CaseDescription,
    /// Status.
    pub status: Status,
    /// Index of the slice shown last; `None` if none was shown yet.
    pub shown: Option<u32>,
    /// Working time in seconds.
    pub seconds: f64,
    /// When it was added, in milliseconds since 1970 (UTC).
    pub opened_at: i64,
    /// When it was last accepted; `None` if it is not accepted.
    pub accepted_at: Option<i64>,
    /// Training or hold-out; `None` if not decided yet.
    pub side: Option<Side>,
    /// The task that it belongs to.
    pub task: TaskKey,
    /// False if it was removed from the list.
    pub is_listed: bool,
}

/// Data of a slice in a workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredSlice {
    /// Current mask; `None` if there never was one.
    pub mask: Option<PackedMask>,
    /// Latest proposal.
    pub proposal: Option<Proposal>,
    /// True if `proposal` arrived after work on the slice had begun, so the mask is not based on it.
    pub is_proposal_apart: bool,
    /// True if there are steps on it (undone ones included) or a mask was imported; a proposal then never becomes its
    /// mask automatically.
    pub is_touched: bool,
    /// Label values that a person confirmed to be absent from the slice, one entry for each such step.
    pub absent: Vec<u8>,
}

/// A case with its masks.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredCase {
    /// Everything except the masks.
    pub entry: CaseEntry,
    /// One entry for each slice of the description.
    pub slices: Vec<StoredSlice>,
    /// The measurements that were drawn, without those on slices that are no longer in the series.
    pub measurements: Vec<DrawnMeasurement>,
    /// The marks of phases that its steps made and that are not undone, oldest first, each with the number of its step.
    pub phases: Vec<(i64, PhaseChange)>,
    /// The marked times of its series, of all its times in the list; none if it is no time of a series.
    pub marked: MarkedPhases,
    /// What could not be restored, and why.
    pub problems: Vec<Error>,
}

/// Progress figures of a workspace.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Meter {
    /// Number of accepted cases.
    pub accepted: u32,
    /// Number of skipped cases.
    pub skipped: u32,
    /// Number of all cases.
    pub total: u32,
    /// Working time on the accepted cases, in seconds.
    pub seconds_of_accepted: f64,
    /// Number of pixels in which accepted masks differ from the proposal, or from the state before the first step if
    /// there was no proposal.
    pub pixels_changed: u64,
    /// Number of cases removed from the list; not counted in the other figures.
    pub out_of_list: u32,
}

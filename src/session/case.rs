//! A case: one series with its view, masks and proposals.

use super::{
    appearance::Appearance,
    finding::Finding,
    job::{CaseId, ModelSource, SliceKey, Thumbnail},
    mask_values::MaskValues,
    measurements::CaseMeasurements,
    phase_marks::PhaseMarks,
    view::View,
};
use crate::Error;
use labrum_core::{
    holdout::Side,
    image::Window,
    journal::CaseKey,
    label::TaskKey,
    looks::Look,
    mask::PackedMask,
    patient::Patient,
    presentation::PresentationState,
    study::{Series, Slice, Status},
};
use std::{mem, sync::Arc};

/// The study that a case belongs to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StudyInfo {
    /// Study Instance UID, or the folder of image files.
    pub id: String,
    /// Study Description, or the folder's name.
    pub description: String,
    /// YYYY-MM-DD, or empty.
    pub date: String,
    /// HH:MM:SS or HH:MM, or empty.
    pub time: String,
    /// Who was examined. Never written to a log.
    pub patient: Patient,
}

impl StudyInfo {
    /// The heading above the cases of a study: patient, date and description.
    pub fn display_title(&self) -> String {
        let name = self.patient.display_name();
        join_known([&name, &self.patient.id, &self.date, &self.description])
    }

    /// The same without the patient.
    pub fn title_without_patient(&self) -> String {
        join_known([&self.date, &self.description])
    }
}

fn join_known<const N: usize>(parts: [&String; N]) -> String {
    let mut known: Vec<&str> = parts
        .into_iter()
        .map(|p| p.trim())
        .filter(|p| !p.is_empty())
        .collect();
    // De-identified studies often repeat the ID as the name.
    known.dedup();
    if known.is_empty() {
        "Study".into()
    } else {
        known.join(" · ")
    }
}

/// Who made the mask of a slice.
#[derive(Clone, Debug, Default)]
pub enum MaskWork {
    /// There is neither a drawn mask nor a proposal.
    #[default]
    None,
    /// The mask is the unchanged proposal.
    Proposed(Arc<Finding>),
    /// The user worked on the mask: a new proposal does not replace it automatically.
    Drawn {
        /// The newest proposal.
        proposal: Option<Arc<Finding>>,
        /// The proposal came after the user began to work on the mask.
        is_proposal_newer: bool,
    },
}

/// One slice of a case.
#[derive(Clone, Debug, Default)]
pub struct SliceState {
    /// Incremented whenever the mask changes: results computed from an older mask are dropped.
    pub revision: u64,
    /// Incremented whenever a model run on it starts or stops: results of an older run are dropped.
    pub proposal_revision: u64,
    /// Outlines and measurements of its mask; slightly out of date while the user is drawing.
    pub finding: Option<Arc<Finding>>,
    /// The mask revision that `finding` was computed from.
    pub(super) found_revision: u64,
    /// Values of the pixels under its mask, and the mask revision that they were computed from.
    pub(super) values: Option<(u64, Arc<MaskValues>)>,
    /// Who made the mask.
    pub(super) work: MaskWork,
    /// The mask; for the slice on the screen the session's live mask is the current one.
    pub(super) mask: Option<PackedMask>,
    /// Labels that the user marked as absent on the slice, one entry for each step that did so.
    pub(super) absent: Vec<u8>,
    /// Why its pixels could not be read.
    pub failure: Option<Error>,
}

impl SliceState {
    /// Outlines and measurements, if they are up to date with the mask.
    pub fn current_finding(&self) -> Option<&Arc<Finding>> {
        self.finding
            .as_ref()
            .filter(|_| self.found_revision == self.revision)
    }

    /// True if the values of the pixels under its mask are up to date.
    pub(super) fn has_values(&self) -> bool {
        let known = self.values.as_ref();
        known.is_some_and(|(revision, _)| *revision == self.revision)
    }

    /// The newest proposal.
    pub fn proposal(&self) -> Option<&Arc<Finding>> {
        match &self.work {
            MaskWork::None => None,
            MaskWork::Proposed(proposal) => Some(proposal),
            MaskWork::Drawn { proposal, .. } => proposal.as_ref(),
        }
    }

    /// True if the user worked on the mask.
    pub fn is_drawn(&self) -> bool {
        matches!(self.work, MaskWork::Drawn { .. })
    }

    /// True if the newest proposal came after the user began to work on the mask.
    pub fn is_proposal_newer(&self) -> bool {
        matches!(
            self.work,
            MaskWork::Drawn {
                is_proposal_newer: true,
                ..
            }
        )
    }

    /// Replaces the proposal.
    pub fn set_proposal(&mut self, finding: Arc<Finding>) {
        match &mut self.work {
            MaskWork::Drawn { proposal, .. } => *proposal = Some(finding),
            MaskWork::None | MaskWork::Proposed(_) => self.work = MaskWork::Proposed(finding),
        }
    }

    /// True if the measured mask has pixels of a label.
    pub(super) fn shows_label(&self, label: u8) -> bool {
        self.finding
            .as_ref()
            .is_some_and(|f| f.measurements.iter().any(|m| m.label == label))
    }

    /// Number of uncertain regions.
    pub(super) fn doubt_count(&self) -> usize {
        self.finding.as_ref().map_or(0, |f| f.doubts.len())
    }

    /// Marks the mask as the user's work from now on.
    /// Whose work the mask is, as the workspace knows it.
    pub(super) fn restore_work(&mut self, is_drawn: bool, is_proposal_newer: bool) {
        let proposal = self.proposal().cloned();
        self.work = match (is_drawn, proposal) {
            (true, proposal) => MaskWork::Drawn {
                proposal,
                is_proposal_newer,
            },
            (false, Some(proposal)) => MaskWork::Proposed(proposal),
            (false, None) => MaskWork::None,
        };
    }

    pub(super) fn mark_drawn(&mut self) {
        if !self.is_drawn() {
            self.work = MaskWork::Drawn {
                proposal: self.proposal().cloned(),
                is_proposal_newer: false,
            };
        }
    }
}

/// The thumbnail of a case.
#[derive(Clone, Debug, Default)]
pub enum ThumbnailState {
    /// Not made yet.
    #[default]
    Wanted,
    /// The thumbnail.
    Ready(Arc<Thumbnail>),
    /// It could not be made.
    Failed,
}

/// One series, or one image file, as it is worked on.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its id in this session.
    pub id: CaseId,
    /// Its study.
    pub study: Arc<StudyInfo>,
    /// The series.
    pub series: Arc<Series>,
    /// New, proposed, edited, accepted or skipped.
    pub status: Status,
    /// The slice that is shown.
    pub slice: usize,
    /// Zoom and pan.
    pub view: View,
    /// Flips, rotations and colours on the screen.
    pub appearance: Appearance,
    /// The window that the user chose, for all slices; `None` for each slice's own.
    pub window: Option<Window>,
    /// The presentation states that refer to its slices, newest first.
    pub presentations: Vec<Arc<PresentationState>>,
    /// Index of the presentation state that is applied to its view.
    pub presentation: Option<usize>,
    /// One entry for each slice of the series.
    pub slices: Vec<SliceState>,
    /// The measurements that were drawn on it.
    pub measurements: CaseMeasurements,
    /// The marks of end diastole and end systole that were made on it.
    pub phase_marks: PhaseMarks,
    /// The thumbnail in the case list.
    pub thumbnail: ThumbnailState,
    /// Appearance of the slice of the thumbnail; `None` until it is read.
    pub look: Option<Look>,
    /// The model that the user chose for it.
    pub chosen_model: Option<ModelSource>,
    /// A model was run on it automatically, or that run was stopped: it is not started again.
    pub auto_run_done: bool,
    /// The workspace has answered what it has of the case; nothing is drawn or run before that.
    pub is_restored: bool,
    /// Time worked on it, in seconds.
    pub seconds: f64,
    /// Its key in the workspace; `None` until the workspace has answered.
    pub stored_as: Option<CaseKey>,
    /// Training or hold-out set; `None` until the workspace has answered.
    pub side: Option<Side>,
    /// Its task: labels of other tasks are not listed in it.
    pub task: TaskKey,
    /// Why it comes at this place, if the order gives a reason.
    pub reason: Option<String>,
    /// No proposal is shown on it before it is accepted, so that a mask drawn without one can be compared.
    pub is_blind: bool,
}

impl Case {
    /// A new case, opened at the middle slice of the series.
    pub fn new(id: CaseId, study: Arc<StudyInfo>, mut series: Series) -> Self {
        let count = series.slices.len();
        // What is exported of the series does not depend on them.
        let presentations = mem::take(&mut series.presentations);
        Self {
            id,
            study,
            status: Status::New,
            slice: count / 2,
            view: View::Fit,
            appearance: Appearance::default(),
            window: None,
            presentations: presentations.into_iter().map(Arc::new).collect(),
            presentation: None,
            slices: vec![SliceState::default(); count],
            measurements: CaseMeasurements::default(),
            phase_marks: PhaseMarks::default(),
            thumbnail: ThumbnailState::Wanted,
            look: None,
            chosen_model: None,
            auto_run_done: false,
            is_restored: false,
            seconds: 0.0,
            stored_as: None,
            side: None,
            task: TaskKey::default(),
            reason: None,
            is_blind: false,
            series: Arc::new(series),
        }
    }

    /// Key of the slice that is shown.
    pub fn slice_key(&self) -> SliceKey {
        SliceKey {
            case: self.id,
            slice: self.slice,
        }
    }

    /// Everything about a slice except its pixels.
    pub fn slice_info(&self, slice: usize) -> Option<&Slice> {
        self.series.slices.get(slice)
    }

    /// Outlines and measurements of the slice that is shown.
    pub fn shown_finding(&self) -> Option<&Arc<Finding>> {
        self.slices.get(self.slice)?.finding.as_ref()
    }

    /// Number of slices with a measured mask.
    pub fn measured_slice_count(&self) -> usize {
        self.slices.iter().filter(|s| s.finding.is_some()).count()
    }

    /// True if any slice has a mask, drawn or proposed.
    pub fn has_mask(&self) -> bool {
        self.slices
            .iter()
            .any(|s| s.finding.is_some() || s.mask.is_some() || s.is_drawn())
    }

    /// True if the user drew a mask or a measurement on it, or marked it as a phase.
    pub(super) fn has_work(&self) -> bool {
        self.slices.iter().any(SliceState::is_drawn)
            || !self.measurements.is_empty()
            || !self.phase_marks.is_empty()
    }

    /// True if the measured mask of any slice has pixels of a label.
    pub(super) fn shows_label(&self, label: u8) -> bool {
        self.slices.iter().any(|s| s.shows_label(label))
    }

    /// True if it is neither accepted nor skipped.
    pub(super) fn is_undecided(&self) -> bool {
        !matches!(self.status, Status::Accepted | Status::Skipped)
    }

    /// Mean uncertainty of the model along all outlines, 0..=1; `None` without a proposal.
    pub fn mean_uncertainty(&self) -> Option<f32> {
        let outlines = self
            .slices
            .iter()
            .filter_map(SliceState::proposal)
            .flat_map(|f| &f.outlines);
        let (sum, count) = outlines.fold((0.0, 0), |(sum, count), o| {
            (
                sum + o.confidence.iter().sum::<f32>(),
                count + o.confidence.len(),
            )
        });
        (count > 0).then(|| 1.0 - sum / count as f32)
    }

    /// Series Description, else the series number.
    pub fn display_title(&self) -> String {
        let series = &self.series;
        match (series.description.trim(), series.number) {
            ("", Some(number)) => format!("Series {number}"),
            ("", None) => "Series".to_owned(),
            (description, _) => description.to_owned(),
        }
    }

    /// "MR · 12 slices · 256 x 256".
    pub fn short_summary(&self) -> String {
        let series = &self.series;
        let kind = if series.modality.is_empty() {
            "Image"
        } else {
            &series.modality
        };
        let size = format!("{} × {}", series.columns, series.rows);
        match series.slices.len() {
            1 => format!("{kind} · {size}"),
            n => format!("{kind} · {n} slices · {size}"),
        }
    }
}

/// The display name of a status.
pub fn status_label(status: Status) -> &'static str {
    match status {
        Status::New => "New",
        Status::Proposed => "Proposed",
        Status::Corrected => "Edited",
        Status::Accepted => "Accepted",
        Status::Skipped => "Skipped",
    }
}

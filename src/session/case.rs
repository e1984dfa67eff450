//! A case: one series with what the user sees of it and what was found on it.

use super::{
    finding::Finding,
    job::{CaseId, ModelSource, SliceKey, Thumbnail},
    view::View,
};
use crate::Error;
use labrum_core::{
    holdout::Side,
    image::Window,
    journal::{CaseKey, TaskKey},
    looks::Look,
    mask::PackedMask,
    study::{Series, Slice, Status},
};
use std::sync::Arc;

/// What is known of the study that a case belongs to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StudyInfo {
    /// Study Instance UID, or the folder of pictures.
    pub id: String,
    /// Study Description, or the folder's name.
    pub description: String,
    /// YYYY-MM-DD, or empty.
    pub date: String,
    /// Empty where unknown. Never written to a log.
    pub patient_id: String,
    /// Empty where unknown. Never written to a log.
    pub patient_name: String,
}

impl StudyInfo {
    /// The line above the cases of a study.
    pub fn display_title(&self) -> String {
        let parts = [
            &self.patient_name,
            &self.patient_id,
            &self.date,
            &self.description,
        ];
        let mut known: Vec<&str> = parts
            .into_iter()
            .map(|p| p.trim())
            .filter(|p| !p.is_empty())
            .collect();
        // Anonymised studies carry the ID as the name.
        known.dedup();
        if known.is_empty() {
            "Study".into()
        } else {
            known.join(" · ")
        }
    }
}

/// One slice of a case.
#[derive(Clone, Debug, Default)]
pub struct SliceState {
    /// Counts up whenever the mask changes: what was worked out from an older one is dropped.
    pub revision: u64,
    /// Counts up whenever a model is run on it or stopped: the answer of an older run is dropped.
    pub proposal_revision: u64,
    /// What is shown of its mask; of the mask as it was a moment ago while it is drawn on.
    pub finding: Option<Arc<Finding>>,
    /// The revision of the mask that `finding` is of.
    pub(super) found_revision: u64,
    /// What a model found there last.
    pub proposal: Option<Arc<Finding>>,
    /// The mask; for the slice on the screen that of the session's live one counts.
    pub(super) mask: Option<PackedMask>,
    /// A person worked on the mask: no proposal takes its place by itself.
    pub is_touched: bool,
    /// The newest proposal came after that work began.
    pub is_proposal_apart: bool,
    /// Labels of which a person said that the slice holds nothing, once for each step that says so.
    pub(super) absent: Vec<u8>,
    /// Why its pixels cannot be shown.
    pub failure: Option<Error>,
}

impl SliceState {
    /// What is shown of the mask, where it is of the mask as it is now.
    pub fn current_finding(&self) -> Option<&Arc<Finding>> {
        self.finding
            .as_ref()
            .filter(|_| self.found_revision == self.revision)
    }
}

/// The small picture of a case.
#[derive(Clone, Debug, Default)]
pub enum ThumbnailState {
    /// Not made yet.
    #[default]
    Wanted,
    /// There it is.
    Ready(Arc<Thumbnail>),
    /// It cannot be made.
    Failed,
}

/// One series.
#[derive(Clone, Debug)]
pub struct Case {
    /// Which.
    pub id: CaseId,
    /// Its study.
    pub study: Arc<StudyInfo>,
    /// The series.
    pub series: Arc<Series>,
    /// Where it stands.
    pub status: Status,
    /// The slice that is shown.
    pub slice: usize,
    /// Zoom and pan.
    pub view: View,
    /// The window where the user chose one, for all slices.
    pub window: Option<Window>,
    /// One for each slice of the series.
    pub slices: Vec<SliceState>,
    /// For the case list.
    pub thumbnail: ThumbnailState,
    /// What the slice of the thumbnail looks like; `None` until it is read.
    pub look: Option<Look>,
    /// The model that the user chose for it.
    pub chosen_model: Option<ModelSource>,
    /// A model ran on it by itself, or was stopped in doing so: it is not started again.
    pub auto_run_done: bool,
    /// The workspace was asked for what it knows; nothing is drawn or run before.
    pub is_restored: bool,
    /// Seconds of work on it.
    pub seconds: f64,
    /// What it is called in the workspace; `None` until that said so.
    pub stored_as: Option<CaseKey>,
    /// On which side of the line it is; `None` until the workspace said so.
    pub side: Option<Side>,
    /// The task that it belongs to: the labels of others do not stand in it.
    pub task: TaskKey,
    /// Why it comes next, where the order has a reason to tell.
    pub reason: Option<String>,
    /// No proposal is shown on it before it is accepted: the person's own drawing is a measure.
    pub is_blind: bool,
}

impl Case {
    /// A case that nothing was done with yet, opened at the middle of the series.
    pub fn new(id: CaseId, study: Arc<StudyInfo>, series: Series) -> Self {
        let count = series.slices.len();
        Self {
            id,
            study,
            status: Status::New,
            slice: count / 2,
            view: View::Fit,
            window: None,
            slices: vec![SliceState::default(); count],
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

    /// The slice that is shown.
    pub fn slice_key(&self) -> SliceKey {
        SliceKey {
            case: self.id,
            slice: self.slice,
        }
    }

    /// All about a slice but the pixels.
    pub fn slice_info(&self, slice: usize) -> Option<&Slice> {
        self.series.slices.get(slice)
    }

    /// What was found on the slice that is shown.
    pub fn shown_finding(&self) -> Option<&Arc<Finding>> {
        self.slices.get(self.slice)?.finding.as_ref()
    }

    /// How many slices have a mask that is measured.
    pub fn measured_slice_count(&self) -> usize {
        self.slices.iter().filter(|s| s.finding.is_some()).count()
    }

    /// True where a slice has a mask, drawn or proposed.
    pub fn has_mask(&self) -> bool {
        self.slices
            .iter()
            .any(|s| s.finding.is_some() || s.mask.is_some() || s.is_touched)
    }

    /// How unsure the model is of the boundary, 0..=1: the mean over all its outlines; `None` without one.
    pub fn mean_uncertainty(&self) -> Option<f32> {
        let outlines = self
            .slices
            .iter()
            .filter_map(|s| s.proposal.as_ref())
            .flat_map(|f| &f.outlines);
        let (sum, count) = outlines.fold((0.0, 0), |(sum, count), o| {
            (
                sum + o.confidence.iter().sum::<f32>(),
                count + o.confidence.len(),
            )
        });
        (count > 0).then(|| 1.0 - sum / count as f32)
    }

    /// Series Description, or what else tells the series from others.
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
            "Picture"
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

/// What a status is called.
pub fn status_label(status: Status) -> &'static str {
    match status {
        Status::New => "New",
        Status::Proposed => "Proposed",
        Status::Corrected => "Corrected",
        Status::Accepted => "Accepted",
        Status::Skipped => "Skipped",
    }
}

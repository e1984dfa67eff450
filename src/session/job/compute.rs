//! Plain data of what is worked out aside: runs of models, surveys of masks, views across a series, interpolation.

use super::{CaseId, DeviceChoice, ModelEntry, SliceKey};
use crate::session::finding::Finding;
use labrum_core::{
    image::Image,
    label::Label,
    mask::Mask,
    progress::Cancel,
    region::Region,
    scale::Scale,
    stack::{Stack, ViewPlane},
    study::{Kind, Source},
};
use std::sync::Arc;

/// A slice that a model is to run on.
#[derive(Clone, Debug)]
pub struct SegmentTarget {
    /// Which slice.
    pub key: SliceKey,
    /// The mask's revision when the job was made: a result for another one is dropped.
    pub revision: u64,
    /// Where its pixels are.
    pub source: Source,
    /// How to read them.
    pub kind: Kind,
    /// The pixels, where they are in memory already.
    pub image: Option<Arc<Image>>,
}

/// Tells runs of a model apart.
pub type RunId = u64;

/// Run a model over slices.
#[derive(Clone, Debug)]
pub struct SegmentJob {
    /// Which run.
    pub run: RunId,
    /// Goes before all other runs; only the newest urgent one is kept.
    pub is_urgent: bool,
    /// Which model.
    pub model: ModelEntry,
    /// On which device.
    pub device: DeviceChoice,
    /// The workspace's labels.
    pub labels: Arc<[Label]>,
    /// For each label 1..=n of the model its value in masks of the workspace.
    pub values: Vec<u8>,
    /// Which slices, in this order.
    pub targets: Vec<SegmentTarget>,
    /// Stops it between two slices.
    pub cancel: Cancel,
}

/// Work out what is shown of a mask that was drawn on.
#[derive(Clone, Debug)]
pub struct SurveyJob {
    /// Which slice.
    pub key: SliceKey,
    /// The revision of the mask: an answer for another one is dropped.
    pub revision: u64,
    /// The mask.
    pub mask: Mask,
    /// The workspace's labels.
    pub labels: Arc<[Label]>,
    /// What the model found there.
    pub proposal: Option<Arc<Finding>>,
    /// What lengths on the slice are.
    pub scale: Scale,
}

/// Make the picture of a view across a series.
#[derive(Clone, Debug)]
pub struct ResliceJob {
    /// Of which case.
    pub case: CaseId,
    /// Which view.
    pub plane: ViewPlane,
    /// The cell of the axis that stands on it.
    pub index: usize,
    /// How the slices lie.
    pub stack: Arc<Stack>,
    /// The slices that are there.
    pub images: Vec<Option<Arc<Image>>>,
}

/// Work out shapes on slices between drawn ones.
#[derive(Clone, Debug)]
pub struct InterpolateJob {
    /// On which case.
    pub case: CaseId,
    /// For which label.
    pub label: u8,
    /// Pairs of drawn slices with others between them: slice, shape, slice, shape.
    pub shapes: Vec<(usize, Region, usize, Region)>,
    /// Width of the slices.
    pub columns: usize,
    /// Height of the slices.
    pub rows: usize,
    /// Distance between rows and between columns.
    pub spacing: [f64; 2],
    /// How long the history was: an answer after other steps is dropped.
    pub edits_seen: usize,
}

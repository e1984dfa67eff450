//! Plain data of background computations: model runs, clicks, second choices, surveys of masks, orthogonal views,
//! interpolation.

use super::{CaseId, ModelEntry, SliceKey};
use crate::{
    Result,
    session::{clicked::ClickedObject, finding::Finding},
};
use labrum_core::{
    boundary::BoundaryChoice,
    device::DeviceChoice,
    image::Image,
    label::Label,
    mask::Mask,
    progress::Cancel,
    prompts::Prompt,
    region::Region,
    scale::Scale,
    stack::{Stack, ViewPlane},
    study::{Kind, Source},
};
use std::{path::PathBuf, sync::Arc};

/// A slice to run a model on.
#[derive(Clone, Debug)]
pub struct SegmentTarget {
    /// The slice.
    pub key: SliceKey,
    /// The proposal revision when the job was made: a result for another one is dropped.
    pub revision: u64,
    /// Where its pixels are.
    pub source: Source,
    /// How to read them.
    pub kind: Kind,
    /// The pixels, if they are in memory already.
    pub image: Option<Arc<Image>>,
}

/// Identifies a run of a model.
pub type RunId = u64;

/// Run a model over slices.
#[derive(Clone, Debug)]
pub struct SegmentJob {
    /// Its id.
    pub run: RunId,
    /// Runs before all others; only the newest urgent run is kept.
    pub is_urgent: bool,
    /// The model.
    pub model: ModelEntry,
    /// The device.
    pub device: DeviceChoice,
    /// The workspace's labels.
    pub labels: Arc<[Label]>,
    /// For each label 1..=n of the model its value in the masks of the workspace.
    pub values: Vec<u8>,
    /// The slices, in this order.
    pub targets: Vec<SegmentTarget>,
    /// Cancels it between two slices.
    pub cancel: Cancel,
}

/// The network of the Click tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClickModel {
    /// The file of the active version of the workspace; `None` for the shipped model.
    pub file: Option<PathBuf>,
    /// The device that it runs on.
    pub device: DeviceChoice,
}

/// Find the object that prompts indicate.
#[derive(Clone, Debug)]
pub struct ClickJob {
    /// The case.
    pub case: CaseId,
    /// Id of the object.
    pub object: u64,
    /// Revision of the object; an answer to an older revision is discarded.
    pub revision: u64,
    /// The pixels of the slice or of the orthogonal view.
    pub image: Arc<Image>,
    /// Height of a pixel divided by its width.
    pub pixel_aspect: f64,
    /// All prompts for the object, oldest first. The last one is to be answered.
    pub prompts: Vec<Prompt>,
    /// The object before the last prompt, or the connected component of the mask to correct; `None` for a new object.
    pub earlier: Option<Arc<ClickedObject>>,
    /// The network.
    pub model: ClickModel,
}

/// The answer to a [`ClickJob`].
#[derive(Clone, Debug)]
pub struct ClickAnswer {
    /// The case.
    pub case: CaseId,
    /// Id of the object.
    pub object: u64,
    /// Revision of the object in the job.
    pub revision: u64,
    /// Number of prompts in the job.
    pub prompts: usize,
    /// Name and version of the model that answered; empty if unknown.
    pub model: String,
    /// The object.
    pub result: Result<Arc<ClickedObject>>,
}

/// Find where else the boundary of an object may run along a stretch.
#[derive(Clone, Debug)]
pub struct SecondChoiceJob {
    /// Identifies the question.
    pub id: u64,
    /// The pixels of the slice.
    pub image: Arc<Image>,
    /// The connected component of the mask that the stretch belongs to.
    pub object: Arc<ClickedObject>,
    /// Consecutive points of the boundary, in pixels from the upper left corner of the image.
    pub stretch: Vec<[f64; 2]>,
    /// The network.
    pub model: ClickModel,
}

/// The answer to a [`SecondChoiceJob`].
#[derive(Clone, Debug)]
pub struct SecondChoiceAnswer {
    /// The id in the job.
    pub id: u64,
    /// The other courses of the boundary, the surest first.
    pub result: Result<Vec<BoundaryChoice>>,
}

/// Compute outlines, uncertain regions and measurements of an edited mask.
#[derive(Clone, Debug)]
pub struct SurveyJob {
    /// The slice.
    pub key: SliceKey,
    /// Revision of the mask: a result for another one is dropped.
    pub revision: u64,
    /// The mask.
    pub mask: Mask,
    /// The workspace's labels.
    pub labels: Arc<[Label]>,
    /// The newest proposal.
    pub proposal: Option<Arc<Finding>>,
    /// Units of lengths on the slice.
    pub scale: Scale,
}

/// Compute the values of the pixels under a mask.
#[derive(Clone, Debug)]
pub struct ValuesJob {
    /// The slice.
    pub key: SliceKey,
    /// Revision of the mask: a result for another one is dropped.
    pub revision: u64,
    /// The mask.
    pub mask: Mask,
    /// The pixels of the slice.
    pub image: Arc<Image>,
}

/// Compute the image of an orthogonal view.
#[derive(Clone, Debug)]
pub struct ResliceJob {
    /// The case.
    pub case: CaseId,
    /// The view.
    pub plane: ViewPlane,
    /// Index of the plane along its normal.
    pub index: usize,
    /// Geometry of the slices.
    pub stack: Arc<Stack>,
    /// The slices; `None` for those not loaded.
    pub images: Vec<Option<Arc<Image>>>,
}

/// Interpolate shapes on slices between drawn ones.
#[derive(Clone, Debug)]
pub struct InterpolateJob {
    /// The case.
    pub case: CaseId,
    /// The label.
    pub label: u8,
    /// Pairs of drawn slices with a gap between them: slice, shape, slice, shape.
    pub shapes: Vec<(usize, Region, usize, Region)>,
    /// Width of the slices.
    pub columns: usize,
    /// Height of the slices.
    pub rows: usize,
    /// Distance between rows and between columns, for interpolation.
    pub spacing: [f64; 2],
    /// Number of steps when the job was made: the result is dropped if there were others since.
    pub edits_seen: usize,
}

//! The editor without a window: actions and events in, jobs out. It never blocks and never touches a file.

mod absence;
mod action;
pub mod appearance;
mod cache;
mod carry_out;
pub mod case;
pub mod case_list;
pub mod cine;
pub mod click_place;
pub mod clicked;
pub mod clicks;
pub mod command;
mod editing;
mod events;
mod exports;
pub mod finding;
pub mod header;
mod held;
pub mod history;
pub mod imports;
pub mod information;
pub mod job;
mod job_queue;
pub mod keys;
mod label_removal;
pub mod labels;
pub mod layout;
pub mod learning;
pub mod live;
mod looking;
pub mod mask_values;
pub mod measurements;
mod measuring;
pub mod models;
pub mod mouse;
pub mod notice;
pub mod open_masks;
mod opening;
mod operations;
pub mod ortho;
pub mod pacs;
pub mod panes;
mod parts;
pub mod phase_marks;
mod playing;
mod presentations;
pub mod questions;
mod refusal;
mod review;
mod rounds;
mod runs;
pub mod screenshot;
pub mod second_choice;
pub mod settings;
pub mod store;
pub mod tasks;
pub mod tool_options;
pub mod tools;
pub mod turn;
mod undo;
mod value_requests;
pub mod view;
mod viewing;
pub mod viewports;
pub mod volume_curves;
pub mod window;
pub mod workspace_labels;
pub mod workspace_link;

#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod tests_imports;

use cache::Cache;
use case::Case;
use case_list::OpenCases;
use cine::Cine;
use clicks::PendingClicks;
use header::Headers;
use held::HeldInput;
use history::History;
use job::{FileJob, Job, Loaded, NetworkJob, SliceKey, StoreJob};
use job_queue::JobQueue;
use labrum_core::{
    geometry::PixelSpacing,
    image::Window,
    progress::Cancel,
    scale::Scale,
    study::{PassedOver, Slice},
};
use learning::Learning;
use measurements::Measuring;
use models::RunnableModels;
use notice::{Notices, Severity};
use open_masks::OpenMasks;
use pacs::Pacs;
use panes::{PaneView, Panes};
use questions::Questions;
use second_choice::SecondChoices;
use settings::Settings;
use std::sync::Arc;
use tools::Tools;
use view::PictureExtent;
use viewports::Viewports;
use workspace_labels::WorkspaceLabels;
use workspace_link::WorkspaceLink;

pub use action::{Action, Actions, ExportRequest};
pub use runs::{Fitting, ModelRun};

/// A search for images that is running.
#[derive(Clone, Debug)]
pub struct Opening {
    id: u64,
    cancel: Cancel,
    /// Files looked at so far.
    pub files: usize,
    /// It reopens the cases of a workspace.
    is_restoring: bool,
}

/// An export that is running.
#[derive(Clone, Debug)]
pub struct Exporting {
    cancel: Cancel,
    /// The request, while it waits for the accepted cases of the workspace.
    waiting: Option<ExportRequest>,
    /// Files written.
    pub done: usize,
    /// Files in total.
    pub total: usize,
}

/// Everything that the window shows. Methods of the parts touch only that part; methods of the session use several.
#[derive(Debug)]
pub struct Session {
    /// Open cases, and which of them is shown.
    pub cases: OpenCases,
    /// The user's settings.
    pub settings: Settings,
    /// Models that can be run, and their runs.
    pub models: RunnableModels,
    /// Messages.
    pub notices: Notices,
    /// The search for images that is running.
    pub opening: Option<Opening>,
    /// The export that is running.
    pub exporting: Option<Exporting>,
    /// Files that were skipped while opening.
    pub passed_over: Vec<PassedOver>,
    /// Open questions to the user.
    pub questions: Questions,
    /// True if no workspace was known when the program started.
    pub is_first_start: bool,
    /// The learning loop.
    pub learning: Learning,
    /// Servers and transfers.
    pub pacs: Pacs,
    /// Labels, and settings for drawing with them.
    pub labels: WorkspaceLabels,
    /// The active tool and the current gesture.
    pub tools: Tools,
    /// The current object of the Click tool.
    pub clicks: PendingClicks,
    /// The second choice along an uncertain boundary.
    pub second_choices: SecondChoices,
    /// The selected measurement.
    pub measuring: Measuring,
    /// Masks that are being edited.
    pub masks: OpenMasks,
    /// The views of the image.
    pub viewports: Viewports,
    /// What the views beside each other show.
    pub panes: Panes,
    /// Playing of frames, slices and times.
    pub cine: Cine,
    /// The headers of slices, while their dialog is open.
    pub headers: Headers,
    /// State of the workspace.
    pub workspace: WorkspaceLink,
    history: History,
    held: HeldInput,
    cache: Cache,
    jobs: JobQueue,
}

impl Session {
    /// A session with nothing open.
    pub fn new(settings: Settings) -> Self {
        let mut jobs = JobQueue::default();
        jobs.extend([
            Job::Network(NetworkJob::ProbeDevice(settings.device)),
            Job::Store(StoreJob::Open {
                folder: None,
                with_cases: false,
            }),
            Job::Files(FileJob::LookAtWorkspaces(
                settings.recent_workspaces.clone(),
            )),
        ]);
        Self {
            cases: OpenCases::default(),
            models: RunnableModels::default(),
            notices: Notices::default(),
            opening: None,
            exporting: None,
            passed_over: Vec::new(),
            questions: Questions::default(),
            is_first_start: settings.recent_workspaces.is_empty(),
            learning: Learning::default(),
            pacs: Pacs::default(),
            labels: WorkspaceLabels::default(),
            tools: Tools::default(),
            clicks: PendingClicks::default(),
            second_choices: SecondChoices::default(),
            measuring: Measuring::default(),
            masks: OpenMasks::default(),
            viewports: Viewports::default(),
            panes: Panes::default(),
            cine: Cine::default(),
            headers: Headers::default(),
            workspace: WorkspaceLink::default(),
            history: History::default(),
            held: HeldInput::default(),
            cache: Cache::new(settings.picture_bytes()),
            jobs,
            settings,
        }
    }

    /// Removes and returns the jobs since the last call.
    pub fn take_jobs(&mut self) -> Vec<Job> {
        self.jobs.take_all()
    }

    /// The pixels of a slice, if they are in memory.
    pub fn loaded_slice(&self, key: SliceKey) -> Option<&Arc<Loaded>> {
        self.cache.get(key)
    }

    /// Bytes of decoded pixels in memory.
    pub fn picture_bytes(&self) -> usize {
        self.cache.byte_size()
    }

    /// The pixels of the slice that is shown, if they are in memory.
    pub fn current_loaded(&self) -> Option<&Arc<Loaded>> {
        self.loaded_slice(self.cases.current_case()?.slice_key())
    }

    /// The window (window/level) of the slice that a case shows.
    pub fn window_of(&self, case: &Case, loaded: &Loaded) -> Window {
        self.window_on(case, case.slice, loaded)
    }

    /// Pixel spacing of a slice.
    pub fn pixel_spacing(&self, case: &Case, slice: usize) -> Option<PixelSpacing> {
        let loaded = self.loaded_slice(SliceKey {
            case: case.id,
            slice,
        });
        loaded
            .and_then(|l| l.image.spacing)
            .or_else(|| case.slice_info(slice).and_then(|s| s.spacing))
    }

    /// Units of lengths on a slice.
    pub fn length_scale(&self, case: &Case, slice: usize) -> Scale {
        let loaded = self
            .loaded_slice(SliceKey {
                case: case.id,
                slice,
            })
            .map(|l| l.image.length_scale());
        loaded
            .or_else(|| case.slice_info(slice).map(Slice::length_scale))
            .unwrap_or_default()
    }

    /// Size, pixel shape and turn of a case's slices.
    pub fn picture_extent(&self, case: &Case) -> PictureExtent {
        self.extent_in_view(case, &PaneView::of_case(case))
    }

    /// The same as a view of the case shows them.
    pub fn extent_in_view(&self, case: &Case, view: &PaneView) -> PictureExtent {
        let spacing = self.pixel_spacing(case, view.slice);
        let aspect = spacing.map_or(1.0, |s| s.row / s.column) as f32;
        let aspect = if aspect.is_finite() && (0.01..=100.0).contains(&aspect) {
            aspect
        } else {
            1.0
        };
        PictureExtent {
            columns: case.series.columns.max(1) as f32,
            rows: case.series.rows.max(1) as f32,
            aspect,
            turn: view.appearance.turn,
        }
    }

    /// True while something is running that can be cancelled.
    pub fn is_busy(&self) -> bool {
        self.opening.is_some()
            || self.exporting.is_some()
            || self.pacs.receiving.is_some()
            || !self.models.runs.is_empty()
    }

    /// Shows an error.
    pub fn show_error(&mut self, error: &crate::Error) {
        self.notices
            .add(Severity::Error, to_sentence(&error.to_string()));
    }
}

/// Turns a clause into a sentence: capitalised, with a full stop.
pub(crate) fn to_sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map_or(String::new(), |c| c.to_uppercase().collect());
    let end = if text.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{first}{}{end}", letters.as_str())
}

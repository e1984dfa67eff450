//! The editor without a window: actions and events in, jobs out. It never waits and never touches a file.

mod absence;
mod action;
mod cache;
mod carry_out;
pub mod case;
pub mod case_list;
pub mod command;
mod editing;
mod events;
mod exports;
pub mod finding;
mod held;
pub mod history;
pub mod imports;
pub mod job;
pub mod keys;
mod label_removal;
pub mod labels;
pub mod learning;
pub mod live;
mod looking;
pub mod notice;
mod opening;
mod operations;
pub mod ortho;
pub mod pacs;
mod refusal;
mod review;
mod rounds;
mod runs;
pub mod settings;
pub mod store;
pub mod tasks;
pub mod tools;
mod undo;
pub mod view;
mod viewing;
pub mod window;

#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod tests_imports;

use cache::Cache;
use case::Case;
use case_list::CaseFilter;
use held::HeldInput;
use history::History;
use job::{
    CaseId, FileJob, Job, Loaded, ModelEntry, NetworkJob, Pick, RunId, SliceKey, StoreJob,
    WorkspaceSummary,
};
use labels::PaintOver;
use labrum_core::{
    geometry::PixelSpacing,
    image::Window,
    journal::{LabelUse, Meter, Task},
    label::Label,
    mask::Mask,
    progress::Cancel,
    scale::Scale,
    study::{PassedOver, Slice},
};
use learning::Learning;
use live::Live;
use notice::{Notices, Severity};
use ortho::Ortho;
use pacs::Pacs;
use settings::{Settings, ViewMode};
use std::{collections::HashMap, path::PathBuf, sync::Arc};
use store::{Activity, WorkspaceState};
use tools::{ToolKind, Tools};
use view::{Canvas, PictureExtent};

pub use action::{Action, ExportRequest};
pub use runs::{Fitting, ModelRun};

/// A look through files that goes on.
#[derive(Clone, Debug)]
pub struct Opening {
    id: u64,
    cancel: Cancel,
    /// Files that were looked at.
    pub files: usize,
    /// What a workspace had is opened.
    is_restoring: bool,
}

/// An export that goes on.
#[derive(Clone, Debug)]
pub struct Exporting {
    cancel: Cancel,
    /// What waits for the workspace to tell its accepted cases.
    waiting: Option<ExportRequest>,
    /// Files written.
    pub done: usize,
    /// Files in all.
    pub total: usize,
}

/// All that the window shows.
#[derive(Debug)]
pub struct Session {
    /// In the order of the case list.
    pub cases: Vec<Case>,
    /// Index of the case that is shown.
    pub current: Option<usize>,
    /// What the user chose once and for all.
    pub settings: Settings,
    /// Models that can be run.
    pub models: Vec<ModelEntry>,
    /// The device in use, for people; empty until it is known.
    pub device: String,
    /// Messages.
    pub notices: Notices,
    /// Looks through files.
    pub opening: Option<Opening>,
    /// Writes files.
    pub exporting: Option<Exporting>,
    /// Runs of models, the one that works first.
    pub runs: Vec<ModelRun>,
    /// Files that were opened and not taken.
    pub passed_over: Vec<PassedOver>,
    /// Masks from files that overlap: what is to be taken of them is asked.
    pub overlapping: Option<imports::Overlapping>,
    /// Masks from files that are laid only once more is said: that is asked.
    pub undecided: Option<imports::Undecided>,
    /// A native dialog could not be shown: the path is asked for in the window.
    pub asked_path: Option<Pick>,
    /// This desktop has no native dialogs for files: none is offered again.
    pub lacks_dialogs: bool,
    /// Which cases are listed.
    pub case_filter: CaseFilter,
    /// The doubtful place that was gone to last.
    pub focus: Option<(SliceKey, usize)>,
    /// The folder that a dialog chose for the export; the dialog takes it.
    pub picked_export_folder: Option<PathBuf>,
    /// The folder that a dialog chose for the workspace or its images; the dialog takes it.
    pub picked_workspace_folder: Option<PathBuf>,
    /// What is in the workspaces used last.
    pub recent_workspaces: Vec<WorkspaceSummary>,
    /// True where no workspace was known when the program started.
    pub is_first_start: bool,
    /// How far the work in the workspace is.
    pub meter: Meter,
    /// The learning loop.
    pub learning: Learning,
    /// Servers.
    pub pacs: Pacs,
    labels: Vec<Label>,
    label_use: Option<LabelUse>,
    tasks: Vec<Task>,
    active_label: u8,
    paint_over: PaintOver,
    tool: ToolKind,
    tools: Tools,
    live: Option<Live>,
    history: History,
    workspace: WorkspaceState,
    is_holder_gone: bool,
    sent_to_store: u64,
    written: u64,
    store_trouble: Option<String>,
    activity: Option<Activity>,
    /// Where the work stopped in the workspace that is being opened: a file, and a place in its series.
    resume: Option<(PathBuf, usize)>,
    /// Images of a workspace that are looked through once those are in that a person opened.
    restore_next: Vec<PathBuf>,
    ortho: Option<Ortho>,
    /// Why there is none, and of which case, size and limit that holds.
    ortho_refused: Option<((CaseId, usize, usize), String)>,
    /// Changes whenever a mask may have changed.
    mask_clock: u64,
    /// Masks of other slices that a brush is painting on now.
    open_masks: HashMap<SliceKey, Mask>,
    held: HeldInput,
    /// How masks were shown before the difference.
    before_difference: ViewMode,
    cache: Cache,
    /// Where one scrolls: 1 towards the last slice, -1 towards the first, 0 where that is not known.
    heading: i64,
    canvas: Canvas,
    pixels_per_point: f32,
    next_id: u64,
    jobs: Vec<Job>,
}

impl Session {
    /// A session with nothing open.
    pub fn new(settings: Settings) -> Self {
        let jobs = vec![
            Job::Network(NetworkJob::ProbeDevice(settings.device)),
            Job::Store(StoreJob::Open {
                folder: None,
                with_cases: false,
            }),
            Job::Files(FileJob::LookAtWorkspaces(
                settings.recent_workspaces.clone(),
            )),
        ];
        let cache = settings.picture_bytes();
        let is_first_start = settings.recent_workspaces.is_empty();
        Self {
            cases: Vec::new(),
            current: None,
            settings,
            models: Vec::new(),
            device: String::new(),
            notices: Notices::default(),
            opening: None,
            exporting: None,
            runs: Vec::new(),
            passed_over: Vec::new(),
            overlapping: None,
            undecided: None,
            asked_path: None,
            lacks_dialogs: false,
            case_filter: CaseFilter::default(),
            focus: None,
            picked_export_folder: None,
            picked_workspace_folder: None,
            recent_workspaces: Vec::new(),
            is_first_start,
            restore_next: Vec::new(),
            meter: Meter::default(),
            learning: Learning::default(),
            pacs: Pacs::default(),
            labels: Vec::new(),
            label_use: None,
            tasks: Vec::new(),
            active_label: 0,
            paint_over: PaintOver::Everything,
            tool: ToolKind::Look,
            tools: Tools::default(),
            live: None,
            history: History::default(),
            workspace: WorkspaceState::Opening,
            is_holder_gone: false,
            sent_to_store: 0,
            written: 0,
            store_trouble: None,
            activity: None,
            resume: None,
            ortho: None,
            ortho_refused: None,
            mask_clock: 0,
            open_masks: HashMap::new(),
            held: HeldInput::default(),
            before_difference: ViewMode::default(),
            cache: Cache::new(cache),
            heading: 0,
            canvas: Canvas {
                min: [0.0; 2],
                size: [800.0, 600.0],
            },
            pixels_per_point: 1.0,
            next_id: 0,
            jobs,
        }
    }

    /// The jobs that came up since this was asked last.
    pub fn take_jobs(&mut self) -> Vec<Job> {
        std::mem::take(&mut self.jobs)
    }

    /// The case that is shown.
    pub fn current_case(&self) -> Option<&Case> {
        self.cases.get(self.current?)
    }

    /// The pixels of a slice, where they are in memory.
    pub fn loaded_slice(&self, key: SliceKey) -> Option<&Arc<Loaded>> {
        self.cache.get(key)
    }

    /// Bytes of decoded pixels that are in memory.
    pub fn picture_bytes(&self) -> usize {
        self.cache.byte_size()
    }

    /// The pixels of the slice that is shown, where they are in memory.
    pub fn current_loaded(&self) -> Option<&Arc<Loaded>> {
        self.loaded_slice(self.current_case()?.slice_key())
    }

    /// The window that a slice is shown through.
    pub fn window_of(&self, case: &Case, loaded: &Loaded) -> Window {
        case.window.unwrap_or(loaded.default_window)
    }

    /// Distance between the pixels of a slice.
    pub fn pixel_spacing(&self, case: &Case, slice: usize) -> Option<PixelSpacing> {
        let loaded = self.loaded_slice(SliceKey {
            case: case.id,
            slice,
        });
        loaded
            .and_then(|l| l.image.spacing)
            .or_else(|| case.slice_info(slice).and_then(|s| s.spacing))
    }

    /// What lengths on a slice are.
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

    /// Size and pixel shape of a case's slices.
    pub fn picture_extent(&self, case: &Case) -> PictureExtent {
        let spacing = self.pixel_spacing(case, case.slice);
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
        }
    }

    /// True while something goes on that can be cancelled.
    pub fn is_busy(&self) -> bool {
        self.opening.is_some()
            || self.exporting.is_some()
            || self.pacs.receiving.is_some()
            || !self.runs.is_empty()
    }

    /// Shows an error.
    pub fn show_error(&mut self, error: &crate::Error) {
        self.notices
            .add(Severity::Error, to_sentence(&error.to_string()));
    }

    fn new_id(&mut self) -> RunId {
        self.next_id += 1;
        self.next_id
    }
}

/// A clause as a sentence.
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

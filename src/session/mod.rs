//! The editor without a window: actions and events in, jobs out. It never waits and never touches a file.

mod cache;
pub mod case;
pub mod command;
mod editing;
mod exports;
pub mod finding;
pub mod history;
mod imports;
pub mod job;
pub mod keys;
pub mod labels;
pub mod learning;
pub mod live;
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
pub mod tools;
pub mod view;
pub mod window;

#[cfg(test)]
mod tests;

use crate::domain::{
    geometry::PixelSpacing, image::Window, journal::Meter, label::Label, mask::Mask, progress::Cancel,
    stack::ViewPlane, study::PassedOver,
};
use cache::Cache;
use case::Case;
use command::UserCommand;
use history::History;
use job::{
    CaseId, Event, ExportOptions, ExportScope, Job, Loaded, ModelEntry, ModelSource, Pick, RunId, SliceKey, StoreJob,
    WorkspaceSummary,
};
use labels::{LabelAction, PaintOver};
use learning::{LearnAction, Learning};
use live::Live;
use notice::{Notices, Severity};
use ortho::{Ortho, OrthoAction};
use pacs::{Pacs, PacsAction};
use settings::{CaseOrder, Settings, Theme, ViewMode};
use std::{collections::HashMap, path::PathBuf, sync::Arc};
use store::{Activity, WorkspaceState};
use tools::{PointerInput, ToolKind, ToolOptions, Tools};
use view::{Canvas, Extent, View};

pub use runs::{Fitting, Run};

/// What the window asks for.
#[derive(Clone, Debug)]
pub enum Action {
    /// A command of the table.
    Command(UserCommand),
    /// Open files or folders.
    Open(Vec<PathBuf>),
    /// Open a bundled sample.
    OpenSample(&'static str),
    /// Show a case.
    SelectCase(CaseId),
    /// Show a slice of the case.
    SetSlice(usize),
    /// Go so many slices on.
    ScrollSlices(i64),
    /// Show through this window.
    SetWindow(Window),
    /// Zoom by a factor about a point on the screen.
    Zoom {
        /// More than 1 enlarges.
        factor: f32,
        /// The point that stays.
        pointer: [f32; 2],
    },
    /// Move the picture by points.
    Pan([f32; 2]),
    /// The canvas has this place on the screen.
    SetCanvas {
        /// In points.
        canvas: Canvas,
        /// Screen pixels for one point.
        pixels_per_point: f32,
    },
    /// Take these settings.
    SetSettings(Settings),
    /// The panels at the left and at the right have these widths, in points.
    SetPanelWidths([f32; 2]),
    /// Use a model for the case, or the one that fits.
    ChooseModel(Option<ModelSource>),
    /// The pointer did something on the slice that is shown.
    Pointer(PointerInput),
    /// The size of the tool in hand goes up or down by so many notches.
    ResizeTool(i64),
    /// Other options for the tools.
    SetTools(ToolOptions),
    /// Something with the list of labels.
    Label(LabelAction),
    /// Show what a command would do; `None` shows the tool in hand again.
    PreviewCommand(Option<UserCommand>),
    /// Go through cases in this order.
    SetOrder(CaseOrder),
    /// Read masks for the case that is shown.
    ImportMasks(Vec<PathBuf>),
    /// Open the workspace in this folder; a new one where there is none.
    OpenWorkspace(PathBuf),
    /// Give the workspace a name.
    RenameWorkspace(String),
    /// Move the workspace to this folder.
    MoveWorkspace(PathBuf),
    /// Try again to write what could not be written.
    RetryStore,
    /// Write files.
    Export(ExportRequest),
    /// Something with servers.
    Pacs(PacsAction),
    /// Something with the learning loop.
    Learn(LearnAction),
    /// Something with the orthogonal views.
    Ortho(OrthoAction),
    /// Take a message away.
    Dismiss(u64),
    /// Show a native dialog.
    Pick(Pick),
}

/// What the export dialog asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportRequest {
    /// Into this folder.
    pub folder: PathBuf,
    /// Which masks.
    pub scope: ExportScope,
    /// In these formats, and how.
    pub options: ExportOptions,
}

/// A look through files that goes on.
#[derive(Clone, Debug)]
pub struct Opening {
    id: u64,
    cancel: Cancel,
    /// Files that were looked at.
    pub files: usize,
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
    pub runs: Vec<Run>,
    /// Files that were opened and not taken.
    pub passed_over: Vec<PassedOver>,
    /// The doubtful place that was gone to last.
    pub focus: Option<(SliceKey, usize)>,
    /// The folder that a dialog chose for the export; the dialog takes it.
    pub picked_export_folder: Option<PathBuf>,
    /// The folder that a dialog chose to move the workspace to; the dialog takes it.
    pub picked_workspace_folder: Option<PathBuf>,
    /// What is in the workspaces used last.
    pub recent_workspaces: Vec<WorkspaceSummary>,
    /// How far the work in the workspace is.
    pub meter: Meter,
    /// The learning loop.
    pub learning: Learning,
    /// Servers.
    pub pacs: Pacs,
    labels: Vec<Label>,
    kept_labels: usize,
    active_label: u8,
    paint_over: PaintOver,
    tool: ToolKind,
    tools: Tools,
    live: Option<Live>,
    history: History,
    workspace: WorkspaceState,
    sent_to_store: u64,
    written: u64,
    store_trouble: Option<String>,
    activity: Option<Activity>,
    ortho: Option<Ortho>,
    /// Why there is none, and of which case, size and limit that holds.
    ortho_refused: Option<((CaseId, usize, usize), String)>,
    /// Changes whenever a mask may have changed.
    mask_clock: u64,
    /// Masks of other slices that a brush is painting on now.
    open_masks: HashMap<SliceKey, Mask>,
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
            Job::ProbeDevice(settings.device),
            Job::Store(StoreJob::Open { folder: None, with_cases: false }),
            Job::LookAtWorkspaces(settings.recent_workspaces.clone()),
        ];
        let cache = settings.picture_bytes();
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
            focus: None,
            picked_export_folder: None,
            picked_workspace_folder: None,
            recent_workspaces: Vec::new(),
            meter: Meter::default(),
            learning: Learning::default(),
            pacs: Pacs::default(),
            labels: Vec::new(),
            kept_labels: 0,
            active_label: 0,
            paint_over: PaintOver::Everything,
            tool: ToolKind::Look,
            tools: Tools::default(),
            live: None,
            history: History::default(),
            workspace: WorkspaceState::Opening,
            sent_to_store: 0,
            written: 0,
            store_trouble: None,
            activity: None,
            ortho: None,
            ortho_refused: None,
            mask_clock: 0,
            open_masks: HashMap::new(),
            cache: Cache::new(cache),
            heading: 0,
            canvas: Canvas { min: [0.0; 2], size: [800.0, 600.0] },
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
    pub fn case(&self) -> Option<&Case> {
        self.cases.get(self.current?)
    }

    /// The pixels of a slice, where they are in memory.
    pub fn loaded(&self, key: SliceKey) -> Option<&Arc<Loaded>> {
        self.cache.get(key)
    }

    /// Bytes of decoded pixels that are in memory.
    pub fn picture_bytes(&self) -> usize {
        self.cache.bytes()
    }

    /// The pixels of the slice that is shown, where they are in memory.
    pub fn current_loaded(&self) -> Option<&Arc<Loaded>> {
        self.loaded(self.case()?.key())
    }

    /// The window that a slice is shown through.
    pub fn window_of(&self, case: &Case, loaded: &Loaded) -> Window {
        case.window.unwrap_or(loaded.default_window)
    }

    /// Distance between the pixels of a slice.
    pub fn spacing(&self, case: &Case, slice: usize) -> Option<PixelSpacing> {
        let loaded = self.loaded(SliceKey { case: case.id, slice });
        loaded.and_then(|l| l.image.spacing).or_else(|| case.slice_info(slice).and_then(|s| s.spacing))
    }

    /// Size and pixel shape of a case's slices.
    pub fn extent(&self, case: &Case) -> Extent {
        let spacing = self.spacing(case, case.slice);
        let aspect = spacing.map_or(1.0, |s| s.row / s.column) as f32;
        let aspect = if aspect.is_finite() && (0.01..=100.0).contains(&aspect) { aspect } else { 1.0 };
        Extent { columns: case.series.columns.max(1) as f32, rows: case.series.rows.max(1) as f32, aspect }
    }

    /// True while something goes on that can be cancelled.
    pub fn is_busy(&self) -> bool {
        self.opening.is_some() || self.exporting.is_some() || self.pacs.receiving.is_some() || !self.runs.is_empty()
    }

    /// Does what the window asks for.
    pub fn apply(&mut self, action: Action) {
        let is_work =
            !matches!(action, Action::SetCanvas { .. } | Action::SetPanelWidths(_) | Action::PreviewCommand(_))
                && !matches!(action, Action::Ortho(OrthoAction::SetCanvas(..)));
        if let Some(case) = self.case().map(|c| c.id).filter(|_| is_work) {
            self.work_on(case);
        }
        if self.needs_room(&action) {
            self.make_room();
        }
        match action {
            Action::Command(command) => self.command(command),
            Action::Open(paths) => self.open(paths),
            Action::OpenSample(name) => self.jobs.push(Job::OpenSample(name)),
            Action::SelectCase(id) => self.select(self.cases.iter().position(|c| c.id == id)),
            Action::SetSlice(slice) => self.go_to_slice(slice),
            Action::ScrollSlices(by) => self.scroll(by),
            Action::SetWindow(window) => self.set_window(Some(window)),
            Action::Zoom { factor, pointer } => self.change_view(|view, c, e| view.zoom_at(factor, pointer, c, e)),
            Action::Pan(delta) => self.change_view(|view, c, e| view.pan(delta, c, e)),
            Action::SetCanvas { canvas, pixels_per_point } => {
                self.canvas = canvas;
                self.pixels_per_point = pixels_per_point;
            }
            Action::SetSettings(settings) => self.set_settings(settings),
            Action::SetPanelWidths(widths) => self.change_settings(|s| [s.left_width, s.right_width] = widths),
            Action::ChooseModel(model) => self.choose_model(model),
            Action::Pointer(input) => self.pointer(input),
            Action::ResizeTool(notches) => self.resize_tool(notches),
            Action::SetTools(options) => {
                self.change_settings(|s| s.tools = options);
                self.show_preview();
            }
            Action::Label(action) => self.label_action(action),
            Action::PreviewCommand(command) => self.preview_command(command),
            Action::SetOrder(order) => self.change_settings(|s| s.case_order = order),
            Action::ImportMasks(paths) => self.import_masks(paths),
            Action::OpenWorkspace(folder) => self.open_workspace(folder),
            Action::RenameWorkspace(name) => self.store(StoreJob::Rename(name)),
            Action::MoveWorkspace(folder) => {
                // A round goes on from its last state in the new folder.
                self.leave_round();
                self.jobs.push(Job::Store(StoreJob::Move(folder)));
            }
            Action::RetryStore => self.retry_store(),
            Action::Export(request) => self.export(request),
            Action::Pacs(action) => self.pacs_action(action),
            Action::Learn(action) => self.learn(action),
            Action::Ortho(action) => self.ortho_action(action),
            Action::Dismiss(id) => self.notices.dismiss(id),
            Action::Pick(pick) => self.jobs.push(Job::Pick(pick)),
        }
        self.refresh_ortho();
    }

    /// True for what is to be seen at once: strokes, other slices and cases, other views.
    fn needs_room(&self, action: &Action) -> bool {
        match action {
            Action::Pointer(_) => self.is_drawing(),
            Action::SetSlice(_) | Action::ScrollSlices(_) | Action::SelectCase(_) | Action::Open(_) => true,
            Action::Zoom { .. } | Action::Pan(_) | Action::SetWindow(_) => true,
            Action::Ortho(OrthoAction::Pointer(..)) => self.is_drawing(),
            Action::Ortho(OrthoAction::SetCanvas(..) | OrthoAction::Activate(_)) => false,
            Action::Ortho(_) => true,
            _ => false,
        }
    }

    fn command(&mut self, command: UserCommand) {
        use UserCommand as C;
        if let Some(reason) = self.refusal(command) {
            if command != C::Cancel {
                self.notices.add(Severity::Hint, format!("{}: {reason}.", command.label().trim_end_matches('.')));
            }
            return;
        }
        if self.active_across().is_some_and(|plane| self.command_across(plane, command)) {
            return;
        }
        match command {
            C::ToggleOrtho => self.change_settings(|s| s.orthogonal = !s.orthogonal),
            C::NextView => self.next_view(),
            C::OpenFiles => self.jobs.push(Job::Pick(Pick::Files)),
            C::OpenFolder => self.jobs.push(Job::Pick(Pick::Folder)),
            C::OpenModel => self.jobs.push(Job::Pick(Pick::Model)),
            C::CloseAll => self.close_all(),
            C::CycleViewMode => self.set_view_mode(self.settings.view_mode.next()),
            C::ShowFill => self.set_view_mode(ViewMode::Fill),
            C::ShowOutline => self.set_view_mode(ViewMode::Outline),
            C::ShowConfidence => self.set_view_mode(ViewMode::Confidence),
            C::ShowDifference => self.set_view_mode(ViewMode::Difference),
            C::ShowNothing => self.set_view_mode(ViewMode::Hidden),
            C::Undo => self.undo(),
            C::Redo => self.redo(),
            C::Grow | C::Shrink | C::Smooth | C::FillHoles | C::RemoveIslands | C::KeepLargest | C::EmptyLabel => {
                self.operate(command);
            }
            C::CopyFromPrevious | C::CopyFromNext => self.operate(command),
            C::Interpolate => self.interpolate(),
            C::AcceptProposal => self.take_proposal(false),
            C::AcceptAllProposals => self.take_proposal(true),
            C::ImportMasks => self.jobs.push(Job::Pick(Pick::Masks)),
            C::ImportFound => self.import_masks(self.masks_found()),
            C::ToolLook | C::ToolBrush | C::ToolEraser | C::ToolSmartBrush | C::ToolPolygon | C::ToolLasso => {
                self.choose_tool(command.tool().unwrap_or_default());
            }
            C::ToolLiveWire | C::ToolFill | C::ToolPull => self.choose_tool(command.tool().unwrap_or_default()),
            C::LargerBrush => self.resize_tool(1),
            C::SmallerBrush => self.resize_tool(-1),
            C::NextLabel => self.step_label(1),
            C::PreviousLabel => self.step_label(-1),
            C::PointerLeft => self.move_pointer([-1.0, 0.0]),
            C::PointerRight => self.move_pointer([1.0, 0.0]),
            C::PointerUp => self.move_pointer([0.0, -1.0]),
            C::PointerDown => self.move_pointer([0.0, 1.0]),
            C::DrawAtPointer => self.draw_at_pointer(),
            C::ToggleOverlays => self.change_settings(|s| s.overlays = !s.overlays),
            C::ToggleMeasurements => self.change_settings(|s| s.measurements = !s.measurements),
            C::TogglePanels => self.change_settings(|s| s.panels = !s.panels),
            C::ToggleAutoRun => self.change_settings(|s| s.auto_run = !s.auto_run),
            C::ToggleTheme => self.change_settings(|s| {
                s.theme = if s.theme == Theme::Dark { Theme::Light } else { Theme::Dark };
            }),
            C::NextSlice => self.scroll(1),
            C::PreviousSlice => self.scroll(-1),
            C::ForwardSlices => self.scroll(10),
            C::BackSlices => self.scroll(-10),
            C::FirstSlice => self.scroll(i64::MIN / 2),
            C::LastSlice => self.scroll(i64::MAX / 2),
            C::ZoomIn => self.zoom_about_middle(1.25),
            C::ZoomOut => self.zoom_about_middle(0.8),
            C::ZoomFit => self.change_view(|view, _, _| *view = View::Fit),
            C::ZoomActual => self.zoom_actual(),
            C::WindowPreset1 => self.preset(0),
            C::WindowPreset2 => self.preset(1),
            C::WindowPreset3 => self.preset(2),
            C::WindowPreset4 => self.preset(3),
            C::WindowAuto => {
                let window = self.current_loaded().map(|l| l.image.auto_window());
                self.set_window(window);
            }
            C::WindowReset => self.set_window(None),
            C::SegmentSlice => self.segment_slice(),
            C::SegmentSeries => self.segment_series(),
            C::Cancel => self.escape(),
            C::Train => self.learn(LearnAction::Start),
            C::PauseTraining => self.learn(LearnAction::Pause(!self.is_training_paused())),
            C::CancelTraining => self.learn(LearnAction::Cancel),
            C::NextDoubtful => self.next_doubtful(true),
            C::PreviousDoubtful => self.next_doubtful(false),
            C::Accept => self.accept(),
            C::Skip => self.skip(),
            C::NextCase => self.step_case(1),
            C::PreviousCase => self.step_case(-1),
            // These open something in the window, which has taken them already.
            C::OpenPath | C::Export | C::Settings | C::Workspace | C::Versions | C::WorkReport => {}
            C::OpenFromServer | C::SendToServer | C::SendQueue => {}
            C::Quit | C::Palette | C::Keys | C::About => {}
        }
    }

    /// What keys do on a view across the slices; false where they do what they do everywhere.
    fn command_across(&mut self, plane: ViewPlane, command: UserCommand) -> bool {
        use UserCommand as C;
        match command {
            C::NextSlice => self.scroll_across(plane, 1),
            C::PreviousSlice => self.scroll_across(plane, -1),
            C::ForwardSlices => self.scroll_across(plane, 10),
            C::BackSlices => self.scroll_across(plane, -10),
            C::FirstSlice => self.scroll_across(plane, i64::MIN / 2),
            C::LastSlice => self.scroll_across(plane, i64::MAX / 2),
            C::ZoomIn => self.zoom_across(plane, 1.25),
            C::ZoomOut => self.zoom_across(plane, 0.8),
            C::ZoomFit => self.change_across(plane, |v| v.view = View::Fit),
            C::PointerLeft => self.move_across(plane, [-1.0, 0.0]),
            C::PointerRight => self.move_across(plane, [1.0, 0.0]),
            C::PointerUp => self.move_across(plane, [0.0, -1.0]),
            C::PointerDown => self.move_across(plane, [0.0, 1.0]),
            C::DrawAtPointer => self.draw_across(plane),
            _ => return false,
        }
        true
    }

    /// Takes in what the worker tells.
    pub fn on_event(&mut self, event: Event) {
        let changes_order = matches!(
            event,
            Event::Opened { .. } | Event::Restored { .. } | Event::RestoredSlice { .. } | Event::Segmented { .. }
        );
        self.take_in_event(event);
        self.refresh_ortho();
        if changes_order {
            self.give_reasons();
        }
    }

    fn take_in_event(&mut self, event: Event) {
        match event {
            Event::Opening { id, files } => {
                if let Some(opening) = self.opening.as_mut().filter(|o| o.id == id) {
                    opening.files = files;
                }
            }
            Event::Opened { id, result } => self.opened(id, result),
            Event::Loaded { key, result } => self.on_loaded(key, result),
            Event::Thumbnail { key, thumbnail } => self.on_thumbnail(key, thumbnail),
            Event::Models(models) => {
                let read = self.models.drain(..).filter(|m| matches!(m.source, ModelSource::File(_)));
                self.models = models.into_iter().chain(read.collect::<Vec<_>>()).collect();
                self.auto_run();
            }
            Event::ModelRead(Ok(model)) => self.on_model_read(model),
            Event::Device(name) => self.device = name,
            Event::Segmented { run, key, revision, result } => self.on_segmented(run, key, revision, result),
            Event::RunEnded { run, failure } => self.on_run_ended(run, failure),
            Event::Notice(text) => self.notices.add(Severity::Warning, sentence(&text)),
            Event::Exporting { done, total } => {
                if let Some(exporting) = &mut self.exporting {
                    (exporting.done, exporting.total) = (done, total);
                }
            }
            Event::Exported(result) => self.on_exported(result),
            Event::AcceptedCases(cases) => self.on_accepted_cases(cases),
            Event::ExportedAccepted(result) => self.on_exported_accepted(result),
            Event::Imported { case, result } => self.on_imported(case, result),
            Event::Surveyed { key, revision, finding } => self.on_surveyed(key, revision, finding),
            Event::Resliced { case, plane, image, .. } => self.on_resliced(case, plane, image),
            Event::Interpolated(job, shapes) => self.on_interpolated(&job, shapes),
            Event::Workspace(result) => self.on_workspace(result),
            Event::Workspaces(summaries) => self.recent_workspaces = summaries,
            Event::Restored { case, known, restored } => self.on_restored(case, known, restored.map(|r| *r)),
            Event::RestoredSlice { key, finding, proposal } => self.on_restored_slice(key, finding, proposal),
            Event::Stored { written, trouble } => self.on_stored(written, trouble),
            Event::Meter(meter) => self.meter = meter,
            Event::NewlyAccepted(count) => self.on_newly_accepted(count),
            Event::RoundBegun(begun) => self.on_round_begun(*begun),
            Event::Round { key, event } => self.on_round(key, event),
            Event::Versions { versions, active } => self.on_versions(versions, active),
            Event::ToCompare { first, second, snapshot } => self.compare(first, second, snapshot),
            Event::Compared { first, second, report } => self.on_compared(first, second, report),
            Event::WorkReport(report) => self.learning.report = Some(report),
            Event::Pacs(event) => self.on_pacs(event),
            Event::Picked { pick, result } => self.on_picked(pick, result),
            Event::ModelRead(Err(error)) | Event::Failed(error) => self.fail(&error),
        }
    }

    /// Shows an error.
    pub fn fail(&mut self, error: &crate::Error) {
        self.notices.add(Severity::Error, sentence(&error.to_string()));
    }

    fn set_view_mode(&mut self, mode: ViewMode) {
        self.change_settings(|s| s.view_mode = mode);
    }

    fn change_settings(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings.clone();
        change(&mut settings);
        self.set_settings(settings);
    }

    fn set_settings(&mut self, settings: Settings) {
        if settings == self.settings {
            return;
        }
        if settings.device != self.settings.device {
            self.device.clear();
            self.jobs.push(Job::ProbeDevice(settings.device));
        }
        let starts_running = settings.auto_run && !self.settings.auto_run;
        let is_limited_anew = settings.memory_mb != self.settings.memory_mb;
        let is_ordered_anew = settings.case_order != self.settings.case_order;
        self.settings = settings;
        if is_ordered_anew {
            self.give_reasons();
        }
        self.jobs.push(Job::SaveSettings(self.settings.clone()));
        if is_limited_anew {
            self.limit_memory();
        }
        if starts_running {
            self.auto_run();
        }
    }

    fn change_view(&mut self, change: impl FnOnce(&mut View, Canvas, Extent)) {
        let Some(case) = self.case() else { return };
        let extent = self.extent(case);
        let canvas = self.canvas;
        if let Some(case) = self.current.and_then(|at| self.cases.get_mut(at)) {
            change(&mut case.view, canvas, extent);
        }
    }

    fn zoom_about_middle(&mut self, factor: f32) {
        self.change_view(|view, canvas, extent| {
            let middle = [canvas.min[0] + canvas.size[0] / 2.0, canvas.min[1] + canvas.size[1] / 2.0];
            view.zoom_at(factor, middle, canvas, extent);
        });
    }

    fn zoom_actual(&mut self) {
        let scale = 1.0 / self.pixels_per_point;
        self.change_view(|view, canvas, extent| {
            let middle = [canvas.min[0] + canvas.size[0] / 2.0, canvas.min[1] + canvas.size[1] / 2.0];
            let center = view.place(canvas, extent).image_from_screen(middle);
            *view = View::Free { scale, center };
        });
    }

    fn preset(&mut self, index: usize) {
        let window = self.current_loaded().and_then(|l| l.presets.get(index)).map(|p| p.window);
        if window.is_some() {
            self.set_window(window);
        }
    }

    fn set_window(&mut self, window: Option<Window>) {
        if let Some(case) = self.current.and_then(|at| self.cases.get_mut(at)) {
            case.window = window;
        }
    }

    fn new_id(&mut self) -> RunId {
        self.next_id += 1;
        self.next_id
    }
}

/// A clause as a sentence.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map_or(String::new(), |c| c.to_uppercase().collect());
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

//! The requests of the window, and how the session carries them out.

use super::{
    Session,
    case_list::CaseFilter,
    cine::CineAction,
    command::UserCommand,
    header::HeaderAction,
    imports::ImportAnswer,
    job::{CaseId, ExportScope, FileJob, Job, ModelSource, Pick, StoreJob, ViewerJob},
    labels::LabelAction,
    learning::LearnAction,
    measurements::MeasureAction,
    ortho::OrthoAction,
    pacs::PacsAction,
    panes::PaneAction,
    screenshot::ScreenshotAction,
    settings::{CaseOrder, ExportOptions, Settings, WindowPlace},
    tasks::TaskChoice,
    tool_options::ToolOptions,
    tools::{Place, PointerInput},
    view::Canvas,
};
use labrum_core::image::Window;
use std::path::PathBuf;

/// Requests from the window, in the order in which they are to be carried out.
pub type Actions = Vec<Action>;

/// A request from the window.
#[derive(Clone, Debug)]
pub enum Action {
    /// Run a command from the command table.
    Command(UserCommand),
    /// Open files or folders.
    Open(Vec<PathBuf>),
    /// Open a bundled sample.
    OpenSample(&'static str),
    /// Show a case.
    SelectCase(CaseId),
    /// Show a slice of the case.
    SetSlice(usize),
    /// Scroll by this many slices; negative goes back.
    ScrollSlices(i64),
    /// Set the window (window/level) of the case.
    SetWindow(Window),
    /// Apply one of its presentation states to the case on the screen, by index; with `None`, show it as when it was opened.
    ChoosePresentation(Option<usize>),
    /// Set the window of the case from the values in a rectangle of the slice.
    WindowOfRegion {
        /// A corner, in pixels of the image.
        from: Place,
        /// The opposite corner.
        to: Place,
    },
    /// Zoom by a factor around a point on the screen.
    Zoom {
        /// Above 1 zooms in.
        factor: f32,
        /// The point that stays fixed.
        pointer: [f32; 2],
    },
    /// Move the image by this many points.
    Pan([f32; 2]),
    /// The position and size of the canvas on the screen.
    SetCanvas {
        /// In points.
        canvas: Canvas,
        /// Screen pixels per point.
        pixels_per_point: f32,
    },
    /// Replace the settings.
    SetSettings(Settings),
    /// Widths of the left and the right panel, in points.
    SetPanelWidths([f32; 2]),
    /// Use this model for the case; `None` picks the matching one automatically.
    ChooseModel(Option<ModelSource>),
    /// A pointer event on the slice that is shown.
    Pointer(PointerInput),
    /// Change the size of the active tool by this many steps.
    ResizeTool(i64),
    /// Replace the tool options.
    SetTools(ToolOptions),
    /// Change the list of labels or choose from it.
    Label(LabelAction),
    /// Put the case that is shown into a task.
    ChooseTask {
        /// The task.
        task: TaskChoice,
        /// Put all cases of its study into the task too.
        whole_study: bool,
    },
    /// Preview what a command would do; `None` shows the active tool again.
    PreviewCommand(Option<UserCommand>),
    /// Set the order of the cases.
    SetOrder(CaseOrder),
    /// Read masks for the case that is shown.
    ImportMasks(Vec<PathBuf>),
    /// Import these of the overlapping masks, by index in the list, topmost first; `None` imports none of them.
    TakeOverlapping(Option<Vec<usize>>),
    /// Answer the question that has to be settled before masks can be applied; `None` cancels the import.
    AnswerImport(Option<ImportAnswer>),
    /// Open the workspace in this folder; create it if there is none.
    OpenWorkspace(PathBuf),
    /// Search this folder for images of the workspace that have moved.
    FindImages(PathBuf),
    /// Rename the workspace.
    RenameWorkspace(String),
    /// Move the workspace to this folder.
    MoveWorkspace(PathBuf),
    /// Delete the proposals of cases that were removed from the list.
    TidyWorkspace,
    /// Try again to save what could not be saved.
    RetryStore,
    /// Export files.
    Export(ExportRequest),
    /// A request about servers (PACS).
    Pacs(PacsAction),
    /// A request about training and versions.
    Learn(LearnAction),
    /// A request about the orthogonal views.
    Ortho(OrthoAction),
    /// A request about the views beside each other.
    Pane(PaneAction),
    /// A request about playing.
    Cine(CineAction),
    /// The clock of the window, in seconds; it never goes back. Sent before each frame of the window while frames are
    /// played.
    Tick(f64),
    /// A request about drawn measurements.
    Measure(MeasureAction),
    /// A request about the headers of files.
    Header(HeaderAction),
    /// A step of taking a screenshot.
    Screenshot(ScreenshotAction),
    /// Show a folder in the file manager.
    ShowFolder(PathBuf),
    /// Dismiss a message.
    Dismiss(u64),
    /// Clear the list of errors.
    ClearErrors,
    /// Show only these cases in the list.
    Filter(CaseFilter),
    /// The size and position of the window.
    SetWindowPlace(WindowPlace),
    /// The window now shows a field for the path that was asked for.
    PathIsAsked,
    /// A path was typed where no native dialog can be shown.
    Picked(Pick, PathBuf),
    /// Show a native dialog.
    Pick(Pick),
}

/// What the export dialog asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportRequest {
    /// The target folder.
    pub folder: PathBuf,
    /// Which masks are exported.
    pub scope: ExportScope,
    /// Formats and options.
    pub options: ExportOptions,
}

impl Session {
    /// Carries out a request of the window.
    pub fn apply_action(&mut self, action: Action) {
        let is_work = !matches!(
            action,
            Action::SetCanvas { .. } | Action::SetPanelWidths(_) | Action::PreviewCommand(_)
        ) && !matches!(action, Action::SetWindowPlace(_) | Action::Tick(_))
            && !matches!(action, Action::Ortho(OrthoAction::SetCanvas(..)))
            && !matches!(action, Action::Pane(PaneAction::SetCanvas(..)));
        if let Some(case) = self.cases.current_case().map(|c| c.id).filter(|_| is_work) {
            self.work_on(case);
        }
        if self.is_only_looking(&action) {
            return;
        }
        if self.cine.is_playing() && self.pauses_cine(&action) {
            self.pause_cine();
        }
        if self.needs_room(&action) {
            self.make_room();
        }
        if let Some(action) = self.hold_action(action) {
            self.do_at_once(action);
        }
        self.carry_on();
        self.refresh_views();
        self.request_values();
    }

    pub(super) fn do_at_once(&mut self, action: Action) {
        match action {
            Action::Command(command) => self.run_command(command),
            Action::Open(paths) => self.open_paths(paths),
            Action::OpenSample(name) => self.jobs.push(Job::Files(FileJob::OpenSample(name))),
            Action::SelectCase(id) => self.select_case(self.cases.index_of(id)),
            Action::SetSlice(slice) => self.go_to_slice(slice),
            Action::ScrollSlices(by) => self.scroll_slices(by),
            Action::SetWindow(window) => self.set_window(Some(window)),
            Action::ChoosePresentation(chosen) => self.choose_presentation(chosen),
            Action::WindowOfRegion { from, to } => self.set_window_of_rect(from, to),
            Action::Zoom { factor, pointer } => {
                self.change_view(|view, c, e| view.zoom_at(factor, pointer, c, e))
            }
            Action::Pan(delta) => self.change_view(|view, c, e| view.pan_by(delta, c, e)),
            Action::SetCanvas {
                canvas,
                pixels_per_point,
            } => {
                self.viewports.canvas = canvas;
                self.viewports.pixels_per_point = pixels_per_point;
                self.panes.note_canvas(self.panes.active_index(), canvas);
            }
            Action::SetSettings(settings) => self.set_settings(settings),
            Action::SetPanelWidths(widths) => {
                self.change_settings(|s| [s.left_width, s.right_width] = widths)
            }
            Action::ChooseModel(model) => self.choose_model(model),
            Action::Pointer(input) => self.handle_pointer(input),
            Action::ResizeTool(notches) => self.resize_tool(notches),
            Action::SetTools(options) => {
                self.change_settings(|s| s.tools = options);
                self.show_preview();
            }
            Action::Label(action) => self.label_action(action),
            Action::ChooseTask { task, whole_study } => self.choose_task(task, whole_study),
            Action::PreviewCommand(command) => self.preview_command(command),
            Action::SetOrder(order) => self.change_settings(|s| s.case_order = order),
            Action::ImportMasks(paths) => self.import_masks(paths),
            Action::TakeOverlapping(chosen) => self.take_overlapping(chosen),
            Action::AnswerImport(answer) => self.answer_import(answer),
            Action::OpenWorkspace(folder) => self.open_workspace(folder),
            Action::FindImages(folder) => self.find_images(folder),
            Action::RenameWorkspace(name) => self.push_store_job(StoreJob::Rename(name)),
            Action::MoveWorkspace(folder) => {
                // The round resumes from its last checkpoint in the new folder.
                self.leave_round();
                self.jobs.push(Job::Store(StoreJob::Move(folder)));
            }
            Action::TidyWorkspace => self.push_store_job(StoreJob::Tidy),
            Action::RetryStore => self.retry_store(),
            Action::Export(request) => self.start_export(request),
            Action::Pacs(action) => self.pacs_action(action),
            Action::Learn(action) => self.learn_action(action),
            Action::Ortho(action) => self.ortho_action(action),
            Action::Pane(action) => self.pane_action(action),
            Action::Cine(action) => self.cine_action(action),
            Action::Tick(now) => self.play_on(now),
            Action::Measure(action) => self.measure_action(action),
            Action::Header(action) => self.header_action(action),
            Action::Screenshot(action) => self.screenshot_action(action),
            Action::ShowFolder(folder) => {
                self.jobs.push(Job::Viewer(ViewerJob::ShowFolder(folder)))
            }
            Action::Dismiss(id) => self.notices.dismiss(id),
            Action::ClearErrors => self.notices.clear_errors(),
            Action::Filter(filter) => self.cases.filter = filter,
            Action::SetWindowPlace(place) => self.change_settings(|s| s.window = Some(place)),
            Action::PathIsAsked => self.questions.asked_path = None,
            Action::Picked(pick, path) => self.on_picked(pick, Ok(vec![path])),
            Action::Pick(pick) => self.jobs.push(Job::Dialog(pick)),
        }
    }

    /// True for actions with an immediate visible effect (strokes, navigation, views): training yields to them.
    fn needs_room(&self, action: &Action) -> bool {
        match action {
            Action::Pointer(_) => self.tools.is_drawing(),
            Action::SetSlice(_)
            | Action::ScrollSlices(_)
            | Action::SelectCase(_)
            | Action::Open(_) => true,
            Action::Zoom { .. } | Action::Pan(_) | Action::SetWindow(_) => true,
            Action::Ortho(OrthoAction::Pointer(..)) => self.tools.is_drawing(),
            Action::Ortho(OrthoAction::SetCanvas(..) | OrthoAction::Activate(_)) => false,
            Action::Ortho(_) => true,
            Action::Pane(PaneAction::Activate(_) | PaneAction::Show(..)) => true,
            _ => false,
        }
    }
}

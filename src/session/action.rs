//! What the window asks for, and what the session does about it.

use super::{
    Session,
    case_list::CaseFilter,
    command::UserCommand,
    imports::ImportAnswer,
    job::{CaseId, ExportOptions, ExportScope, FileJob, Job, ModelSource, Pick, StoreJob},
    labels::LabelAction,
    learning::LearnAction,
    ortho::OrthoAction,
    pacs::PacsAction,
    settings::{CaseOrder, Settings, WindowPlace},
    tasks::TaskChoice,
    tools::{PointerInput, ToolOptions},
    view::Canvas,
};
use labrum_core::image::Window;
use std::path::PathBuf;

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
    /// Put the case on the screen, and all of its study where that is wanted, into a task.
    ChooseTask {
        /// Which task.
        task: TaskChoice,
        /// All cases of the study.
        whole_study: bool,
    },
    /// Show what a command would do; `None` shows the tool in hand again.
    PreviewCommand(Option<UserCommand>),
    /// Go through cases in this order.
    SetOrder(CaseOrder),
    /// Read masks for the case that is shown.
    ImportMasks(Vec<PathBuf>),
    /// Take these of the masks that overlap, the one on top first, by their place in the list; none of them.
    TakeOverlapping(Option<Vec<usize>>),
    /// Say what has to be known before masks can be laid; `None` leaves them.
    AnswerImport(Option<ImportAnswer>),
    /// Open the workspace in this folder; a new one where there is none.
    OpenWorkspace(PathBuf),
    /// Look in this folder for images of the workspace that have moved.
    FindImages(PathBuf),
    /// Give the workspace a name.
    RenameWorkspace(String),
    /// Move the workspace to this folder.
    MoveWorkspace(PathBuf),
    /// Let go of what models proposed for cases that are out of the list.
    TidyWorkspace,
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
    /// Take a message off the picture.
    Dismiss(u64),
    /// Forget the errors that are listed.
    ClearErrors,
    /// Show only these cases in the list.
    Filter(CaseFilter),
    /// The window has this size and place.
    SetWindowPlace(WindowPlace),
    /// The window asks for the path that was wanted.
    PathIsAsked,
    /// A path was typed where no native dialog can be shown.
    Picked(Pick, PathBuf),
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

impl Session {
    /// Does what the window asks for.
    pub fn apply_action(&mut self, action: Action) {
        let is_work = !matches!(
            action,
            Action::SetCanvas { .. } | Action::SetPanelWidths(_) | Action::PreviewCommand(_)
        ) && !matches!(action, Action::SetWindowPlace(_))
            && !matches!(action, Action::Ortho(OrthoAction::SetCanvas(..)));
        if let Some(case) = self.current_case().map(|c| c.id).filter(|_| is_work) {
            self.work_on(case);
        }
        if self.is_only_looking(&action) {
            return;
        }
        if self.needs_room(&action) {
            self.make_room();
        }
        if let Some(action) = self.hold_action(action) {
            self.do_at_once(action);
        }
        self.carry_on();
        self.refresh_ortho();
    }

    pub(super) fn do_at_once(&mut self, action: Action) {
        match action {
            Action::Command(command) => self.run_command(command),
            Action::Open(paths) => self.open_paths(paths),
            Action::OpenSample(name) => self.jobs.push(Job::Files(FileJob::OpenSample(name))),
            Action::SelectCase(id) => self.select_case(self.cases.iter().position(|c| c.id == id)),
            Action::SetSlice(slice) => self.go_to_slice(slice),
            Action::ScrollSlices(by) => self.scroll_slices(by),
            Action::SetWindow(window) => self.set_window(Some(window)),
            Action::Zoom { factor, pointer } => {
                self.change_view(|view, c, e| view.zoom_at(factor, pointer, c, e))
            }
            Action::Pan(delta) => self.change_view(|view, c, e| view.pan_by(delta, c, e)),
            Action::SetCanvas {
                canvas,
                pixels_per_point,
            } => {
                self.canvas = canvas;
                self.pixels_per_point = pixels_per_point;
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
                // A round goes on from its last state in the new folder.
                self.leave_round();
                self.jobs.push(Job::Store(StoreJob::Move(folder)));
            }
            Action::TidyWorkspace => self.push_store_job(StoreJob::Tidy),
            Action::RetryStore => self.retry_store(),
            Action::Export(request) => self.start_export(request),
            Action::Pacs(action) => self.pacs_action(action),
            Action::Learn(action) => self.learn_action(action),
            Action::Ortho(action) => self.ortho_action(action),
            Action::Dismiss(id) => self.notices.dismiss(id),
            Action::ClearErrors => self.notices.clear_errors(),
            Action::Filter(filter) => self.case_filter = filter,
            Action::SetWindowPlace(place) => self.change_settings(|s| s.window = Some(place)),
            Action::PathIsAsked => self.asked_path = None,
            Action::Picked(pick, path) => self.on_picked(pick, Ok(vec![path])),
            Action::Pick(pick) => self.jobs.push(Job::Dialog(pick)),
        }
    }

    /// True for what is to be seen at once: strokes, other slices and cases, other views.
    fn needs_room(&self, action: &Action) -> bool {
        match action {
            Action::Pointer(_) => self.is_drawing(),
            Action::SetSlice(_)
            | Action::ScrollSlices(_)
            | Action::SelectCase(_)
            | Action::Open(_) => true,
            Action::Zoom { .. } | Action::Pan(_) | Action::SetWindow(_) => true,
            Action::Ortho(OrthoAction::Pointer(..)) => self.is_drawing(),
            Action::Ortho(OrthoAction::SetCanvas(..) | OrthoAction::Activate(_)) => false,
            Action::Ortho(_) => true,
            _ => false,
        }
    }
}

//! Modal dialogs: path, folder, import questions, servers, export, screenshot, command palette, settings, label, measurement,
//! task, workspace, header, versions, validation report, work report, keys, messages, about, quitting.

mod about;
mod export;
mod folder;
pub(in crate::ui) mod gate;
mod header;
mod keys;
mod label;
mod label_removal;
mod leave;
mod measurement;
mod messages;
mod overlapping;
pub(in crate::ui) mod pacs;
mod palette;
mod path;
mod screenshot;
mod settings;
mod sheet;
mod task;
mod undecided;
mod versions;
mod work_report;
pub(in crate::ui) mod workspace;

use crate::session::{Action, Actions, Session, command::UserCommand, header::HeaderAction};
use egui::{Context, Frame, Id, Margin, Modal, Ui};
pub(in crate::ui) use gate::Judged;
use labrum_core::measurement::DrawnMeasurement;
use std::mem;

/// The dialog that is open, if any.
#[derive(Default)]
pub(crate) enum Dialogs {
    #[default]
    None,
    Path(path::PathDialog),
    Overlapping(overlapping::OverlappingDialog),
    Undecided(undecided::UndecidedDialog),
    Folder(folder::FolderDialog),
    Export(export::ExportDialog),
    Screenshot(screenshot::ScreenshotDialog),
    Pacs(Box<pacs::PacsDialog>),
    Send(pacs::SendDialog),
    Queue(pacs::QueueDialog),
    Palette(palette::CommandPalette),
    Settings,
    Label(Box<label::LabelDialog>),
    LabelRemoval(label_removal::LabelRemovalDialog),
    Measurement(Box<measurement::MeasurementDialog>),
    Task(task::TaskDialog),
    Workspace(workspace::WorkspaceDialog),
    Versions(versions::VersionsDialog),
    Gate(gate::GateDialog),
    Header(Box<header::HeaderDialog>),
    WorkReport(work_report::WorkReportDialog),
    Keys(keys::KeysDialog),
    Messages,
    About,
    Leave(leave::LeaveDialog),
}

/// What happens to the dialog after this frame.
enum DialogOutcome {
    /// It stays open.
    Stay,
    /// It closes; the dialog from which it was opened comes back.
    Close,
    /// Another dialog replaces it.
    To(Box<Dialogs>),
}

impl From<bool> for DialogOutcome {
    fn from(is_done: bool) -> Self {
        if is_done { Self::Close } else { Self::Stay }
    }
}

impl Dialogs {
    /// True while a dialog is open.
    pub(crate) fn any_open(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Opens the dialog of a command; false for a command without one.
    pub(crate) fn open_for_command(&mut self, command: UserCommand, session: &Session) -> bool {
        *self = match command {
            UserCommand::OpenPath => Self::Path(path::PathDialog::for_images()),
            UserCommand::NewWorkspace => Self::Folder(folder::FolderDialog::new(
                folder::FolderPurpose::NewWorkspace,
            )),
            UserCommand::FindImages => {
                Self::Folder(folder::FolderDialog::new(folder::FolderPurpose::FindImages))
            }
            UserCommand::Export => Self::Export(export::ExportDialog::new(session)),
            UserCommand::SaveScreenshot => {
                Self::Screenshot(screenshot::ScreenshotDialog::for_png(session))
            }
            UserCommand::SaveDicomScreenshot => {
                Self::Screenshot(screenshot::ScreenshotDialog::for_dicom(session))
            }
            UserCommand::OpenFromServer => Self::Pacs(Box::new(pacs::PacsDialog::new(session))),
            UserCommand::SendToServer => Self::Send(pacs::SendDialog::new(session)),
            UserCommand::SendQueue => Self::Queue(pacs::QueueDialog::default()),
            UserCommand::Palette => Self::Palette(palette::CommandPalette::default()),
            UserCommand::Settings => Self::Settings,
            UserCommand::Workspace => Self::Workspace(workspace::WorkspaceDialog::new(session)),
            UserCommand::Versions => Self::Versions(versions::VersionsDialog::new(session)),
            UserCommand::WorkReport => {
                Self::WorkReport(work_report::WorkReportDialog::new(session))
            }
            UserCommand::RemoveLabel => Self::LabelRemoval(
                label_removal::LabelRemovalDialog::for_removal(session.labels.active_label()),
            ),
            UserCommand::MergeLabel => {
                Self::LabelRemoval(label_removal::LabelRemovalDialog::for_merge(session))
            }
            UserCommand::MoveToLabel => {
                Self::LabelRemoval(label_removal::LabelRemovalDialog::move_to(session))
            }
            UserCommand::EditMeasurement => match session.selected_measurement() {
                Some(drawn) => {
                    Self::Measurement(Box::new(measurement::MeasurementDialog::new(drawn)))
                }
                None => return false,
            },
            UserCommand::Header => match header::HeaderDialog::new(session) {
                Some(dialog) => Self::Header(Box::new(dialog)),
                None => return false,
            },
            UserCommand::ChooseTask => Self::Task(task::TaskDialog::new(session)),
            UserCommand::Keys => Self::Keys(keys::KeysDialog::default()),
            UserCommand::Messages => Self::Messages,
            UserCommand::About => Self::About,
            _ => return false,
        };
        true
    }

    /// Opens the validation report.
    pub(crate) fn open_gate_report(&mut self, judged: Judged) {
        *self = Self::Gate(gate::GateDialog::new(judged, None));
    }

    /// Opens the dialog for a new label.
    pub(crate) fn add_label(&mut self, session: &Session) {
        *self = Self::Label(Box::new(label::LabelDialog::for_new(session)));
    }

    /// Opens the dialog for an existing label, 1..=n.
    pub(crate) fn edit_label(&mut self, session: &Session, label: u8) {
        if let Some(dialog) = label::LabelDialog::for_existing(session, label) {
            *self = Self::Label(Box::new(dialog));
        }
    }

    /// Opens the dialog for a drawn measurement.
    pub(crate) fn edit_measurement(&mut self, drawn: &DrawnMeasurement) {
        *self = Self::Measurement(Box::new(measurement::MeasurementDialog::new(drawn)));
    }

    /// Asks what to do about unsaved changes and a running round of training.
    pub(crate) fn ask_before_leaving(&mut self) {
        *self = Self::Leave(leave::LeaveDialog::default());
    }

    /// True once the user has confirmed that the window may close.
    pub(crate) fn may_leave(&self) -> bool {
        matches!(self, Self::Leave(dialog) if dialog.may_leave)
    }

    /// Shows the open dialog.
    pub(crate) fn show_current(&mut self, ctx: &Context, session: &Session, actions: &mut Actions) {
        if let (Self::None, Some(overlapping)) = (&*self, &session.questions.overlapping) {
            *self = Self::Overlapping(overlapping::OverlappingDialog::new(overlapping));
        }
        if let (Self::None, Some(_)) = (&*self, &session.questions.undecided) {
            *self = Self::Undecided(undecided::UndecidedDialog::default());
        }
        if let (Self::None, Some(pick)) = (&*self, session.questions.asked_path) {
            *self = Self::Path(path::PathDialog::for_missing_picker(pick));
            actions.push(Action::PathIsAsked);
        }
        // Each dialog has its own id, so that none opens with the size of the previous one.
        let (name, width): (&'static str, f32) = match self {
            Self::None => return,
            Self::Path(_) => ("path", 560.0),
            Self::Folder(_) => ("folder", 560.0),
            Self::Overlapping(_) => ("overlapping", 520.0),
            Self::Undecided(_) => ("undecided", 520.0),
            Self::Export(_) => ("export", 720.0),
            Self::Screenshot(_) => ("screenshot", 560.0),
            Self::Pacs(_) => ("servers", 960.0),
            Self::Send(_) => ("send", 560.0),
            Self::Queue(_) => ("queue", 760.0),
            Self::Palette(_) => ("palette", 520.0),
            Self::Settings => ("settings", 460.0),
            Self::Label(_) => ("label", 480.0),
            Self::LabelRemoval(_) => ("label removal", 460.0),
            Self::Measurement(_) => ("measurement", 480.0),
            Self::Task(_) => ("task", 420.0),
            Self::Workspace(_) => ("workspace", 560.0),
            Self::Versions(_) => ("versions", 960.0),
            Self::Gate(_) => ("gate", 1000.0),
            Self::Header(_) => ("header", 960.0),
            Self::WorkReport(_) => ("work report", 960.0),
            Self::Keys(_) => ("keys", 640.0),
            Self::Messages => ("messages", 640.0),
            Self::About => ("about", 460.0),
            Self::Leave(_) => ("leave", 460.0),
        };
        let frame = Frame::popup(&ctx.global_style())
            .inner_margin(Margin::same(sheet::MARGIN as i8))
            .corner_radius(8);
        sheet::mark_drawn(ctx, name);
        sheet::note_enter_free(ctx);
        let modal = Modal::new(Id::unique(("dialog", name)))
            .frame(frame)
            .show(ctx, |ui| {
                ui.set_width(width.min(sheet::max_content_width(ui.ctx())));
                self.show_contents(ui, session, actions)
            });
        match modal.inner {
            DialogOutcome::Stay if !modal.should_close() => {}
            DialogOutcome::To(next) => *self = *next,
            DialogOutcome::Stay | DialogOutcome::Close => {
                // Closed with Esc or a click outside: counts as cancelled.
                if matches!(self, Self::Overlapping(dialog) if !dialog.is_answered()) {
                    actions.push(Action::TakeOverlapping(None));
                }
                if matches!(self, Self::Undecided(dialog) if !dialog.is_answered()) {
                    actions.push(Action::AnswerImport(None));
                }
                if matches!(self, Self::Header(_)) {
                    actions.push(Action::Header(HeaderAction::Forget));
                }
                *self = mem::take(self).into_previous();
            }
        }
    }

    fn show_contents(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> DialogOutcome {
        match self {
            Self::None => DialogOutcome::Close,
            Self::Path(dialog) => dialog.show_dialog(ui, session, actions).into(),
            Self::Overlapping(dialog) => dialog.show_dialog(ui, session, actions).into(),
            Self::Undecided(dialog) => dialog.show_contents(ui, session, actions).into(),
            Self::Folder(dialog) => dialog.show_dialog(ui, session, actions).into(),
            Self::Export(dialog) => dialog.show_dialog(ui, session, actions).into(),
            Self::Screenshot(dialog) => dialog.show_dialog(ui, session, actions).into(),
            Self::Pacs(dialog) => dialog.show_dialog(ui, session, actions).into(),
            Self::Send(dialog) => dialog.show_contents(ui, session, actions).into(),
            Self::Queue(dialog) => dialog.show_contents(ui, session, actions).into(),
            Self::Palette(palette) => palette.show_dialog(ui, session, actions).into(),
            Self::Settings => settings::show_dialog(ui, session, actions).into(),
            Self::Label(dialog) => dialog.show_dialog(ui, actions).into(),
            Self::LabelRemoval(dialog) => dialog.show_dialog(ui, session, actions).into(),
            Self::Measurement(dialog) => dialog.show_dialog(ui, actions).into(),
            Self::Task(dialog) => dialog.show_contents(ui, session, actions).into(),
            Self::Workspace(dialog) => dialog.show_contents(ui, session, actions).into(),
            Self::Versions(dialog) => dialog.show_contents(ui, session, actions),
            Self::Gate(dialog) => dialog.show_dialog(ui, session, actions),
            Self::Header(dialog) => dialog.show_dialog(ui, session, actions).into(),
            Self::WorkReport(dialog) => dialog.show_contents(ui, session, actions).into(),
            Self::Keys(dialog) => dialog.show_dialog(ui, session, actions).into(),
            Self::Messages => messages::show_dialog(ui, session, actions).into(),
            Self::About => about::show_dialog(ui, session).into(),
            Self::Leave(dialog) => dialog.show_dialog(ui, session, actions).into(),
        }
    }

    /// The dialog from which this one was opened.
    fn into_previous(self) -> Self {
        match self {
            Self::Gate(dialog) => dialog.into_previous(),
            _ => Self::None,
        }
    }
}

//! The menus, made from the table of commands.

use crate::{
    session::{
        Action, Session,
        command::{COMMANDS, Entry, Menu, UserCommand},
        settings::{Theme, ViewMode},
        store::WorkspaceState,
    },
    ui::shortcuts,
};
use egui::{Button, MenuBar, Ui};

/// Shows the bar of menus.
pub(in crate::ui) fn show(ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) {
    MenuBar::new().ui(ui, |ui| {
        for menu in Menu::ALL {
            ui.menu_button(menu.label(), |ui| {
                ui.set_min_width(260.0);
                let mut entries = COMMANDS.iter().filter(|e| e.menu == menu).peekable();
                while let Some(entry) = entries.next() {
                    item(ui, session, actions, entry);
                    if entry.command == UserCommand::NewWorkspace {
                        recent(ui, session, actions);
                    }
                    if entries.peek().is_some() && ends_group(entry.command) {
                        ui.separator();
                    }
                }
            });
        }
    });
}

/// The workspaces used last, the open one among them.
fn recent(ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) {
    let there: Vec<_> = session.recent_workspaces.iter().filter(|summary| !summary.is_missing).collect();
    ui.add_enabled_ui(!there.is_empty(), |ui| {
        ui.menu_button("Recent workspaces", |ui| {
            for summary in there {
                let folder = summary.folder.display().to_string();
                let is_open =
                    matches!(session.workspace(), WorkspaceState::Open(info) if info.folder == summary.folder);
                let button = ui.add(Button::selectable(is_open, &summary.name)).on_hover_text(folder);
                if button.clicked() {
                    if !is_open {
                        actions.push(Action::OpenWorkspace(summary.folder.clone()));
                    }
                    ui.close();
                }
            }
        });
    });
}

fn item(ui: &mut Ui, session: &Session, actions: &mut Vec<Action>, entry: &Entry) {
    let refusal = session.refusal(entry.command);
    let words = words(session, entry);
    let button = match is_on(session, entry.command) {
        Some(is_on) => Button::selectable(is_on, words),
        None => Button::new(words),
    };
    let button = button.shortcut_text(shortcuts::key_of(&session.settings.keys, entry.command));
    let response = ui
        .add_enabled(refusal.is_none(), button)
        .on_hover_text(entry.tooltip)
        .on_disabled_hover_text(refusal.unwrap_or_default())
        .accessible_name(entry.label.trim_end_matches("..."));
    if response.clicked() {
        actions.push(Action::Command(entry.command));
        ui.close();
    }
}

/// The name of a command; for undo and redo with what they would do.
fn words(session: &Session, entry: &Entry) -> String {
    if entry.command == UserCommand::PauseTraining && session.is_training_paused() {
        return "Go on training".to_owned();
    }
    let anywhere = match entry.command {
        UserCommand::UndoAnywhere => session.next_undo_anywhere(),
        UserCommand::RedoAnywhere => session.next_redo_anywhere(),
        _ => None,
    };
    if let Some((tool, case)) = anywhere {
        return format!("{}: {} in {case}", entry.label, tool.to_lowercase());
    }
    let what = match entry.command {
        UserCommand::Undo => session.next_undo(),
        UserCommand::Redo => session.next_redo(),
        _ => None,
    };
    what.map_or(entry.label.to_owned(), |what| format!("{}: {}", entry.label, what.to_lowercase()))
}

/// Whether something that can be switched is on.
fn is_on(session: &Session, command: UserCommand) -> Option<bool> {
    let settings = &session.settings;
    Some(match command {
        UserCommand::ShowFill => settings.view_mode == ViewMode::Fill,
        UserCommand::ShowOutline => settings.view_mode == ViewMode::Outline,
        UserCommand::ShowConfidence => settings.view_mode == ViewMode::Confidence,
        UserCommand::ShowDifference => settings.view_mode == ViewMode::Difference,
        UserCommand::ShowNothing => settings.view_mode == ViewMode::Hidden,
        UserCommand::ToggleMeasurements => settings.measurements,
        UserCommand::ToggleOrtho => settings.orthogonal,
        UserCommand::ToggleOverlays => settings.overlays,
        UserCommand::TogglePanels => settings.panels,
        UserCommand::ToggleTheme => settings.theme == Theme::Light,
        UserCommand::ToggleAutoRun => settings.auto_run,
        command => session.tool() == command.tool()?,
    })
}

fn ends_group(command: UserCommand) -> bool {
    use UserCommand as C;
    matches!(
        command,
        C::OpenFromServer
            | C::ImportFound
            | C::RedoAnywhere
            | C::NothingElsewhere
            | C::Interpolate
            | C::RemoveCase
            | C::ToolPull
            | C::SmallerBrush
            | C::PreviousLabel
            | C::AcceptAllProposals
            | C::CloseAll
            | C::Settings
            | C::ToggleOverlays
            | C::LastSlice
            | C::ZoomActual
            | C::WindowReset
            | C::NextView
            | C::ToggleTheme
            | C::SegmentSeries
            | C::ToggleAutoRun
            | C::CancelTraining
            | C::WorkReport
            | C::PreviousDoubtful
            | C::Skip
    )
}

//! The menu bar, made from the command table.

use crate::{
    session::{
        Action, Actions, Session,
        appearance::Appearance,
        cine::CineAxis,
        command::{COMMANDS, CommandEntry, Menu, UserCommand},
        settings::{Theme, ViewMode},
        store::WorkspaceState,
    },
    ui::widgets::{Tick, command_name, menu_item, scrolled_menu},
};
use egui::{MenuBar, Role, Ui, WidgetInfo, containers::menu::SubMenuButton};
use labrum_core::{cine::PlayMode, measurement::CardiacPhase};
use std::iter;

/// Shows the menu bar.
pub(in crate::ui) fn show_bar(ui: &mut Ui, session: &Session, actions: &mut Actions) {
    MenuBar::new().ui(ui, |ui| {
        for menu in Menu::ALL {
            ui.menu_button(menu.display_label(), |ui| {
                ui.set_min_width(260.0);
                scrolled_menu(ui, |ui| show_entries(ui, session, menu, actions));
            });
        }
    });
}

/// The recent workspaces, including the open one.
fn show_recent_workspaces(ui: &mut Ui, session: &Session, actions: &mut Actions) {
    let there: Vec<_> = session
        .workspace
        .recent
        .iter()
        .filter(|summary| !summary.is_missing)
        .collect();
    ui.add_enabled_ui(!there.is_empty(), |ui| {
        ui.menu_button("Recent workspaces", |ui| {
            for summary in there {
                let folder = summary.folder.display().to_string();
                let is_open =
                    matches!(session.workspace.state(), WorkspaceState::Open(info) if info.folder == summary.folder);
                let button = ui.add(Tick::Of(is_open).into_button(summary.name.clone())).on_hover_text(folder);
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

/// The submenu of presentation states.
const PRESENTATIONS: &str = "Presentation state";

/// The presentation states of the case on the screen, the chosen one ticked.
fn show_presentations(ui: &mut Ui, session: &Session, actions: &mut Actions) {
    let Some(case) = session.cases.current_case() else {
        return;
    };
    ui.separator();
    let states = case.presentations.iter().enumerate();
    let named = states.map(|(at, state)| (Some(at), state.display_name()));
    for (choice, name) in iter::once((None, "None".to_owned())).chain(named) {
        let is_chosen = case.presentation == choice;
        let response = ui.add(Tick::Of(is_chosen).into_button(name.clone()));
        response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_chosen, &name));
        if response.clicked() {
            actions.push(Action::ChoosePresentation(choice));
            ui.close();
        }
    }
}

/// The items of a menu; related commands are grouped in submenus.
fn show_entries(ui: &mut Ui, session: &Session, menu: Menu, actions: &mut Actions) {
    let all: Vec<&CommandEntry> = COMMANDS
        .iter()
        .filter(|e| e.menu == menu && !is_missing_preset(session, e.command))
        .collect();
    let has_ticks = all
        .iter()
        .filter(|entry| inner_menu(entry.command).is_none())
        .any(|entry| is_on(session, entry.command).is_some());
    for run in all.chunk_by(|a, b| inner_menu(a.command) == inner_menu(b.command)) {
        match run.first().and_then(|entry| inner_menu(entry.command)) {
            Some(name) => {
                let tick = if has_ticks { Tick::Room } else { Tick::Nowhere };
                let inner = run
                    .iter()
                    .any(|entry| is_on(session, entry.command).is_some());
                let menu = SubMenuButton::from_button(
                    tick.into_button(name.to_owned())
                        .right_text(SubMenuButton::arrow_atom(None)),
                );
                menu.ui(ui, |ui| {
                    ui.set_min_width(240.0);
                    scrolled_menu(ui, |ui| {
                        run.iter()
                            .for_each(|entry| show_entry(ui, session, actions, entry, inner));
                        if name == PRESENTATIONS {
                            show_presentations(ui, session, actions);
                        }
                    });
                });
            }
            None => {
                for (place, entry) in run.iter().enumerate() {
                    show_entry(ui, session, actions, entry, has_ticks);
                    if entry.command == UserCommand::NewWorkspace {
                        show_recent_workspaces(ui, session, actions);
                    }
                    if ends_group(entry.command) && place + 1 < run.len() {
                        ui.separator();
                    }
                }
            }
        }
    }
}

/// True for a window preset that the image does not have.
pub(super) fn is_missing_preset(session: &Session, command: UserCommand) -> bool {
    command.preset_index().is_some() && session.preset_name(command).is_none()
}

/// The submenu of a command, if any.
fn inner_menu(command: UserCommand) -> Option<&'static str> {
    use UserCommand as C;
    Some(match command {
        C::CycleViewMode
        | C::ShowFill
        | C::ShowOutline
        | C::ShowConfidence
        | C::ShowDifference
        | C::ShowNothing => "Mask",
        C::NextSlice
        | C::PreviousSlice
        | C::ForwardSlices
        | C::BackSlices
        | C::FirstSlice
        | C::LastSlice => "Slice",
        C::LayoutOne | C::LayoutSideBySide | C::LayoutStacked | C::LayoutFour | C::LinkViews => {
            "Layout"
        }
        C::TogglePlay
        | C::SlowerCine
        | C::FasterCine
        | C::CineLoop
        | C::CineBackAndForth
        | C::CineOnce
        | C::CineTimes => "Cine",
        C::NextTime | C::PreviousTime | C::MarkEndDiastole | C::MarkEndSystole => "Time",
        C::ZoomIn | C::ZoomOut | C::ZoomFit | C::ZoomActual | C::ZoomMask => "Zoom",
        C::FlipHorizontally | C::FlipVertically | C::RotateRight | C::RotateLeft => {
            "Flip and rotate"
        }
        C::NextPresentation | C::ToggleAnnotations => PRESENTATIONS,
        C::WindowAuto | C::WindowMask | C::WindowReset => "Window/level",
        _ if command.preset_index().is_some() => "Window/level",
        C::InvertGrey
        | C::NextColorMap
        | C::ColorGrey
        | C::ColorHotIron
        | C::ColorInferno
        | C::ColorViridis
        | C::ColorRainbow => "Colours",
        C::PointerLeft | C::PointerRight | C::PointerUp | C::PointerDown | C::DrawAtPointer => {
            "Draw with the keyboard"
        }
        C::NextMeasurement | C::EditMeasurement | C::DeleteMeasurement => "Measurement",
        command if command.measure_kind().is_some() => "Measurement",
        _ => return None,
    })
}

/// A menu item, with space for a tick if another item of its menu has one.
fn show_entry(
    ui: &mut Ui,
    session: &Session,
    actions: &mut Actions,
    entry: &CommandEntry,
    has_ticks: bool,
) {
    let tick = match is_on(session, entry.command) {
        Some(is_on) => Tick::Of(is_on),
        None if has_ticks => Tick::Room,
        None => Tick::Nowhere,
    };
    menu_item(
        ui,
        session,
        actions,
        entry,
        entry_text(session, entry),
        tick,
    );
}

/// The name of a command; undo and redo also name the step.
fn entry_text(session: &Session, entry: &CommandEntry) -> String {
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
    let name = command_name(session, entry);
    what.map_or_else(
        || name.clone(),
        |what| format!("{name}: {}", what.to_lowercase()),
    )
}

/// Whether a toggle command is on; `None` for other commands.
pub(super) fn is_on(session: &Session, command: UserCommand) -> Option<bool> {
    let settings = &session.settings;
    Some(match command {
        UserCommand::ShowFill => settings.view_mode == ViewMode::Fill,
        UserCommand::ShowOutline => settings.view_mode == ViewMode::Outline,
        UserCommand::ShowConfidence => settings.view_mode == ViewMode::Confidence,
        UserCommand::ShowDifference => settings.view_mode == ViewMode::Difference,
        UserCommand::ShowNothing => settings.view_mode == ViewMode::Hidden,
        UserCommand::ToggleMeasurements => settings.measurements,
        UserCommand::ToggleOrtho => settings.orthogonal,
        UserCommand::LinkViews => settings.linked,
        UserCommand::ToggleOverlays => settings.overlays,
        UserCommand::ToggleAnnotations => settings.annotations,
        UserCommand::ToggleInformation => settings.information,
        UserCommand::ToggleInterpolation => settings.interpolation,
        UserCommand::ToggleMagnifier => session.viewports.magnifier,
        UserCommand::InvertGrey => shown_appearance(session).is_inverted,
        UserCommand::TogglePanels => settings.panels,
        UserCommand::ToggleCases => settings.case_list,
        UserCommand::ToggleTheme => settings.theme == Theme::Light,
        UserCommand::ToggleAutoRun => settings.auto_run,
        UserCommand::ToggleDrawn => settings.drawn,
        UserCommand::TogglePlay => session.cine.is_playing(),
        UserCommand::CineLoop => plays_as(session, PlayMode::Loop),
        UserCommand::CineBackAndForth => plays_as(session, PlayMode::BackAndForth),
        UserCommand::CineOnce => plays_as(session, PlayMode::Once),
        UserCommand::CineTimes => plays_times(session),
        UserCommand::MarkEndDiastole => is_marked(session, CardiacPhase::EndDiastole),
        UserCommand::MarkEndSystole => is_marked(session, CardiacPhase::EndSystole),
        command => match (command.color_map(), command.view_layout()) {
            (Some(map), _) => shown_appearance(session).color_map == map,
            (None, Some(layout)) => {
                settings.layout == layout && session.viewports.ortho_views().is_none()
            }
            (None, None) => {
                let kind = command.measure_kind();
                session.tools.active_tool() == command.tool_kind()?
                    && kind.is_none_or(|kind| kind == settings.tools.measure)
            }
        },
    })
}

/// True if the case on the screen is played in this way.
fn plays_as(session: &Session, mode: PlayMode) -> bool {
    let case = session.cases.current_case();
    case.is_some_and(|case| session.cine.mode_of(&case.series) == mode)
}

/// True if the times of the case on the screen are played, not its slices.
fn plays_times(session: &Session) -> bool {
    let case = session.cases.current_case();
    case.is_some_and(|case| session.played_axis(case) == Some(CineAxis::Times))
}

/// True if the time on the screen is marked as this phase.
fn is_marked(session: &Session, phase: CardiacPhase) -> bool {
    let case = session.cases.current_case();
    case.is_some_and(|case| session.is_marked_phase(case, phase))
}

/// How the case on the screen looks.
fn shown_appearance(session: &Session) -> Appearance {
    let case = session.cases.current_case();
    case.map(|case| case.appearance).unwrap_or_default()
}

fn ends_group(command: UserCommand) -> bool {
    use UserCommand as C;
    matches!(
        command,
        C::OpenFromServer
            | C::ImportMeasurements
            | C::RedoAnywhere
            | C::NothingElsewhere
            | C::Interpolate
            | C::RemoveCase
            | C::ToolMeasure
            | C::SmallerBrush
            | C::PreviousLabel
            | C::AcceptAllProposals
            | C::CloseAll
            | C::Settings
            | C::Header
            | C::ResetView
            | C::NextView
            | C::ToggleTheme
            | C::SegmentSeries
            | C::ToggleAutoRun
            | C::CancelTraining
            | C::WorkReport
            | C::SecondChoice
            | C::Skip
            | C::PreviousCase
            | C::Keys
    )
}
